"""Which rows of a request the trapper takes, beside what a real server was seen to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tcpwatchd.commands.trapper import Trapper
from tests.lab.trapper_requests import (
    AMOUNT,
    CLOCK,
    COUNT,
    GOOD,
    TEXT,
    Counts,
    ask,
    assert_serves,
    counts,
    good,
    sender_data,
    without,
)

# A socket that is only dropped, not closed, is an error too.
pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("nothing_is_left")]


@dataclass(frozen=True)
class Case:
    """What `data` holds, how the trapper counts it, and how a real server does where that differs."""

    name: str
    data: Any
    counts: Counts
    real: Counts | None = None


AS_A_SERVER = (
    Case("one", [GOOD], (1, 0, 1)),
    Case("none", [], (0, 0, 0)),
    Case("250", [good(ns=ns) for ns in range(1, 251)], (250, 0, 250)),
    Case("1000", [good(ns=ns) for ns in range(1, 1001)], (1000, 0, 1000)),
    Case("the same twice", [GOOD, GOOD], (2, 0, 2)),
    Case("out of order", [good(clock=CLOCK - age) for age in (0, 9, 3)], (3, 0, 3)),
    Case("two known keys, one unknown", [GOOD, good(key=AMOUNT), good(key="x")], (2, 1, 3)),
    Case("unknown host", [good(host="web-02")], (0, 1, 1)),
    Case("host in other case", [good(host="WEB-01")], (0, 1, 1)),
    Case("unknown key", [good(key="test[other]")], (0, 1, 1)),
    Case("key in other case", [good(key="TEST[count]")], (0, 1, 1)),
    Case("key with a space", [good(key="test[ count]")], (0, 1, 1)),
    Case("key with quotes", [good(key='test["count"]')], (0, 1, 1)),
    Case("a broken row before a good one", [without("key"), GOOD], (1, 1, 2)),
    Case("a row with a float clock before a good one", [good(clock=CLOCK + 0.5), GOOD], (1, 1, 2)),
    Case("a row with ns 1e9 before a good one", [good(ns=10**9), GOOD], (1, 1, 2)),
    Case("clock 0", [good(clock=0)], (1, 0, 1)),
    Case("clock in ten years", [good(clock=CLOCK + 315_360_000)], (1, 0, 1)),
    Case("clock at its end", [good(clock=2**31 - 1)], (1, 0, 1)),
    Case("ns at its end", [good(ns=999_999_999)], (1, 0, 1)),
    Case("greatest unsigned", [good(value=str(2**64 - 1))], (1, 0, 1)),
    Case("unsigned with zeros before it", [good(value="007")], (1, 0, 1)),
    Case("float whole", [good(key=AMOUNT, value="12")], (1, 0, 1)),
    Case("float below zero", [good(key=AMOUNT, value="-0.25")], (1, 0, 1)),
    Case("float with exponent", [good(key=AMOUNT, value="1e-05")], (1, 0, 1)),
    Case("text of any kind", [good(key=TEXT, value="hé 😀\nline2")], (1, 0, 1)),
    Case("text of 255", [good(key=TEXT, value="c" * 255)], (1, 0, 1)),
    Case("text empty", [good(key=TEXT, value="")], (1, 0, 1)),
)


# A real server takes these, answers `processed`, and turns the item unsupported or stores something else.
# The trapper refuses them at once: a demo or a test must not pass with them.
REFUSED_AT_ONCE = (
    Case("unsigned: letters", [good(value="abc")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: a fraction", [good(value="1.7")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: below zero", [good(value="-1")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: empty", [good(value="")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: 2^64", [good(value=str(2**64))], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: spaces", [good(value=" 1 ")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: true", [good(value="true")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: other digits", [good(value="٣")], (0, 1, 1), real=(1, 0, 1)),
    Case(
        "unsigned: 5000 digits",
        [good(value="1" * 5000)],
        (0, 1, 1),
        real=(1, 0, 1),
    ),
    Case("float: nan", [good(key=AMOUNT, value="nan")], (0, 1, 1), real=(1, 0, 1)),
    Case("float: inf", [good(key=AMOUNT, value="inf")], (0, 1, 1), real=(1, 0, 1)),
    Case("float: a comma", [good(key=AMOUNT, value="1,5")], (0, 1, 1), real=(1, 0, 1)),
    Case("float: empty", [good(key=AMOUNT, value="")], (0, 1, 1), real=(1, 0, 1)),
    Case(
        "float: 1e400",
        [good(key=AMOUNT, value="1e400")],
        (0, 1, 1),
        real=(1, 0, 1),
    ),
    Case(
        "float: other digits",
        [good(key=AMOUNT, value="٣")],
        (0, 1, 1),
        real=(1, 0, 1),
    ),
    Case("text of 256", [good(key=TEXT, value="c" * 256)], (0, 1, 1), real=(1, 0, 1)),
    Case("a JSON number", [good(value=1)], (0, 1, 1), real=(1, 0, 1)),
    Case("a JSON null", [good(value=None)], (0, 1, 1), real=(1, 0, 1)),
    Case("a JSON object", [good(value={"a": 1})], (0, 1, 1), real=(1, 0, 1)),
    Case("no value", [without("value")], (0, 1, 1), real=(1, 0, 1)),
    # Without its own stamp a value is a second row in history when it is sent again.
    Case("no ns", [without("ns")], (0, 1, 1), real=(1, 0, 1)),
    Case("ns 0", [good(ns=0)], (0, 1, 1), real=(1, 0, 1)),
    Case("no clock", [without("clock")], (0, 1, 1), real=(1, 0, 1)),
    Case("clock a text", [good(clock=str(CLOCK))], (0, 1, 1), real=(1, 0, 1)),
)


# A real server drops these uncounted where a request, or its block of 256 rows, holds nothing better.
COUNTED_ALL_THE_SAME = (
    Case("clock a float", [good(clock=float(CLOCK))], (0, 1, 1), real=(0, 0, 0)),
    Case("clock -1", [good(clock=-1)], (0, 1, 1), real=(0, 0, 0)),
    Case("clock 2^31", [good(clock=2**31)], (0, 1, 1), real=(0, 0, 0)),
    Case("clock 2^33", [good(clock=2**33)], (0, 1, 1), real=(0, 0, 0)),
    Case("clock true", [good(clock=True)], (0, 1, 1), real=(0, 0, 0)),
    Case("ns -1", [good(ns=-1)], (0, 1, 1), real=(0, 0, 0)),
    Case("ns 1e9", [good(ns=10**9)], (0, 1, 1), real=(0, 0, 0)),
    Case("ns true", [good(ns=True)], (0, 1, 1), real=(0, 0, 0)),
    Case("no host", [without("host")], (0, 1, 1), real=(0, 0, 0)),
    Case("no key", [without("key")], (0, 1, 1), real=(0, 0, 0)),
    Case(
        "key a list",
        [good(key=[COUNT])],
        (0, 1, 1),
        real=(0, 0, 0),
    ),
    Case("rows are no objects", [1, "a", None, [GOOD]], (0, 4, 4), real=(0, 0, 0)),
    Case("a row between is no object", [GOOD, 1, GOOD], (2, 1, 3), real=(0, 0, 0)),
)


# A real server answers these with 0/0/0 as well, but for `data` missing: `"response":"failed"`.
NO_ROWS = (
    Case("data an object", GOOD, (0, 0, 0)),
    Case("data a text", "abc", (0, 0, 0)),
    Case("data a number", 7, (0, 0, 0)),
    Case("data null", None, (0, 0, 0)),
)


COUNTED = (*AS_A_SERVER, *REFUSED_AT_ONCE, *COUNTED_ALL_THE_SAME, *NO_ROWS)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=case.name,
        )
        for case in COUNTED
    ],
)
def test_each_row_is_taken_or_counted_as_failed(
    trapper: Trapper, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = ask(trapper, sender_data(case.data))
    assert_serves(trapper)
    assert capsys.readouterr().err == ""
    assert counts(answer) == case.counts
    assert len(trapper.requests[0].accepted) == case.counts[0]
    assert trapper.requests[0].refused == case.counts[1]


def test_the_table_names_a_real_answer_only_where_it_differs() -> None:
    assert [case.name for case in COUNTED if case.real == case.counts] == []
