"""What a fleet comes to, in simulated time: the daemon's own arithmetic, many hosts, one server."""

from __future__ import annotations

import random

import pytest

from bench.fleet import peak_over_mean, replay
from tcpwatchd.model.schedule import Ticks


def test_hosts_started_together_do_not_push_together() -> None:
    assert peak_over_mean(10_000) <= 1.5


@pytest.mark.parametrize(("hosts", "hours"), [(500, 1.0), (3000, 0.3)])
def test_a_backlog_returns_without_a_time_out_and_the_server_is_used(hosts: int, hours: float) -> None:
    it = replay(hosts, hours)
    assert it.timeouts == 0
    assert it.slowest_s <= 2 * it.median_s
    assert it.utilisation >= 0.9


def test_the_first_tick_is_now_and_the_others_are_on_the_grid() -> None:
    luck = random.Random(7)  # noqa: S311 - a seed to repeat, no secret
    for _ in range(1000):
        now_s, grid_s = luck.uniform(0, 1e6), luck.uniform(0, 60)
        ticks = Ticks(60.0, now_s, grid_s)
        assert ticks.due(now_s)
        assert ticks.take(now_s) == 0
        second_s = now_s + ticks.wait_s(now_s)
        assert 30.0 - 1e-6 <= second_s - now_s <= 90.0 + 1e-6
        assert (second_s - grid_s) / 60 == pytest.approx(round((second_s - grid_s) / 60), abs=1e-6)
        assert ticks.take(second_s + 1e-6) == 0
        assert ticks.wait_s(second_s) == pytest.approx(60.0, abs=1e-3)


def test_two_starts_of_a_host_have_the_same_grid() -> None:
    moments = set()
    for now_s in (1000.0, 1234.5, 99_999.9):
        ticks = Ticks(60.0, now_s, 17.25)
        ticks.take(now_s)
        moments.add(round((now_s + ticks.wait_s(now_s)) % 60, 6))
    assert moments == {17.25}
