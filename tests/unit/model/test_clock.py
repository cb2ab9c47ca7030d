"""Stamps of values, and what happens to them when the wall clock is set."""

from __future__ import annotations

import pytest

from tcpwatchd.model.clock import NS_PER_S, Stamp, TimestampSequence

NOW = 1_700_000_000


def ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def test_a_stamp_is_to_the_microsecond_and_its_last_digits_are_the_epoch() -> None:
    assert Stamp.of(NOW * NS_PER_S + 123_456_789) == Stamp(NOW, 123_456_001)
    assert Stamp.of(NOW * NS_PER_S + 123_456_789, 4) == Stamp(NOW, 123_456_005)
    assert Stamp.of(NOW * NS_PER_S) == Stamp(NOW, 1)
    assert Stamp.of(NOW * NS_PER_S, 998) == Stamp(NOW, 999)
    assert Stamp.of(NOW * NS_PER_S, 999) == Stamp(NOW, 1)
    assert Stamp(NOW, 123_456_001).again(2) == Stamp(NOW, 123_456_003)


@pytest.mark.parametrize(
    ("clock", "taken"), [(-1, False), (0, False), (1, True), (2**31 - 1, True), (2**31, False)]
)
def test_zabbix_takes_stamps_from_1970_to_2038(clock: int, taken: bool) -> None:
    assert Stamp(clock, 1).within_protocol() is taken


def test_a_clock_that_runs_fast_is_not_one_that_was_set() -> None:
    sequence = TimestampSequence(None, 0)
    sequence.watch(ns(NOW), 0.0)
    assert sequence.watch(ns(NOW + 1000 + 1.9), 1000.0) == 0.0  # a second, and 1 in 1,000
    assert sequence.steps == 0


@pytest.mark.parametrize("by_s", [1.001, 60.0, -1.001, -3600.0])
def test_a_clock_that_was_set_is_told_by_how_much(by_s: float) -> None:
    sequence = TimestampSequence(None, 0)
    sequence.watch(ns(NOW), 0.0)
    assert sequence.watch(ns(NOW + by_s), 0.0) == pytest.approx(by_s, abs=1e-6)
    assert sequence.steps == 1


def test_the_smallest_step_is_exactly_one_second() -> None:
    sequence = TimestampSequence(None, 0)
    sequence.watch(ns(NOW), 0.0)
    assert sequence.watch(ns(NOW + 1), 0.0) == 1.0


def test_a_stamp_equal_to_the_latest_begins_a_new_epoch() -> None:
    latest = Stamp.of(ns(NOW), 3)
    sequence = TimestampSequence(latest, 3)
    stamp, back_s = sequence.next(Stamp.of(ns(NOW)))
    assert stamp == Stamp.of(ns(NOW), 4)
    assert stamp > latest
    assert sequence.epoch == 4
    assert 0 <= back_s < 0.001


def test_stamps_go_back_with_the_clock_and_each_step_counts_once() -> None:
    sequence = TimestampSequence(None, 0)
    assert sequence.next(Stamp.of(ns(NOW))) == (Stamp(NOW, 1), 0.0)
    assert sequence.next(Stamp.of(ns(NOW + 60))) == (Stamp(NOW + 60, 1), 0.0)
    stamp, back_s = sequence.next(Stamp.of(ns(NOW + 30.25)))
    assert stamp == Stamp.of(ns(NOW + 30.25), 1)
    assert back_s == pytest.approx(29.75, abs=1e-5)
    assert (sequence.epoch, sequence.steps) == (1, 1)
    assert sequence.next(Stamp.of(ns(NOW + 31))) == (Stamp.of(ns(NOW + 31), 1), 0.0)
    assert sequence.epoch == 1


def test_a_step_that_was_seen_by_a_sample_is_not_counted_again_at_the_push() -> None:
    sequence = TimestampSequence(None, 0)
    sequence.watch(ns(NOW), 0.0)
    sequence.next(Stamp.of(ns(NOW)))
    sequence.watch(ns(NOW - 100), 1.0)
    sequence.next(Stamp.of(ns(NOW - 100)))
    assert (sequence.epoch, sequence.steps) == (1, 1)
    sequence.next(Stamp.of(ns(NOW - 200)))  # set while nobody watched
    assert (sequence.epoch, sequence.steps) == (2, 2)
