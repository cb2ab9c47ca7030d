"""How a backlog comes back: low at first, more while answers are quick, half as much when one is slow."""

from __future__ import annotations

from tcpwatchd.delivery.pace import Pace

RATE = 1000.0


def after_an_outage(outage_s: float = 3600.0, delay_s: float = 0.0) -> Pace:
    """A pace whose first request after an outage was answered at 0 s."""
    pace = Pace(RATE, delay_s)
    for nth in range(60):
        pace.failed(-outage_s + nth * outage_s / 60)
    pace.delivered(5, 0.0, 0.01, 0.5)
    return pace


def quick(pace: Pace, times: int = 1) -> list[float]:
    """The rates after each of so many quick answers."""
    rates = []
    for _ in range(times):
        pace.delivered(5, 0.0, 0.01, 0.5)
        rates.append(pace.rate)
    return rates


def test_without_an_outage_nothing_is_held_back() -> None:
    pace = Pace(RATE, 30.0)
    assert pace.at_most(250) == 250
    pace.delivered(85, 0.0, 0.01, 0.9)
    assert pace.wait_s(0.0) == 85 / RATE


def test_after_an_outage_it_begins_low_with_a_small_request_and_doubles() -> None:
    pace = after_an_outage()
    assert pace.rate == RATE / 500
    assert pace.at_most(250) == 5
    assert quick(pace, 5) == [4, 8, 16, 32, 64]
    assert pace.at_most(250) == 96
    assert quick(pace, 10)[-1] == RATE
    assert pace.at_most(250) == 250


def test_a_slow_answer_halves_it_and_from_then_on_it_grows_by_steps() -> None:
    pace = after_an_outage()
    quick(pace, 5)
    pace.delivered(5, 0.0, 1.2, 0.5)
    assert pace.rate == 32
    assert quick(pace, 4) == [34, 38, 44, 52]
    pace.delivered(5, 0.0, 1.2, 0.5)
    assert quick(pace, 1) == [28]


def test_an_answer_that_does_not_come_halves_it_too_and_is_no_outage() -> None:
    pace = Pace(RATE, 30.0)
    pace.failed(0.0)
    pace.delivered(85, 2.0, 0.01, 0.0)
    assert pace.rate > RATE / 2


def test_it_never_stops() -> None:
    pace = after_an_outage()
    for _ in range(50):
        pace.delivered(5, 0.0, 9.0, 0.5)
        pace.delivered(5, 0.0, 0.01, 0.5)
        pace.failed(0.0)
    assert pace.rate >= RATE / 2000
    assert pace.at_most(250) == 5


def test_a_long_way_to_the_server_is_not_slow() -> None:
    pace = after_an_outage()
    for _ in range(200):
        pace.delivered(5, 0.0, 3.0, 0.5)
    assert pace.rate == RATE


def test_a_way_that_becomes_long_for_good_is_slow_for_a_while_only() -> None:
    pace = Pace(RATE, 30.0)
    quick(pace, 30)
    rates = []
    for _ in range(300):
        pace.delivered(5, 0.0, 2.0, 0.5)
        rates.append(pace.rate)
    assert min(rates) < RATE / 500
    assert rates[-1] == RATE


def test_waits_differ_so_that_hosts_do_not_fall_into_step() -> None:
    waits = set()
    for luck in (0.0, 0.25, 0.5, 0.75):
        pace = after_an_outage()
        pace.delivered(5, 0.0, 0.01, luck)
        waits.add(pace.wait_s(0.0))
    assert len(waits) == 4
    assert min(waits) == 0.75 * 5 / 4


def test_after_an_outage_the_rest_begins_at_random_within_the_delay() -> None:
    pace = Pace(RATE, 30.0)
    pace.failed(-3600.0)
    pace.delivered(5, 0.0, 0.01, 0.5)
    assert pace.wait_s(0.0) == 5 / (RATE / 500) + 15.0


def test_a_new_ceiling_holds_at_once_and_lifts_whoever_was_at_the_old_one() -> None:
    pace = Pace(RATE, 30.0)
    pace.configure(100.0, 30.0)
    assert pace.rate == 100.0
    pace.configure(2 * RATE, 30.0)
    assert pace.rate == 2 * RATE
    low = after_an_outage()
    low.configure(2 * RATE, 30.0)
    assert low.rate == RATE / 500
