"""Inspections beside `ss`, while connections come and go all the time, and at rest.

`ss` is asked before and after each inspection. What the inspection says lies between the two, give or take
the connections that were open for a moment; at rest it is the same number.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tcpwatchd.diagnosis.inspector import SocketInspector
from tcpwatchd.diagnosis.services import Service
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.kernel.procfs import sysctl
from tcpwatchd.model.sockets import State
from tests.lab import ss
from tests.lab.lab_resident import CHURN_WIDTH
from tests.lab.socket_lab import Lab

LOOKS = 8
STILL_S = 0.5  # after the end of the churn; TIME_WAIT stays for a minute
# One of a pair of ends, in whatever state, while the other has not got there.
MOMENTARY = 2 * CHURN_WIDTH
HELD = 60
EVERYTHING = Service("everything", ((1, 65535),))


class Seen(NamedTuple):
    """Connections to the busiest destination, and where it is (several if they are equal); sockets of the
    service of all ports by state; sockets in CLOSE_WAIT by the numbers of their holders' line.
    """

    destinations: frozenset[str]
    used: int
    service: Mapping[State, int]
    close_wait: int


def by_ss() -> Seen:
    """As `ss` lists them."""
    first, last = map(int, sysctl("/proc/sys/net/ipv4/ip_local_port_range").split())
    ways: Counter[tuple[str, str]] = Counter()
    for line in ss.here(["ss", "-Htan"]).splitlines():
        state, _received, _sent, local, remote = line.split()[:5]
        address, _, port = local.rpartition(":")
        if state not in ("LISTEN", "UNCONN", "SYN-RECV") and first <= int(port) <= last:
            ways[remote, address] += 1
    states = ss.listed(ss.here)
    used = max(ways.values())
    busiest = frozenset(remote for (remote, _), sockets in ways.items() if sockets == used)
    return Seen(busiest, used, states, states[State.CLOSE_WAIT])


def by_inspector(inspector: SocketInspector) -> Seen:
    """As the daemon sees them. Each inspection takes the way of a host with very many connections."""
    ports = inspector.ports(20_000)
    # Few enough to be counted exactly once the sample has shown so.
    tally = inspector.services([EVERYTHING], discover=False, connections=20_000)["everything"]
    told = inspector.culprits([State.CLOSE_WAIT], time.monotonic())[State.CLOSE_WAIT]
    held = sum(map(int, re.findall(r"(?:\]|others) (\d+)", told)))
    return Seen(frozenset([ports.remote]), ports.used, {state: tally[state] for state in State}, held)


class Look(NamedTuple):
    """What ss said before and after, and the inspector between."""

    before: Seen
    found: Seen
    after: Seen


def looks(number: int) -> Callable[[], list[Look]]:
    """To be called in a lab."""

    def look() -> list[Look]:
        kernel = NetlinkBackend()
        kernel.attempt()
        with contextlib.closing(kernel):
            inspector = SocketInspector(kernel, few=0, few_of_services=19_999)
            return [Look(by_ss(), by_inspector(inspector), by_ss()) for _ in range(number)]

    return look


def test_under_churn_an_inspection_lies_between_two_of_ss(lab: Lab) -> None:
    lab.make(State.CLOSE_WAIT, ipv4=HELD)
    with lab.churn() as connections:
        time.sleep(STILL_S)  # until one destination leads
        seen = lab.call(looks(LOOKS))
    assert connections() > 500, "too little churn to say anything"
    assert seen[-1].after.used > seen[0].before.used
    for before, found, after in seen:
        assert before.used - MOMENTARY <= found.used <= after.used + MOMENTARY
        assert found.close_wait == HELD
        for state in (State.ESTABLISHED, State.TIME_WAIT, State.FIN_WAIT2, State.CLOSE_WAIT):
            least, most = sorted((before.service[state], after.service[state]))
            assert least - MOMENTARY <= found.service[state] <= most + MOMENTARY, state.name


def test_at_rest_an_inspection_says_what_ss_says(lab: Lab) -> None:
    lab.make(State.CLOSE_WAIT, ipv4=HELD)
    with lab.churn():
        time.sleep(STILL_S)
    time.sleep(STILL_S)
    for before, found, after in lab.call(looks(2)):
        assert before == after, "no rest"
        assert found.destinations <= before.destinations
        assert (found.used, found.close_wait) == (before.used, before.close_wait)
        assert {state: found.service[state] for state in before.service} == dict(before.service)
