"""What alarms are for, made for real in a lab: kernel, daemon, a real Zabbix 6.0 server, the problem's text.

Each condition has to raise its own problem and no other. Thresholds that ask for minutes are set to seconds
by the template's macros, on the host. Needs Debian 12 and root.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.model.sockets import State
from tests.lab.faults import FLOOD, HANGS, LEAK, NO_POOL, link_for_floods, running, watched
from tests.lab.processes import wait_for
from tests.lab.socket_lab import Lab, require_lab
from tests.lab.stands import brought_up
from tests.lab.zabbix_stand import Stand


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """With the template of a push a minute: what lasts for three pushes takes a second and a half here."""
    with brought_up(Stand, push_s=60.0) as made:
        yield made


def tags_of(problem: dict[str, Any]) -> dict[str, str]:
    of_all = ("scope", "component", "state", "class", "target")
    return {one["tag"]: one["value"] for one in problem["tags"] if one["tag"] not in of_all}


def the_only_problem(stand: Stand, name: str) -> dict[str, Any]:
    """The first problem of this host, after which no other has come for a few pushes."""
    wait_for(lambda: stand.problems(name), "a problem", 60)
    seen = len(stand.history(name, UPTIME))
    wait_for(lambda: len(stand.history(name, UPTIME)) > seen + 5, "five more pushes")
    (problem,) = stand.problems(name)
    (whole,) = stand.api("problem.get", {"eventids": problem["eventid"], "selectTags": ["tag", "value"]})
    return {**problem, "tags": whole["tags"]}


def test_a_program_that_leaks_is_named_with_pid_and_number(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    macros = {"LEAK.TIME": "5s", "LEAK.MIN": "20"}
    with Lab() as lab, watched([stand], lab, "leak", tmp_path, macros):
        with running(lab, LEAK) as pid:
            problem = the_only_problem(stand, "leak")
            named = r"TCP: CLOSE_WAIT leak: (\S+)\[(\d+)\] (\d+) \((\d+) for 2s\)"
            told = re.fullmatch(named, problem["name"])
            assert told, problem["name"]
            assert told[1] == Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
            assert int(told[2]) == pid
            assert 20 < int(told[3]) <= 1000
            assert tags_of(problem) == {"program": told[1]}
        wait_for(lambda: not stand.problems("leak"), "the end of the problem with the end of the program")


def test_a_flood_of_syns_is_one_problem_and_no_other(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    with Lab() as lab:
        link_for_floods(lab)
        with watched([stand], lab, "flood", tmp_path, {}), running(lab, FLOOD):
            problem = the_only_problem(stand, "flood")
    named = r"TCP: SYN flood, or a backlog too short: \d+ SYN cookies in a push"
    assert re.fullmatch(named, problem["name"]), problem["name"]


def test_a_full_accept_queue_is_one_problem_and_no_other(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    with Lab() as lab, watched([stand], lab, "queue", tmp_path, {}), running(lab, HANGS):
        problem = the_only_problem(stand, "queue")
        assert problem["name"] == "TCP: Accept queue full: 127.0.0.1:8080 (5 of 5, full)"
        assert tags_of(problem) == {"listener": "127.0.0.1:8080"}


def test_a_full_accept_queue_does_not_wait_for_the_push(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    with Lab() as lab, watched([stand], lab, "urgent", tmp_path, {}, push="10m"):
        began_s = time.monotonic()
        with running(lab, HANGS):
            wait_for(lambda: stand.problems("urgent"), "the problem")
            print(f"{time.monotonic() - began_s:.1f} s from the program's start to the problem")
            (problem,) = stand.problems("urgent")
        assert problem["name"] == "TCP: Accept queue full for a moment: 127.0.0.1:8080 (5 of 5, full)"
        assert len(stand.history("urgent", UPTIME)) == 1, "no push since the first"


def test_ports_that_run_out_towards_one_destination_are_one_problem_and_no_other(
    stand: Stand, tmp_path: Path
) -> None:
    require_lab()
    with Lab() as lab:
        lab.run(["sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40099"])
        with watched([stand], lab, "ports", tmp_path, {}), running(lab, NO_POOL):
            problem = the_only_problem(stand, "ports")
    text = "127.0.0.1:8080 from 127.0.0.1 (90 of 100 ports, running out)"
    assert problem["name"] == f"TCP: Many ephemeral ports to one destination: {text}"
    assert tags_of(problem) == {"destination": "127.0.0.1:8080"}


def test_a_black_hole_is_one_problem_and_no_other(stand: Stand, tmp_path: Path) -> None:
    """Nobody answers: after seven seconds each SYN was sent again three times."""
    require_lab()
    with Lab() as lab:
        lab.make(State.SYN_SENT, ipv4=30)
        with watched([stand], lab, "black-hole", tmp_path, {}):
            problem = the_only_problem(stand, "black-hole")
        assert problem["name"].startswith("TCP: Peers do not answer (SYN_SENT): ")
        assert tags_of(problem) == {
            "program": Path(f"/proc/{lab.pid}/comm").read_text(encoding="ascii").strip()
        }
