"""Each fault is one problem, and ends after the fix without a hand: made for real, five at a time.

The windows of alarms are five minutes, and so this takes six; it waits nearly all the time. Needs Debian 12
and root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.lab.faults import (
    BLACK_HOLE,
    FLOOD,
    HANGS,
    LEAK,
    LISTENS,
    NO_POOL,
    link_for_floods,
    running,
    watched,
)
from tests.lab.processes import wait_for
from tests.lab.socket_lab import Lab, require_lab
from tests.lab.stands import SevenStand, brought_up
from tests.lab.zabbix_stand import Stand

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Fault:
    """A program, how its one problem begins, and what the host and the template are told for it."""

    program: str
    problem: str
    macros: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    sysctl: str = ""


FAULTS = {
    "leak": Fault(LEAK, "TCP: CLOSE_WAIT leak: ", {"LEAK.TIME": "5s", "LEAK.MIN": "20"}),
    "queue": Fault(HANGS, "TCP: Accept queue full: 127.0.0.1:8080 "),
    "flood": Fault(FLOOD, "TCP: SYN flood, or a backlog too short: "),
    "ports": Fault(NO_POOL, "TCP: Many ephemeral ports", sysctl="net.ipv4.ip_local_port_range=40000 40099"),
    "black-hole": Fault(BLACK_HOLE, "TCP: Peers do not answer (SYN_SENT): "),
}


@pytest.fixture
def stands() -> Iterator[tuple[Stand, Stand]]:
    """A 6.0 and a 7.0, which hear the same."""
    with brought_up(Stand, push_s=60.0) as six, brought_up(SevenStand, push_s=60.0) as seven:
        yield six, seven


Stands = tuple[Stand, Stand]


def have_values(stands: Stands, name: str, key: str) -> bool:
    return all(key in stand.items(name) and stand.history(name, key) for stand in stands)


def have_problems(stands: Stands, name: str) -> bool:
    return all(stand.problems(name) for stand in stands)


def are_well(stands: Stands, name: str) -> bool:
    return not any(stand.problems(name) for stand in stands)


def wait_long(condition: Callable[..., bool], what: str, seconds: float, *arguments: object) -> None:
    wait_for(partial(condition, *arguments), what, seconds, every_s=2.0)


def test_each_fault_is_one_problem_that_ends_after_the_fix(stands: Stands, tmp_path: Path) -> None:
    require_lab()
    with ExitStack() as hosts:
        labs = {}
        for name in (*FAULTS, "service"):
            fault = FAULTS.get(name, Fault("", ""))
            labs[name] = hosts.enter_context(Lab())
            link_for_floods(labs[name])
            if fault.sysctl:
                labs[name].run(["sysctl", "-qw", fault.sysctl])
            (directory := tmp_path / name).mkdir()
            more = "" if name in FAULTS else "discover: listeners"
            hosts.enter_context(
                watched(stands, labs[name], name, directory, fault.macros, "2s", "500ms", more)
            )
        with ExitStack() as faults:
            # A service that is there at the beginning, ends with the faults, and comes back at the end.
            faults.enter_context(running(labs["service"], LISTENS))
            listens = "tcpwatchd.service[8082,listen]"
            wait_long(have_values, "values of the service", 120, stands, "service", listens)
            for name, fault in FAULTS.items():
                faults.enter_context(running(labs[name], fault.program))
            for name in FAULTS:
                wait_long(have_problems, f"the problem of {name}", 120, stands, name)
        for stand in stands:
            for name, fault in FAULTS.items():
                (problem,) = stand.problems(name)
                assert problem["name"].startswith(fault.problem), (name, problem["name"])
        for name in FAULTS:
            wait_long(are_well, f"the end of {name}", 480, stands, name)
        wait_long(have_problems, "that nothing listens", 480, stands, "service")
        for stand in stands:
            (problem,) = stand.problems("service")
            assert problem["name"] == "TCP: Service 8082: nothing listens any more"
            assert ("service", "8082") in [(tag["tag"], tag["value"]) for tag in problem["tags"]]
        with running(labs["service"], LISTENS):
            wait_long(are_well, "the end, with the service", 60, stands, "service")
