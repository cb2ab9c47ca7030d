"""When things are due: ticks, backoff and the pace of a replay, as arithmetic.

Alone knows that a late tick is skipped and counted, never queued, how waiting grows while a server is away,
and how slowly what has waited follows. Reads no clock and draws no random number: both are passed in.
"""

from __future__ import annotations


class Ticks:
    """A grid of due moments, `interval_s` apart, on whatever steady clock the caller uses (seconds)."""

    def __init__(self, interval_s: float, first_s: float) -> None:
        self.interval_s = interval_s
        self._first_s = first_s
        self._taken = 0  # counted, not added up: a sum of intervals drifts with its rounding

    @property
    def _next_s(self) -> float:
        return self._first_s + self._taken * self.interval_s

    def due(self, now_s: float) -> bool:
        """True once the next tick has come."""
        return now_s >= self._next_s

    def take(self, now_s: float) -> int:
        """Takes the tick that is due and returns how many others passed unnoticed since."""
        missed = int((now_s - self._next_s) // self.interval_s)
        self._taken += missed + 1
        return missed

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next tick, 0 when it is due."""
        return max(0.0, self._next_s - now_s)


def backoff_s(failures: int, luck: float, base_s: float = 1.0, most_s: float = 60.0) -> float:
    """Seconds to wait after `failures` (1, 2, …) in a row.

    Doubles from `base_s` up to `most_s`; `luck` in [0, 1) takes off up to half, so that a fleet whose
    server comes back does not return in the same second.
    """
    # 2**32 is past any cap; the bound keeps a week of failures from building a number of a thousand digits.
    full_s = min(most_s, base_s * 2.0 ** min(failures - 1, 32))
    return full_s * (1.0 - luck / 2)


class Pace:
    """How soon the next batch may follow: a backlog goes at `rate` values a second, live values never wait.

    After an outage the rest of the backlog begins by chance somewhere within `delay_s`, or within the
    length of the outage if that was shorter: the first batch of each host shows that the server is back, and
    a fleet does not come with all of its backlogs in the same second.
    """

    def __init__(self, rate: float, delay_s: float) -> None:
        self.configure(rate, delay_s)
        self._free_s = 0.0
        self._failing_since_s: float | None = None

    def configure(self, rate: float, delay_s: float) -> None:
        """`rate` in values a second, `delay_s` the longest wait after an outage."""
        self._rate = rate
        self._delay_s = delay_s

    def failed(self, now_s: float) -> None:
        """A batch was not delivered."""
        if self._failing_since_s is None:
            self._failing_since_s = now_s

    def delivered(self, values: int, now_s: float, luck: float) -> None:
        """A batch of so many `values` was; `luck` in [0, 1)."""
        self._free_s = now_s + values / self._rate
        if self._failing_since_s is not None:
            self._free_s += luck * min(self._delay_s, now_s - self._failing_since_s)
            self._failing_since_s = None

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next batch may go."""
        return max(0.0, self._free_s - now_s)
