"""Ticks, the budget and backoff; durations and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.schedule import Budget, Ticks, Turns, backoff_s
from tcpwatchd.model.units import format_duration, format_size, parse_duration, parse_size


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


def budget(percent: float = 1, sample_s: float = 1, push_s: float = 60, audit_s: float = 300) -> Budget:
    made = Budget()
    made.configure(percent, sample_s, push_s, audit_s)
    return made


def test_cheap_samples_are_taken_at_every_tick() -> None:
    it = budget()
    assert (it.stride, it.kept, it.pushes_per_audit) == (1, True, 5)
    it.spent(0.0099, audit=False)
    assert (it.stride, it.kept) == (1, True)


def test_samples_that_are_too_dear_are_spread_evenly_over_the_push() -> None:
    for cost_s, stride in ((0.011, 2), (0.0199, 2), (0.05, 5), (0.07, 8), (0.31, 60), (0.6, 60), (0.61, 60)):
        it = budget()
        it.spent(cost_s, audit=False)
        assert (it.stride, it.kept) == (stride, cost_s <= 0.6), cost_s


def test_one_dear_sample_changes_nothing_and_what_stays_dear_is_followed() -> None:
    it = budget()
    for _ in range(50):
        it.spent(0.001, audit=False)
    it.spent(0.1, audit=False)
    assert it.stride == 1
    for _ in range(100):
        it.spent(0.1, audit=False)
    assert it.stride == 10
    for _ in range(100):
        it.spent(0.001, audit=False)
    assert it.stride == 1


def test_a_cost_at_the_edge_does_not_swing_to_and_fro() -> None:
    it = budget()
    strides = []
    for number in range(400):
        it.spent(0.0085 if number // 20 % 2 else 0.0115, audit=False)
        strides.append(it.stride)
    assert set(strides) == {2}


def test_the_time_between_audits_doubles_while_they_agree_and_a_doubt_begins_anew() -> None:
    it = Budget()
    it.configure(1, 1, 60, 300, audits_grow=True)
    found = []
    for agreed in (True, True, True, True, True, True, False, True, True):
        it.audited(agreed)
        found.append(it.pushes_per_audit)
    assert found == [5, 10, 20, 40, 60, 60, 5, 5, 10]


def test_audits_do_not_grow_rare_where_they_are_wanted_or_are_rare_already() -> None:
    wanted, rare = Budget(), Budget()
    wanted.configure(1, 1, 60, 60)
    rare.configure(1, 1, 60, 7200, audits_grow=True)
    for _ in range(5):
        wanted.audited(True)
        rare.audited(True)
    assert (wanted.pushes_per_audit, rare.pushes_per_audit) == (1, 120)


def test_audits_are_paid_from_an_account_of_their_own() -> None:
    it = budget()
    it.spent(0.5, audit=True)
    assert (it.stride, it.pushes_per_audit) == (1, 5)
    it.spent(0.008, audit=False)
    assert it.stride == 1  # 0.5 s in 300 s and 8 ms in 1 s
    it.spent(3.0, audit=True)
    assert (it.stride, it.pushes_per_audit) == (2, 17)  # three tenths of the budget
    it.configure(1, 1, 60, 300, audits_grow=True)
    assert it.pushes_per_audit == 100  # a twentieth, where nothing rests on each of them


@given(
    percent=st.floats(0.01, 100),
    sample_s=st.floats(0.1, 60),
    per_push=st.floats(1, 1000),
    audit_s=st.floats(1, 86400),
    cost_s=st.floats(0, 10),
    audit_cost_s=st.floats(0, 10),
)
def test_a_budget_that_can_be_kept_is_kept(
    percent: float, sample_s: float, per_push: float, audit_s: float, cost_s: float, audit_cost_s: float
) -> None:
    push_s = sample_s * per_push
    it = budget(percent, sample_s, push_s, audit_s)
    it.spent(audit_cost_s, audit=True)
    it.spent(cost_s, audit=False)
    assert 1 <= it.stride <= max(1, per_push + 1e-6)
    share = cost_s / (it.stride * sample_s) + audit_cost_s / (it.pushes_per_audit * push_s)
    assert not it.kept or share <= percent / 100 * (1 + 1e-6)


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
    assert Stamp.of(1_700_000_000_999_999_999, epoch=998) == Stamp(1_700_000_000, 999_999_999)


@given(
    every_s=st.floats(1, 3600),
    share=st.floats(0.0001, 1),
    cost_s=st.floats(0, 30),
    push_s=st.sampled_from([1.0, 10.0, 60.0]),
)
def test_what_has_its_turn_keeps_its_interval_and_its_share(
    every_s: float, share: float, cost_s: float, push_s: float
) -> None:
    turns = Turns()
    turns.configure(every_s, share, push_s)
    assert turns.come()
    turns.done(cost_s)
    wait_s = push_s
    while not turns.come():
        wait_s += push_s
        if wait_s > 1e6:
            break
    assert wait_s >= every_s - push_s * 1e-3
    assert cost_s / wait_s <= share * (1 + 1e-3)
    # And no later than it has to.
    assert wait_s - push_s < max(every_s, cost_s / share) or wait_s > 1e6
    assert turns.spent_share <= share * (1 + 1e-3)


def test_what_is_wanted_more_often_comes_sooner() -> None:
    turns = Turns()
    turns.configure(3600, 1, 60)
    turns.come()
    turns.done(0.1)
    turns.configure(120, 1, 60)
    assert [turns.come() for _ in range(2)] == [False, True]


def test_ten_minutes_with_an_audit_in_them_keep_to_the_budget() -> None:
    it = budget()
    it.configure(1, 1, 60, 1200, audits_grow=True)
    it.spent(0.6, audit=True)
    for _ in range(99):
        it.spent(0.0095, audit=False)
    assert it.pushes_per_audit == 20
    assert 600 / it.stride * 0.0095 + 0.6 <= 0.01 * 600
    it.spent(60.0, audit=True)  # dearer than ten minutes of the budget: it takes a part of them, and no more
    assert it.stride == 2


def test_what_others_take_is_missing_to_the_samples() -> None:
    budget = Budget()
    budget.configure(1, 1, 60, 300)
    budget.spent(0.0095, False)
    assert budget.stride == 1
    budget.others(0.001)
    assert budget.stride == 2
    budget.others(0)
    assert budget.stride == 2  # a little below the budget is no reason to change back


@pytest.mark.parametrize(("cost_s", "waits"), [(0.01, False), (0.0101, True)])
def test_beside_an_audit_work_of_more_than_ten_milliseconds_waits(cost_s: float, waits: bool) -> None:
    turns = Turns()
    turns.configure(60, 1.0, 60)
    assert turns.come(audited=True)
    turns.done(cost_s)
    assert turns.come(audited=True) is not waits
    assert turns.come()


def test_counters_are_read_at_each_tick_and_less_often_where_they_cost_a_fifth_of_the_budget() -> None:
    it = budget()
    it.spent(0.065, audit=False)
    assert it.counters_stride == 1
    assert it.stride == 7
    it.spent_on_counters(0.0009)
    assert (it.counters_stride, it.stride) == (1, 8)
    for _ in range(99):
        it.spent_on_counters(0.0041)
    assert it.counters_stride == 3


def test_however_much_all_else_takes_samples_go_on() -> None:
    it = budget()
    it.others(0.02)  # twice the budget
    it.spent(0.001, audit=False)
    assert (it.stride, it.kept) == (1, True)
    it.spent(0.5, audit=False)
    assert it.stride == 60
