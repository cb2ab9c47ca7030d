"""Each fault is one problem, and ends after the fix without a hand: made for real, five at a time.

The windows of alarms are five minutes, and so this takes six; it waits nearly all the time. Needs Debian 12
and root.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


@pytest.fixture(scope="module", params=[Stand, SevenStand])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with brought_up(request.param, push_s=60.0) as made:
        yield made


def has_values(stand: Stand, name: str, key: str) -> bool:
    return key in stand.items(name) and bool(stand.history(name, key))


def is_well(stand: Stand, name: str) -> bool:
    return not stand.problems(name)


def test_each_fault_is_one_problem_that_ends_after_the_fix(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    with ExitStack() as hosts:
        labs = {}
        for name, fault in FAULTS.items():
            labs[name] = hosts.enter_context(Lab())
            link_for_floods(labs[name])
            if fault.sysctl:
                labs[name].run(["sysctl", "-qw", fault.sysctl])
            (tmp_path / name).mkdir()
            hosts.enter_context(watched(stand, labs[name], name, tmp_path / name, fault.macros, push="2s"))
        # A service that is there at the beginning, ends with the faults, and comes back at the end of all.
        service = hosts.enter_context(Lab())
        (tmp_path / "service").mkdir()
        hosts.enter_context(
            watched(
                stand, service, "service", tmp_path / "service", {}, push="2s", more="discover: listeners"
            )
        )
        with ExitStack() as faults:
            faults.enter_context(running(service, LISTENS))
            listens = "tcpwatchd.service[8082,listen]"
            wait_for(partial(has_values, stand, "service", listens), "values of the service", 90)
            for name, fault in FAULTS.items():
                faults.enter_context(running(labs[name], fault.program))
            for name in FAULTS:
                wait_for(partial(stand.problems, name), f"the problem of {name}", 90)
        told = {name: stand.problems(name) for name in FAULTS}
        for name, fault in FAULTS.items():
            (problem,) = told[name]
            assert problem["name"].startswith(fault.problem), (name, problem["name"])
        for name in FAULTS:
            wait_for(partial(is_well, stand, name), f"the end of {name}", 480)
        wait_for(partial(stand.problems, "service"), "that nothing listens", 480)
        (problem,) = stand.problems("service")
        assert problem["name"] == "TCP: Service 8082: nothing listens any more"
        assert {"tag": "service", "value": "8082"} in [
            {"tag": tag["tag"], "value": tag["value"]} for tag in problem["tags"]
        ]
        with running(service, LISTENS):
            wait_for(partial(is_well, stand, "service"), "the end, with the service", 60)
