"""GRAPHS: one row for each graph of the template, and the pages of its dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

# Far enough apart from each other for ten lines in one graph, also for those who see red and green alike.
BLUE, ORANGE, TEAL, RED, PURPLE = "1F77B4", "E8820C", "17A398", "C62828", "7B4FA3"
GREEN, BROWN, PINK, GREY, GOLD = "4C9A2A", "8C564B", "D65DB1", "7F7F7F", "BFA000"


@dataclass(frozen=True)
class Line:
    """One item in a graph; `right`: on the right axis."""

    key: str
    colour: str
    right: bool = False


@dataclass(frozen=True)
class Graph:
    """`stacked`: areas on top of each other; `percent`: the axis goes to 100."""

    title: str
    lines: tuple[Line, ...]
    stacked: bool = False
    percent: bool = False


def _states(*lines: tuple[str, str], statistic: str = "") -> tuple[Line, ...]:
    return tuple(Line(f"tcpwatchd.sockets{statistic}[{state}]", colour) for state, colour in lines)


def _counters(*lines: tuple[str, str]) -> tuple[Line, ...]:
    return tuple(Line(f"tcpwatchd.counter[{name}]", colour) for name, colour in lines)


def _own(*lines: tuple[str, str], right: bool = False) -> tuple[Line, ...]:
    return tuple(Line(f"tcpwatchd.self[{name}]", colour, right) for name, colour in lines)


GRAPHS: Mapping[str, Graph] = MappingProxyType(
    {
        "states": Graph(
            "TCP: Sockets by state",
            _states(
                ("established", BLUE),
                ("time_wait", GREY),
                ("close_wait", RED),
                ("fin_wait2", PURPLE),
                ("fin_wait1", PINK),
                ("last_ack", BROWN),
                ("closing", GOLD),
                ("syn_sent", ORANGE),
                ("syn_recv", TEAL),
            ),
            stacked=True,
        ),
        "peaks": Graph(
            "TCP: Short states, maximum",
            _states(
                ("syn_recv", TEAL),
                ("syn_sent", ORANGE),
                ("fin_wait1", PINK),
                ("last_ack", BROWN),
                ("closing", GOLD),
                statistic=".max",
            ),
        ),
        "forgotten": Graph(
            "TCP: Sockets held by programs",
            (
                *_states(("close_wait", RED)),
                Line("tcpwatchd.sockets.held[fin_wait2]", PURPLE),
                *_states(("close", GREY)),
            ),
        ),
        "limits": Graph(
            "TCP: Utilization of kernel limits",
            (
                Line("tcpwatchd.limit[time_wait]", GREY),
                Line("tcpwatchd.limit[orphans]", PINK),
                Line("tcpwatchd.limit[memory_pressure]", ORANGE),
                Line("tcpwatchd.limit[memory]", RED),
                Line("tcpwatchd.limit[files]", GREEN),
                Line("tcpwatchd.listeners[fullest]", BLUE),
                Line("tcpwatchd.ports[busiest]", PURPLE),
            ),
            percent=True,
        ),
        "ports": Graph(
            "TCP: Ephemeral ports to the busiest destination",
            (Line("tcpwatchd.ports[used]", BLUE), Line("tcpwatchd.ports[busiest]", PURPLE, right=True)),
        ),
        "opens": Graph(
            "TCP: Connections opened and failed",
            _counters(("ActiveOpens", ORANGE), ("PassiveOpens", BLUE), ("AttemptFails", RED)),
        ),
        "listeners": Graph(
            "TCP: Connections dropped at listeners",
            _counters(
                ("ListenOverflows", RED),
                ("ListenDrops", PINK),
                ("TCPReqQFullDrop", PURPLE),
                ("TCPReqQFullDoCookies", GOLD),
            ),
        ),
        "loss": Graph(
            "TCP: Retransmissions",
            (
                *_counters(("RetransSegs", RED), ("TCPSynRetrans", ORANGE)),
                Line("tcpwatchd.counter[OutSegs]", GREY, right=True),
            ),
        ),
        "memory": Graph(
            "TCP: Memory and orphaned connections",
            (
                Line("tcpwatchd.limit.used[memory]", BLUE),
                Line("tcpwatchd.limit.used[orphans]", PINK, right=True),
            ),
        ),
        "samples": Graph(
            "tcpwatchd: Samples",
            _own(
                ("samples", BLUE),
                ("samples_spared", GREY),
                ("samples_missed", ORANGE),
                ("samples_dropped", RED),
            ),
        ),
        "cost": Graph(
            "tcpwatchd: CPU cost",
            (*_own(("cpu", BLUE)), *_own(("sample_cpu", ORANGE), right=True)),
        ),
        "backlog": Graph(
            "tcpwatchd: Backlog",
            (
                *_own(("spool_values", BLUE), ("set_aside", PURPLE)),
                *_own(("spool_age", ORANGE), right=True),
            ),
        ),
        "rss": Graph("tcpwatchd: Resident memory", _own(("rss", BLUE))),
    }
)


@dataclass(frozen=True)
class Page:
    """Each tuple of `values` is a row of single values, each with its width in twelfths of the page. The
    graphs follow, `columns` in a row. `problems`: they come first. `services`: these alone are on the page.
    """

    values: tuple[tuple[tuple[str, int], ...], ...] = ()
    graphs: tuple[str, ...] = ()
    columns: int = 2
    problems: bool = False
    services: bool = False


PAGES: Mapping[str, Page] = MappingProxyType(
    {
        "Connections": Page(
            (
                (
                    ("tcpwatchd.sockets[established]", 2),
                    ("tcpwatchd.sockets[close_wait]", 2),
                    ("tcpwatchd.limit[time_wait]", 2),
                    ("tcpwatchd.ports[busiest]", 2),
                    ("tcpwatchd.listeners[fullest_address]", 4),
                ),
            ),
            ("states", "limits", "peaks", "opens"),
            problems=True,
        ),
        "Drops": Page(
            (
                (
                    ("tcpwatchd.counter[ListenDrops]", 2),
                    ("tcpwatchd.counter[RetransSegs]", 2),
                    ("tcpwatchd.counter[AttemptFails]", 2),
                    ("tcpwatchd.counter[TCPReqQFullDrop]", 2),
                    ("tcpwatchd.counter[TCPTimeWaitOverflow]", 2),
                    ("tcpwatchd.counter[TCPAbortOnMemory]", 2),
                ),
            ),
            ("listeners", "loss", "memory"),
        ),
        "Who": Page(
            (
                (
                    ("tcpwatchd.sockets[close_wait]", 2),
                    ("tcpwatchd.culprits[close_wait]", 4),
                    ("tcpwatchd.sockets.held[fin_wait2]", 2),
                    ("tcpwatchd.culprits[fin_wait2]", 4),
                ),
                (
                    ("tcpwatchd.sockets[syn_sent]", 2),
                    ("tcpwatchd.culprits[syn_sent]", 4),
                    ("tcpwatchd.sockets[close]", 2),
                    ("tcpwatchd.culprits[close]", 4),
                ),
                (
                    ("tcpwatchd.ports[busiest]", 2),
                    ("tcpwatchd.ports[destination]", 4),
                    ("tcpwatchd.listeners[fullest]", 2),
                    ("tcpwatchd.listeners[fullest_address]", 4),
                ),
            ),
            ("forgotten", "ports"),
        ),
        "Services": Page(services=True),
        "tcpwatchd": Page(
            (
                (
                    ("tcpwatchd.self[uptime]", 3),
                    ("tcpwatchd.self[version]", 3),
                    ("tcpwatchd.self[mode]", 3),
                    ("tcpwatchd.self[refused_keys]", 3),
                ),
            ),
            ("samples", "cost", "backlog", "rss"),
        ),
    }
)


def drawable(keys: frozenset[str]) -> Mapping[str, Graph]:
    """The graphs with those lines whose items exist; a graph without a line is left out."""
    found = {}
    for name, graph in GRAPHS.items():
        lines = tuple(line for line in graph.lines if line.key in keys)
        if lines:
            found[name] = replace(graph, lines=lines)
    return found
