"""Ticks and backoff; durations and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.model import Stamp
from tcpwatchd.schedule import Ticks, backoff_s
from tcpwatchd.units import format_duration, format_size, parse_duration, parse_size


def test_a_late_tick_is_skipped_and_counted_not_queued() -> None:
    ticks = Ticks(1.0, 10.0)
    assert not ticks.due(9.9)
    assert ticks.wait_s(9.75) == 0.25
    assert ticks.due(10.0)
    assert ticks.take(10.0) == 0
    assert ticks.take(14.5) == 3  # 11 is taken; 12, 13 and 14 have passed
    assert not ticks.due(14.9)
    assert ticks.due(15.0)
    assert ticks.wait_s(99.0) == 0.0


@given(delays=st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_taken_and_missed_ticks_are_all_the_ticks_there_were(delays: list[int]) -> None:
    ticks, now, taken, missed = Ticks(8.0, 0.0), 0.0, 0, 0
    for delay in delays:
        now = max(now, now + ticks.wait_s(now)) + delay / 8  # eighths are exact in binary
        missed += ticks.take(now)
        taken += 1
    assert taken + missed == int(now // 8) + 1


@given(failures=st.integers(1, 10**6), luck=st.floats(0, 1, exclude_max=True))
def test_backoff_grows_up_to_its_cap_and_luck_takes_off_up_to_half(failures: int, luck: float) -> None:
    wait_s = backoff_s(failures, luck)
    full_s = backoff_s(failures, 0.0)
    assert full_s / 2 <= wait_s <= full_s <= 60
    assert backoff_s(failures + 1, 0.0) >= full_s


def test_backoff_begins_with_a_second() -> None:
    assert [backoff_s(n, 0.0) for n in (1, 2, 3, 4, 5, 6, 7, 8)] == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("1s", 1), ("5m", 300), ("2h", 7200), ("7d", 604800), ("0s", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "1.5s", "-1s", "5 parsecs", "1S", "1s ", 5, 1.5, None, True, [], "1" * 99 + "s"]
)
def test_what_is_no_duration_says_what_would_be(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a duration.*500ms"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"), [("64MiB", 64 * 2**20), ("1 KiB", 1024), ("7B", 7), ("1GiB", 2**30)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["64MB", "64", 64, "1.5MiB", None])
def test_what_is_no_size_says_what_would_be(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a size.*64MiB"):
        parse_size(text)


def test_reading_back() -> None:
    assert [format_duration(s) for s in (0, 0.25, 1, 65, 3600, 273_600)] == [
        "0s", "250ms", "1s", "1m 5s", "1h", "3d 4h",
    ]  # fmt: skip
    assert [format_size(b) for b in (0, 1023, 1536, 64 * 2**20)] == ["0 B", "1023 B", "1.5 KiB", "64.0 MiB"]


def test_a_stamp_never_has_ns_zero() -> None:
    assert Stamp.of(1_700_000_000_000_000_000) == Stamp(1_700_000_000, 1)
    assert Stamp.of(1_700_000_000_999_999_999) == Stamp(1_700_000_000, 999_999_001)
    assert Stamp.of(1_700_000_000_999_999_999, life=998) == Stamp(1_700_000_000, 999_999_999)
