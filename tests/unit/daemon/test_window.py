"""What a delta and a window statistic are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.daemon.open_window import OpenWindow
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.sockets import CounterSample, Listener, State
from tcpwatchd.model.window import AcceptQueues, Statistics, Window
from tests.lab.fakes import snapshot

COUNTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=50)


def close_after(window: OpenWindow, at_s: float, *counts: int) -> Window:
    for nth, count in enumerate(counts):
        window.add(snapshot(at_s + nth, established=count))
    return window.close()


@given(counts=COUNTS)
def test_statistics_are_those_of_the_list(counts: list[int]) -> None:
    held = close_after(OpenWindow(120), 0, *counts).states[State.ESTABLISHED]
    assert (held.last, held.minimum, held.maximum) == (counts[-1], min(counts), max(counts))
    assert held.average == pytest.approx(sum(counts) / len(counts))
    assert held.minimum <= held.average <= held.maximum


@given(first=COUNTS, second=COUNTS)
def test_delta_is_against_the_push_before(first: list[int], second: list[int]) -> None:
    window = OpenWindow(10**6)
    assert close_after(window, 0, *first).states[State.ESTABLISHED].delta is None
    assert close_after(window, 60, *second).states[State.ESTABLISHED].delta == second[-1] - first[-1]


@given(pushes=st.lists(COUNTS, min_size=2, max_size=10))
def test_deltas_add_up_to_the_whole_change(pushes: list[list[int]]) -> None:
    window = OpenWindow(10**6)
    held = [close_after(window, 60 * nth, *push).states[State.ESTABLISHED] for nth, push in enumerate(pushes)]
    assert sum(one.delta or 0 for one in held) == held[-1].last - held[0].last


def test_no_delta_across_a_gap_and_one_right_after_it() -> None:
    window = OpenWindow(120)
    close_after(window, 0, 5)
    assert close_after(window, 120, 7).states[State.ESTABLISHED].delta == 2
    assert close_after(window, 240.5, 9).states[State.ESTABLISHED].delta is None
    assert close_after(window, 300, 4).states[State.ESTABLISHED].delta == -5


def test_a_window_stays_open_until_it_is_closed() -> None:
    """What was lost on the way counts on: extremes and change are against the push that arrived."""
    window = OpenWindow(10**6)
    close_after(window, 0, 5)
    window.add(snapshot(60, established=50))
    assert window.so_far() == window.so_far()
    assert window.so_far().states[State.ESTABLISHED].delta == 45
    held = close_after(window, 120, 7).states[State.ESTABLISHED]
    assert held == Statistics(last=7, delta=2, minimum=7, maximum=50, average=28.5)


def test_no_delta_against_a_window_without_a_sample() -> None:
    window = OpenWindow(10**6)
    close_after(window, 0, 5)
    window.drop()
    assert window.close() == Window(latest=None, states={}, samples=0, dropped=1, missed=0)
    assert close_after(window, 60, 7).states[State.ESTABLISHED].delta is None


@pytest.mark.parametrize(("audits", "told"), [((3, 0), 3), ((0, 3), 3), ((None, 0), 0), ((None,), None)])
def test_the_largest_difference_of_a_windows_audits_is_told(
    audits: tuple[int | None, ...], told: int | None
) -> None:
    window = OpenWindow(120)
    for nth, audit in enumerate(audits):
        taken = snapshot(nth, established=1)
        window.add(replace(taken, reading=replace(taken.reading, audit=audit)))
    assert window.close().audit == told


def test_an_increase_of_zero_is_sent_and_that_of_a_new_counter_is_not() -> None:
    window = OpenWindow(120)
    window.count({"InSegs": 5})
    close_after(window, 0, 1)
    window.count({"InSegs": 5, "OutSegs": 7})
    assert close_after(window, 60, 1).increases == {"InSegs": 0}


def test_a_window_that_holds_dropped_samples_alone_is_not_empty() -> None:
    window = OpenWindow(120)
    assert window.empty
    window.drop()
    assert not window.empty


def test_what_went_wrong_is_counted_per_window() -> None:
    window = OpenWindow(120)
    window.drop()
    window.miss(3)
    window.miss(0)
    held = close_after(window, 0, 1, 2)
    assert (held.samples, held.dropped, held.missed) == (2, 1, 3)
    assert held.latest is not None
    assert held.latest.stamp == Stamp(1_700_000_001, 5)
    assert (window.close().dropped, window.close().missed) == (0, 0)


def test_counters_between_samples_count_for_minimum_maximum_and_mean_and_not_for_the_last() -> None:
    window = OpenWindow(10**6)
    full = Listener("[::]:80", 9, 8)
    window.add_counters(CounterSample({State.ESTABLISHED: 90}, (full,)))
    window.add(snapshot(0, established=10, close_wait=4))
    window.add_counters(CounterSample({State.ESTABLISHED: 2}, ()))
    held = window.close()
    assert held.states[State.ESTABLISHED] == Statistics(10, None, 2, 90, 34.0)
    assert held.states[State.CLOSE_WAIT] == Statistics(4, None, 4, 4, 4.0)
    assert (held.samples, held.counter_samples) == (1, 2)
    assert held.queues == AcceptQueues(full, 1, 1)
    assert window.so_far().counter_samples == 0


def test_counters_alone_are_no_sample() -> None:
    window = OpenWindow(10**6)
    window.add_counters(CounterSample({State.ESTABLISHED: 90}, None))
    assert window.empty
    assert window.close().states == {}


def test_every_state_is_there_and_zero_is_a_value() -> None:
    held = close_after(OpenWindow(120), 0, 1)
    assert set(held.states) == set(State)
    assert held.states[State.CLOSING] == Statistics(last=0, delta=None, minimum=0, maximum=0, average=0.0)


def test_close_is_absent_where_it_cannot_be_told() -> None:
    window = OpenWindow(120)
    window.add(snapshot(0, closed=None, established=1))
    assert set(window.close().states) == set(State) - {State.CLOSE}
    window.add(snapshot(1, closed=4))
    window.add(snapshot(2, closed=None))
    assert window.close().states[State.CLOSE] == Statistics(4, None, 4, 4, 4.0)
