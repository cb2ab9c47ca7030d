"""What hardly ever changes is sent when it does, and once an hour."""

from __future__ import annotations

import re

import pytest

from tcpwatchd.daemon.push_values import ChangeFilter
from tcpwatchd.metrics.catalogue import CATALOGUE, SELDOM
from tcpwatchd.metrics.triggers import applicable
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp


def sent(*values: tuple[int, str]) -> list[bool]:
    """Which of these texts of one key, each with its clock, are sent."""
    unchanged = ChangeFilter({"limit"})
    told = []
    for clock, text in values:
        left = unchanged.changed(
            (Value("limit", text, Stamp(clock, 1)), Value("count", "5", Stamp(clock, 1)))
        )
        assert [value.key for value in left][-1:] == ["count"], "what changes all the time always goes"
        told.append(len(left) == 2)
    return told


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param(
            [(0, "a"), (60, "a"), (3599, "a"), (3600, "a"), (3660, "a")], [1, 0, 0, 1, 0], id="hourly"
        ),
        pytest.param([(0, "a"), (60, "b"), (120, "a"), (180, "a")], [1, 1, 1, 0], id="a change, and back"),
        pytest.param(
            [(0, "a"), (60, "b"), (3600, "b"), (3660, "b")], [1, 1, 0, 1], id="an hour from the last"
        ),
        pytest.param([(9000, "a"), (100, "a"), (160, "a")], [1, 1, 0], id="a clock that was set back"),
    ],
)
def test_it_is_sent_when_there_is_news(values: list[tuple[int, str]], told: list[int]) -> None:
    assert sent(*values) == [bool(one) for one in told]


def test_a_zero_that_has_lasted_is_left_out_and_comes_at_once_when_it_is_new() -> None:
    quiet = ChangeFilter((), {"drops"})

    def is_sent(minute: int, text: str) -> bool:
        return bool(quiet.changed((Value("drops", text, Stamp(60 * minute, 1)),)))

    # Twenty minutes, the longest window of an alarm and more: alarms end when a zero comes.
    assert [is_sent(minute, "0") for minute in range(22)] == [True] * 20 + [False] * 2
    assert is_sent(30, "7")
    assert is_sent(31, "7")
    assert [is_sent(minute, "0") for minute in range(32, 54)] == [True] * 20 + [False] * 2
    assert is_sent(51 + 60, "0")


def test_of_rare_pushes_five_zeros_are_sent() -> None:
    quiet = ChangeFilter((), {"drops"})
    sent = [bool(quiet.changed((Value("drops", "0", Stamp(900 * nth, 1)),))) for nth in range(8)]
    assert sent == [True] * 5 + [False, False, False]


def test_no_alarm_asks_for_more_than_the_last_of_what_is_sent_seldom() -> None:
    assert set(CATALOGUE) > SELDOM
    for trigger in applicable(frozenset(CATALOGUE)).values():
        asked = re.findall(r"(\w+)\(/T/([^,)]+)", trigger.problem + trigger.recovery)
        assert {function for function, key in asked if key in SELDOM} <= {"last", "count"}
