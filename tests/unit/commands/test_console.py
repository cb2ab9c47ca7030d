"""What a person sees under the states: limits, ports, who holds what, services."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tcpwatchd.commands.console import WIDE
from tcpwatchd.commands.sample import found_table, limits_table, snapshot_table
from tcpwatchd.diagnosis.culprits import UNTOLD, few
from tcpwatchd.model.sockets import Listener, Snapshot, State, Tally
from tcpwatchd.model.window import Findings, Limit, Ports
from tests.lab.fakes import snapshot, tally


def waiting(*queues: Listener) -> Snapshot:
    quiet = snapshot(0)
    return replace(quiet, reading=replace(quiet.reading, queues=queues))


def test_what_is_near_its_end_is_marked() -> None:
    limits = {
        "time_wait": Limit(80_000, 100_000),
        "orphans": Limit(79_999, 100_000),
        "memory": Limit(3 * 2**20, 2**31),
        "files": Limit(1234, 2**63 - 1),
    }
    table = limits_table(waiting(Listener("[::]:22", 1, 9), Listener("0.0.0.0:80", 129, 128)), limits, False)
    assert table.splitlines() == [
        "  LIMIT                     IN USE",
        "! TIME_WAIT records          80.0%  80,000 of 100,000",
        "  Orphaned connections       80.0%  79,999 of 100,000",
        "  Buffer memory (maximum)     0.1%  3.0 MiB of 2.0 GiB",
        "  Open files of the host      0.0%  1,234 of no limit",
        "! fullest accept queue      100.0%  0.0.0.0:80 (129 of 129, full)",
    ]


def test_colours_are_for_what_is_near_its_end() -> None:
    near, far = (limits_table(snapshot(0), {"orphans": Limit(used, 100)}, True) for used in (90, 10))
    assert "\x1b[1m! Orphaned" in near
    assert "\x1b[1m" not in far


def test_where_nobody_waits_and_where_that_cannot_be_told() -> None:
    assert limits_table(waiting(), {}, False).endswith("fullest accept queue        0.0%  nobody waits")
    assert "queue" not in limits_table(snapshot(0), {}, False)


def test_who_holds_what_and_each_service_are_told() -> None:
    found = Findings(
        culprits={
            State.CLOSE_WAIT: "java[4211] 4031",
            State.FIN_WAIT2: few(50),
            State.SYN_SENT: UNTOLD,
        },
        services={"web": tally(established=7, listen=1), "down": Tally()},
    )
    assert found_table(found, False).splitlines() == [
        "  HELD BY",
        "! CLOSE_WAIT  java[4211] 4031",
        "",
        "  SERVICE",
        "  web         established 7, listen 1",
        "  down        no sockets",
    ]
    assert found_table(Findings(), False) == ""


def test_ports_that_run_out_are_marked() -> None:
    ports = Ports("192.0.2.7:80", "192.0.2.1", 85, 100)
    last = limits_table(waiting(), {}, False, ports).splitlines()[-1]
    assert last.startswith("! ephemeral ports            85.0%  192.0.2.7:80 from 192.0.2.1 (85 of 100 ports")


def everything(columns: int, colours: bool = False) -> list[str]:
    """All that `sample` shows of a busy host, in a terminal so wide."""
    held = ", ".join(f"program-{nth}[{nth}] 4031 (3950 for 10m)" for nth in range(6))
    found = Findings(
        ports=Ports("[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2:3:4:5:7", 85, 100),
        culprits={State.CLOSE_WAIT: held},
        services={"a-long-service-name": Tally((1_000_000,) * 12)},
    )
    sockets = snapshot(0, established=4_000_000, fin_wait2=12, close_wait=100_000)
    queues = (Listener("[2001:db8:1:2:3:4:5:6]:443", 129, 128),)
    busy = replace(sockets, reading=replace(sockets.reading, queues=queues))
    texts = (
        snapshot_table(busy, "a-host-with-a-long-name.example.com", colours, columns),
        limits_table(busy, {"files": Limit(10**9, 2**40)}, colours, found.ports, columns),
        found_table(found, colours, columns),
    )
    return [re.sub("\x1b\\[[0-9;]*m", "", line) for text in texts for line in text.splitlines()]


@pytest.mark.parametrize("columns", [40, 60, 79, 80, 81, 100, WIDE - 1, WIDE, 200])
@pytest.mark.parametrize("colours", [False, True])
def test_no_line_is_wider_than_the_terminal(columns: int, colours: bool) -> None:
    lines = everything(columns, colours)
    assert max(map(len, lines)) <= columns
    shown = " ".join(" ".join(lines).split())
    for nth in range(6):  # a list is folded, and nothing of it is left out
        assert f"program-{nth}[{nth}]" in shown
    for state in State:
        assert state.name in shown


def test_at_eighty_columns_what_a_state_means_is_still_said() -> None:
    lines = everything(80)
    assert any(line.endswith("the peer closed, our program has not") for line in lines)
    assert not any("█" in line for line in lines)
    assert any("█" in line for line in everything(WIDE))
