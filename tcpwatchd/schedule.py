"""When things are due: ticks and backoff, as arithmetic.

Alone knows that a late tick is skipped and counted, never queued, and how waiting grows while a server is
away. Reads no clock and draws no random number: both are passed in.
"""

from __future__ import annotations


class Ticks:
    """A grid of due moments, `interval_s` apart, on whatever steady clock the caller uses (seconds)."""

    def __init__(self, interval_s: float, first_s: float) -> None:
        self.interval_s = interval_s
        self._next_s = first_s

    def due(self, now_s: float) -> bool:
        """True once the next tick has come."""
        return now_s >= self._next_s

    def take(self, now_s: float) -> int:
        """Takes the tick that is due and returns how many others passed unnoticed since."""
        missed = int((now_s - self._next_s) // self.interval_s)
        self._next_s += (missed + 1) * self.interval_s
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
