"""Fast and full mode against the kernel of this machine: the same numbers, at rest and among churn."""

from __future__ import annotations

import contextlib
import functools
import itertools
import socket
import struct
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tcpwatchd.kernel import currestab_probe
from tcpwatchd.kernel.counter_estimates import CurrEstab
from tcpwatchd.kernel.counters import read_counters
from tcpwatchd.kernel.inet_diag import NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, TCPDIAG_GETSOCK
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.kernel.procnet import Counters
from tcpwatchd.kernel.sampler import FAST, FULL, open_sampler
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.errors import CountersError, SampleError
from tcpwatchd.model.sockets import Snapshot, State, Walk
from tests.lab.capture_dump import walk_of
from tests.lab.lab_resident import CHURN_CONNECTIONS, CHURN_WIDTH
from tests.lab.socket_lab import NOBODY, Lab, count_with_ss, fill, require_lab

IN_TABLES = tuple(state for state in State if state is not State.CLOSE)
SAMPLES = 20
AS_BOTH = pytest.mark.parametrize("user", [0, NOBODY], ids=["root", "nobody"])


@dataclass(frozen=True)
class Sampled:
    """A sample, and the counters right before and after it."""

    before: Counters
    snapshot: Snapshot
    after: Counters


def sampled(mode: str, count: int, audit_every: int = 10**6) -> tuple[list[Sampled], str]:
    """So many samples in a row over one netlink socket, the first one an audit; and whether it is trusted."""
    sampler = open_sampler("netlink", Clock(), mode)
    with contextlib.closing(sampler.backend):
        samples = []
        for number in range(count):
            before = read_counters()
            snapshot = sampler.sample(full=number % audit_every == 0)
            samples.append(Sampled(before, snapshot, read_counters()))
            time.sleep(0.01)
        return samples, sampler.distrust


def totals(snapshot: Snapshot) -> dict[State, int]:
    return {state: snapshot.reading.sockets[state] for state in IN_TABLES}


def totals_of(lab: Lab) -> dict[State, int]:
    return {state: sum(lab.expected()[state]) for state in IN_TABLES}


# --- at rest ---------------------------------------------------------------------------------------------


@AS_BOTH
@pytest.mark.parametrize("mode", [FAST, FULL])
def test_every_state_and_every_owner_is_counted_exactly(lab: Lab, mode: str, user: int) -> None:
    """The lab has sockets in all states, made for real; ss says the same."""
    fill(lab)
    samples, distrust = lab.call(functools.partial(sampled, mode, 4), user)
    expected = totals_of(lab)
    assert {
        state: sum(count) for state, count in count_with_ss(lab).items() if state in IN_TABLES
    } == expected
    assert 0 not in expected.values()
    assert lab.orphaned > lab.minis > 0
    held = expected[State.FIN_WAIT2] - lab.orphaned
    for each in samples:
        assert totals(each.snapshot) == expected
        assert (each.snapshot.reading.held, each.snapshot.reading.orphaned) == (held, lab.orphaned)
    assert distrust == ""
    # The first sample is an audit; the second sees sockets in CLOSE_WAIT and needs another to tell what
    # CurrEstab counts here; then none is needed any more.
    audits = [each.snapshot.reading.audit for each in samples]
    assert audits == ([0, 0, None, None] if mode == FAST else [None] * 4)
    assert [each.snapshot.reading.families is None for each in samples[2:]] == [mode == FAST] * 2


def test_a_namespace_without_sockets_is_all_zeros_the_fast_way(lab: Lab) -> None:
    samples, _ = lab.call(functools.partial(sampled, FAST, 2))
    assert [set(totals(each.snapshot).values()) for each in samples] == [{0}, {0}]


def test_thousands_in_the_crowds_are_not_copied_and_not_missed(lab: Lab) -> None:
    lab.make(State.ESTABLISHED, ipv4=1500, ipv6=1000)
    lab.make(State.TIME_WAIT, ipv4=300, ipv6=200)
    lab.make(State.CLOSE_WAIT, ipv4=30, ipv6=20)
    samples, distrust = lab.call(functools.partial(sampled, FAST, 5))
    assert [totals(each.snapshot) for each in samples] == [totals_of(lab)] * 5
    assert (samples[-1].snapshot.reading.audit, distrust) == (None, "")


# --- churn -----------------------------------------------------------------------------------------------


@AS_BOTH
@pytest.mark.parametrize("mode", [FAST, FULL])
def test_samples_among_churn_are_within_what_it_explains(lab: Lab, mode: str, user: int) -> None:
    """Sockets that stand still are all there in every sample; what moves is bounded by how much moved."""
    fill(lab)
    standing = {**totals_of(lab), State.LISTEN: sum(lab.expected()[State.LISTEN]) + 2}
    with lab.churn() as connections:
        samples, distrust = lab.call(functools.partial(sampled, mode, SAMPLES, 5), user)
    assert connections() < CHURN_CONNECTIONS, "the churn had ended before the samples were taken"
    assert samples[-1].after.opens > samples[0].before.opens, "nothing moved"
    assert distrust == ""
    for number, each in enumerate(samples):
        # Sockets that stood in the middle of a connection, and those of connections begun meanwhile: each
        # of them may have been seen in any state or in none.
        moving = 2 * (CHURN_WIDTH + 1) + each.after.opens - each.before.opens
        for state, count in totals(each.snapshot).items():
            least = most = standing[state]
            if state is State.LISTEN:
                assert count == standing[state], number
                continue
            if state is State.TIME_WAIT:
                least, most = each.before.time_wait - lab.minis, each.after.time_wait - lab.minis
            assert least - moving <= count <= most + moving, (number, state)
        assert not each.snapshot.reading.audit, number


@AS_BOTH
def test_when_the_churn_has_stopped_both_ways_tell_what_ss_tells(lab: Lab, user: int) -> None:
    fill(lab)
    with lab.churn():
        time.sleep(0.2)
    told = [
        totals(lab.call(functools.partial(sampled, mode, 3), user)[0][-1].snapshot) for mode in (FAST, FULL)
    ]
    ss = {state: sum(count) for state, count in count_with_ss(lab).items() if state in IN_TABLES}
    assert told == [ss, ss]
    assert {**ss, State.TIME_WAIT: 0} == {**totals_of(lab), State.TIME_WAIT: 0}


# --- what CurrEstab counts -------------------------------------------------------------------------------


def counted_here(lab: Lab) -> CurrEstab:
    """Told from sockets that stand still."""
    lab.make(State.ESTABLISHED, ipv4=5)
    lab.make(State.CLOSE_WAIT, ipv4=3)
    counted = lab.call(read_counters).curr_estab
    return {10: CurrEstab.ESTABLISHED, 13: CurrEstab.WITH_CLOSE_WAIT}[counted]


def experiment() -> CurrEstab | None:
    return currestab_probe.meaning(lambda: read_counters().curr_estab)


@AS_BOTH
def test_the_experiment_finds_what_curr_estab_counts_and_leaves_nothing_behind(lab: Lab, user: int) -> None:
    expected = counted_here(lab)
    assert lab.call(experiment, user) is expected
    lab.wait()  # until ss shows what there was before
    assert lab.call(experiment, user) is expected


def test_the_experiment_is_not_misled_by_churn(lab: Lab) -> None:
    expected = counted_here(lab)
    with lab.churn():
        assert lab.call(experiment) in (expected, None)


def test_a_counter_that_moves_by_itself_tells_nothing() -> None:
    wild = itertools.cycle([3, 9, 4, 4, 7, 6, 1, 2])
    assert currestab_probe.meaning(lambda: next(wild)) is None


def test_a_counter_that_does_not_move_tells_nothing() -> None:
    assert currestab_probe.meaning(lambda: 5) is None


def test_counters_that_are_not_there_are_an_error_that_says_which(tmp_path: Path) -> None:
    with pytest.raises(CountersError, match=f"No such file.*{tmp_path}/snmp"):
        read_counters(directory=str(tmp_path))


# --- an older kernel -------------------------------------------------------------------------------------


class OneFamilyAtATime(socket.socket):
    """The kernel's netlink, but requests for both families at once are of a type that it does not know."""

    asked: list[int]

    def sendto(self, request: Any, *address: Any) -> int:
        (kind,) = struct.unpack_from("=H", request, 4)
        self.asked.append(kind)
        if kind == TCPDIAG_GETSOCK:
            request = request[:4] + struct.pack("=H", 99) + request[6:]
        return super().sendto(request, *address)


def walked_one_by_one() -> tuple[Walk, list[int]]:
    asked: list[int] = []

    def open_socket() -> socket.socket:
        opened = OneFamilyAtATime(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        opened.asked = asked
        opened.settimeout(5)
        return opened

    with contextlib.closing(NetlinkBackend(open_socket)) as backend:
        backend.attempt()
        asked.clear()
        return backend.read(), asked


@AS_BOTH
def test_a_kernel_that_takes_no_request_for_both_families_is_asked_twice(lab: Lab, user: int) -> None:
    fill(lab)
    walk, asked = lab.call(walked_one_by_one, user)
    assert asked == [SOCK_DIAG_BY_FAMILY] * 2
    assert replace(walk, unanswered=None, cookies={}) == walk_of(lab)
    made = sum(lab.expected()[State.CLOSE_WAIT])
    assert len(set(walk.cookies[State.CLOSE_WAIT].kept)) == made


def test_one_that_takes_neither_is_refused_with_the_reason() -> None:
    require_lab()
    backend = NetlinkBackend(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE))
    with (
        contextlib.closing(backend),
        pytest.raises(SampleError, match="cannot dump the sockets over netlink"),
    ):
        backend.attempt()
