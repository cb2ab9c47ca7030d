"""A value that has not changed is left out for a while, and the last of them comes before the change."""

from __future__ import annotations

import re

import pytest

from tcpwatchd.daemon.change_filter import ChangeFilter
from tcpwatchd.metrics.catalogue import CATALOGUE, RULES
from tcpwatchd.metrics.graphs import GRAPHS
from tcpwatchd.metrics.triggers import EVERY_TRIGGER
from tcpwatchd.metrics.unchanged import Unchanged, is_drawn, unchanged
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp

VERSION = "tcpwatchd.self[version]"  # no alarm asks for it, no graph shows it
DRAWN = "tcpwatchd.sockets[closing]"  # no alarm asks for it, a graph shows it
COUNT = "tcpwatchd.counter[ListenDrops]"  # an alarm adds it up
AUDIT = "tcpwatchd.self[audit_difference]"  # there is a value only where there was an audit
LEAST = "tcpwatchd.limit[memory]"  # an alarm looks at the least of minutes

Sent = list[tuple[int, str]]


def sent(key: str, *values: tuple[int, str], repeat_s: float | None = 600.0) -> list[Sent]:
    """What each push sends of these texts, each with its clock in seconds."""
    change_filter = ChangeFilter(repeat_s)
    told = []
    for clock, text in values:
        left = change_filter.changed((Value(key, text, Stamp(clock, 1)),))
        assert {value.key for value in left} <= {key}
        told.append([(value.stamp.clock, value.text) for value in left])
    return told


def minutes(*texts: str) -> list[tuple[int, str]]:
    return [(60 * minute, text) for minute, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("key", "values", "told"),
    [
        pytest.param(
            VERSION,
            [(0, "a"), (60, "a"), (3599, "a"), (3600, "a"), (3660, "a")],
            [[(0, "a")], [], [], [(3600, "a")], []],
            id="hourly, in no graph",
        ),
        pytest.param(
            DRAWN,
            [(0, "7"), (300, "7"), (600, "7"), (900, "7")],
            [[(0, "7")], [], [(600, "7")], []],
            id="every ten minutes, in a graph",
        ),
        pytest.param(
            DRAWN,
            [(0, "7"), (60, "7"), (120, "7"), (180, "9"), (240, "9"), (300, "7")],
            [[(0, "7")], [], [], [(120, "7"), (180, "9")], [], [(240, "9"), (300, "7")]],
            id="a step stays a step",
        ),
        pytest.param(
            DRAWN,
            [(0, "1"), (60, "2"), (120, "3")],
            [[(0, "1")], [(60, "2")], [(120, "3")]],
            id="what changes all the time is sent once each time",
        ),
        pytest.param(
            DRAWN,
            [(9000, "7"), (9060, "7"), (100, "8"), (160, "8")],
            [[(9000, "7")], [], [(100, "8")], []],
            id="a clock that was set back: nothing of a later time before it",
        ),
        pytest.param(AUDIT, [(0, "0"), (300, "0")], [[(0, "0")], [(300, "0")]], id="each audit is told"),
        pytest.param(
            VERSION, [(9000, "a"), (100, "a"), (160, "a")], [[(9000, "a")], [(100, "a")], []], id="set back"
        ),
    ],
)
def test_it_is_sent_when_there_is_news(key: str, values: Sent, told: list[Sent]) -> None:
    assert sent(key, *values) == told


def test_a_value_that_an_alarm_looks_at_is_left_out_when_every_window_is_full_of_it() -> None:
    """Twenty minutes, more than the longest window: alarms begin and end when a value comes."""
    told = sent(LEAST, *minutes(*["50"] * 22, "85"))
    assert [bool(one) for one in told] == [True] * 20 + [False] * 2 + [True]
    assert told[-1] == [(60 * 21, "50"), (60 * 22, "85")], "the window has what was before the change"


def test_of_what_an_alarm_adds_up_only_zeros_are_left_out() -> None:
    assert all(sent(COUNT, *minutes(*["3"] * 60)))
    told = sent(COUNT, *minutes(*["0"] * 22, "7", "7", *["0"] * 22))
    assert [bool(one) for one in told] == [True] * 20 + [False] * 2 + [True] * 22 + [False] * 2


def test_of_rare_pushes_five_are_sent() -> None:
    told = sent(COUNT, *((900 * nth, "0") for nth in range(8)), repeat_s=3600)
    assert [bool(one) for one in told] == [True] * 5 + [False] * 3


def test_it_can_be_switched_off() -> None:
    assert all(sent(VERSION, *minutes(*["a"] * 30), repeat_s=None))


def test_what_was_told_between_pushes_comes_in_order() -> None:
    """The value before, the urgent one, and at the push only what is new since."""
    change_filter = ChangeFilter(600.0)

    def push(clock: int, text: str) -> list[str]:
        values = change_filter.changed((Value(DRAWN, text, Stamp(clock, 1)),))
        return [f"{value.text}@{value.stamp.clock}" for value in values]

    def urgent(clock: int, text: str) -> list[str]:
        values = change_filter.urgent((Value(DRAWN, text, Stamp(clock, 1)),))
        return [f"{value.text}@{value.stamp.clock}" for value in values]

    assert [push(0, "1"), push(60, "1")] == [["1@0"], []]
    assert urgent(72, "100") == ["1@60", "100@72"]
    assert urgent(77, "100") == ["100@77"], "urgent is sent in any case"
    assert push(120, "100") == []
    assert push(180, "1") == ["100@120", "1@180"]


def functions() -> dict[str, tuple[set[str], bool]]:
    """Which functions the triggers apply to a key, and whether one of them has another key as well."""
    found: dict[str, tuple[set[str], bool]] = {}
    for trigger in EVERY_TRIGGER.values():
        asked = re.findall(r"([a-z]+)\(/T/([^\]]+\])", trigger.problem + trigger.recovery)
        several = len({key for _, key in asked}) > 1
        for function, key in asked:
            before, among = found.get(key, (set(), False))
            found[key] = (before | {function}, among or several)
    return found


def allowed(asked: set[str], among_others: bool) -> set[Unchanged]:
    """What may become of a value, so that each expression has the value it would have had."""
    lasts, adds, extremes = {"last", "find"}, {"sum", "count"}, {"min", "max"}
    if asked <= lasts:
        return set(Unchanged)
    if asked <= lasts | adds:
        # Nothing adds up to 0. A value that is left out of a count of those above 0 would be missed.
        return {Unchanged.SENT, Unchanged.ZERO_LEFT_OUT_LATER}
    if asked <= lasts | extremes and not among_others:
        # It is evaluated when a value comes, and that one is in the window.
        return {Unchanged.SENT, Unchanged.LEFT_OUT_LATER}
    return {Unchanged.SENT}


def test_no_alarm_misses_what_is_left_out() -> None:
    by_key = functions()
    assert len(by_key) > 35
    for key, (asked, among_others) in by_key.items():
        if key == "tcpwatchd.self[heartbeat]":
            continue  # it does not come this way: the delivery adds it to requests
        assert unchanged(key.replace("{#SERVICE}", "web-1")) in allowed(asked, among_others), key


def test_nothing_is_sent_for_an_alarm_that_there_is_not() -> None:
    asked = functions()
    kept = {key for key in CATALOGUE if unchanged(key) is Unchanged.SENT}
    assert kept - {AUDIT} <= set(asked)
    for rule in RULES:
        assert unchanged(rule.key) is Unchanged.SENT


def test_what_a_graph_shows_comes_often_enough() -> None:
    for graph in GRAPHS.values():
        assert all(is_drawn(line.key) for line in graph.lines)
    assert is_drawn("tcpwatchd.service[web,established]")
    assert not is_drawn(VERSION)
