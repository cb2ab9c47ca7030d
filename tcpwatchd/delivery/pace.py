"""Limits how fast a backlog is sent: additive increase, multiplicative decrease.

Live values never wait. After an outage many hosts return to one server, and no host knows how many. Each
starts slowly, sends more while answers are quick, and half as much after an answer that is slow or missing.
A server that cannot store fast enough delays its answers, so answers are slow before any is lost. The clock
and random numbers are passed in.
"""

from __future__ import annotations

# Where a backlog begins, as a part of replay.rate, and the least that a slow server is given, of that.
_BEGIN_SHARE = 1 / 500
_LEAST_SHARE = 1 / 4
# A request holds what may be sent in so long: so a slow host learns as often as a quick one.
_REQUEST_S = 1.5
_LEAST_VALUES = 5
# An answer is slow that takes so much longer than the quickest of late.
_SLOW_S = 1.0
# Quick answers in a row each add this more than the one before, as a part of where a backlog begins.
_INCREASE_SHARE = 1
# "Of late" are so many answers, or up to twice as many.
_ANSWERS_OF_LATE = 50
# A shorter time without delivery is no outage: a single answer was lost.
_OUTAGE_S = 10.0
# Waits differ by up to this part from one to the next, so that hosts do not fall into step.
_SPREAD = 0.5


class Pace:
    """Of one destination. `rate` is a ceiling, in values a second; what is sent after an outage begins at
    random within `delay_s`, or within the length of the outage if that was shorter.
    """

    def __init__(self, rate: float, delay_s: float) -> None:
        self._rate = self._ceiling = rate
        self._delay_s = delay_s
        self._free_s = 0.0
        self._failing_since_s: float | None = None
        self._probing = False  # doubling, until the first answer that is slow
        self._quick = 0
        self._least_s = self._least_before_s = float("inf")
        self._answers = 0

    def configure(self, rate: float, delay_s: float) -> None:
        """Takes a new ceiling, in values a second, and the longest wait after an outage."""
        # Whoever was not held back before is not held back now.
        self._rate = rate if self._rate >= self._ceiling else min(self._rate, rate)
        self._ceiling, self._delay_s = rate, delay_s

    @property
    def rate(self) -> float:
        """Values a second at this moment."""
        return self._rate

    def at_most(self, batch_size: int) -> int:
        """The most values of the next request."""
        return min(batch_size, max(_LEAST_VALUES, int(self._rate * _REQUEST_S)))

    def failed(self, now_s: float) -> None:
        """A request was not answered, or declined."""
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        self._decrease()

    def delivered(self, values: int, now_s: float, took_s: float, luck: float) -> None:
        """A request with so many `values` was answered after `took_s`; `luck` in [0, 1)."""
        since_s, self._failing_since_s = self._failing_since_s, None
        if since_s is not None and now_s - since_s > _OUTAGE_S:
            self._rate, self._probing, self._quick = self._begin, True, 0
        elif took_s > self._least_of_late_s(took_s) + _SLOW_S:
            self._decrease()
        else:
            self._increase()
        wait_s = values / self._rate
        if self._rate < self._ceiling:
            wait_s *= 1 - _SPREAD / 2 + _SPREAD * luck
        if since_s is not None:
            wait_s += luck * min(self._delay_s, now_s - since_s)
        self._free_s = now_s + wait_s

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next request may go."""
        return max(0.0, self._free_s - now_s)

    @property
    def _begin(self) -> float:
        return self._ceiling * _BEGIN_SHARE

    def _increase(self) -> None:
        self._quick += 1
        more = self._rate if self._probing else self._quick * self._begin * _INCREASE_SHARE
        self._rate = min(self._ceiling, self._rate + more)

    def _decrease(self) -> None:
        self._probing, self._quick = False, 0
        self._rate = max(self._begin * _LEAST_SHARE, self._rate / 2)

    def _least_of_late_s(self, took_s: float) -> float:
        """The quickest answer of late, this one included: a path may have become longer for good."""
        self._least_s = min(self._least_s, took_s)
        self._answers += 1
        if self._answers >= _ANSWERS_OF_LATE:
            self._least_before_s, self._least_s, self._answers = self._least_s, took_s, 0
        return min(self._least_s, self._least_before_s)
