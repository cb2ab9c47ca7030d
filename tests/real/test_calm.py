"""`make calm` for two minutes: its traffic is what it says, and no alarm comes of it."""

from __future__ import annotations

from tests import calm
from tests.lab.socket_lab import require_lab


def test_two_minutes_of_ordinary_life_are_watched_without_a_problem() -> None:
    require_lab()
    assert calm.main(2, ("established", "time_wait", "close_wait", "fin_wait2", "listen")) == 0
