"""Ticks, the CPU budget and backoff, as arithmetic.

A late tick is skipped and counted, never queued. The clock and random numbers are passed in.
"""

from __future__ import annotations

import math

# What a sample costs is the mean of about so many: one that is dear does not change the interval.
_SAMPLES_IN_MEAN = 16
# By how much the cost has to fall below the budget before more samples are taken again.
_SLACK = 1.25
# While audits agree, the time between two of them grows up to this.
_AUDIT_MOST_S = 3600.0
# An audit is paid for within this time at most, so that ten minutes with an audit in them keep to the budget.
# If it costs more than audits may take in that time, samples pay no more than that.
_AUDIT_PAID_WITHIN_S = 600.0
# Work that takes more CPU time than this is not done at a push with an audit.
_DEAR_S = 0.01
# The most that audits may take of the budget: where a value of each push rests on them, and else. The most
# that counters between two walks may take.
_WANTED_AUDITS_SHARE, _AUDITS_SHARE = 0.3, 0.05
_COUNTERS_SHARE = 0.2
# What walks may take of the budget in any case, whatever all else takes.
_WALKS_SHARE = 0.1


class Ticks:
    """Due moments on a grid, `interval_s` apart, on whatever steady clock the caller uses (seconds).

    The first tick is at `first_s`, all others are a multiple of `interval_s` from `grid_s`, if that is given:
    so hosts that start together do not go on together. The second tick comes half an interval after the first
    at the earliest.
    """

    def __init__(self, interval_s: float, first_s: float, grid_s: float | None = None) -> None:
        self.interval_s = interval_s
        self._first_s = first_s
        self._grid_s = grid_s
        self._taken = 0  # counted, not added up: a sum of intervals drifts with its rounding

    @property
    def _next_s(self) -> float:
        return self._first_s + self._taken * self.interval_s

    def due(self, now_s: float) -> bool:
        """True once the next tick has come."""
        return now_s >= self._next_s

    def take(self, now_s: float) -> int:
        """Takes the tick that is due and returns how many others passed unnoticed since."""
        if self._grid_s is not None:
            earliest_s = now_s + self.interval_s / 2
            intervals = math.ceil((earliest_s - self._grid_s) / self.interval_s)
            self._first_s, self._grid_s = self._grid_s + intervals * self.interval_s, None
            return 0
        missed = int((now_s - self._next_s) // self.interval_s)
        self._taken += missed + 1
        return missed

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next tick, 0 when it is due."""
        return max(0.0, self._next_s - now_s)


def _pushes_apart(every_s: float, cost_s: float, share: float, push_s: float) -> int:
    """Pushes from one turn to the next of work that is due every `every_s`, costs `cost_s` of CPU time, and
    may take `share` of one core.
    """
    return max(1, math.ceil(max(every_s, cost_s / share) / push_s - 1e-6))


class Turns:
    """The pushes at which work is done that is due every `every_s` and may take `share` of one core."""

    def __init__(self) -> None:
        self._cost_s = 0.0
        self._left = 0

    def configure(self, every_s: float, share: float, push_s: float) -> None:
        """What it costs is known from before; what is wanted more often now comes sooner."""
        self._every_s, self._share, self._push_s = every_s, share, push_s
        self._left = min(self._left, self._pushes)

    @property
    def _pushes(self) -> int:
        return _pushes_apart(self._every_s, self._cost_s, self._share, self._push_s)

    def come(self, audited: bool = False) -> bool:
        """A push has come: whether it is done at this one. What costs much waits if the push had an audit."""
        self._left -= 1
        return self._left <= 0 and not (audited and self._cost_s > _DEAR_S)

    def done(self, cpu_s: float) -> None:
        """It was done, and took so long."""
        self._cost_s = cpu_s
        self._left = self._pushes

    @property
    def spent_share(self) -> float:
        """How much of one core it takes on average."""
        return self._cost_s / (self._pushes * self._push_s)


class Budget:
    """How often the kernel is asked, so that asking costs at most `percent` of one core.

    Samples (walks) and audits have accounts of their own: one audit can cost as much as a hundred samples. An
    audit replaces the sample at a push; each push has its sample, whatever it costs. At the ticks between two
    samples counters are read. What `others` take is theirs.
    """

    stride = 1
    """Ticks from one sample to the next."""
    _others_share = 0.0
    _counters_cost_s: float | None = None

    def __init__(self) -> None:
        self._sample_cost_s: float | None = None
        self._audit_cost_s = 0.0
        self._agreed = False

    def configure(
        self, percent: float, sample_s: float, push_s: float, audit_s: float, audits_grow: bool = False
    ) -> None:
        """A sample every `sample_s` and an audit every `audit_s` are wanted; costs known so far stay.

        If `audits_grow`, the time between audits doubles while they agree, up to an hour, and they take less
        of the budget.
        """
        self._share = percent / 100.0
        self._sample_s = sample_s
        self._push_s = push_s
        self._audit_s = self._first_audit_s = audit_s
        self._audits_share = _AUDITS_SHARE if audits_grow else _WANTED_AUDITS_SHARE
        self._most_audit_s = max(audit_s, _AUDIT_MOST_S) if audits_grow else audit_s
        self._agreed = False
        self._most = max(1, math.floor(push_s / sample_s + 1e-6))
        self.stride = min(self.stride, self._most)
        self._fit()

    def spent(self, cpu_s: float, audit: bool) -> None:
        """One sample was taken, or one audit."""
        if audit:
            self._audit_cost_s = cpu_s
        elif self._sample_cost_s is None:
            self._sample_cost_s = cpu_s
        else:
            self._sample_cost_s += (cpu_s - self._sample_cost_s) / _SAMPLES_IN_MEAN
        self._fit()

    def spent_on_counters(self, cpu_s: float) -> None:
        """Counters were read once, between two samples."""
        before_s = cpu_s if self._counters_cost_s is None else self._counters_cost_s
        self._counters_cost_s = before_s + (cpu_s - before_s) / _SAMPLES_IN_MEAN
        self._fit()

    @property
    def counters_stride(self) -> int:
        """Ticks from one reading of counters to the next."""
        share = self._share * _COUNTERS_SHARE
        return max(1, math.ceil((self._counters_cost_s or 0.0) / (share * self._sample_s)))

    def audited(self, agreed: bool) -> None:
        """An audit that was due was taken. The first one that agrees is followed after the shortest time."""
        if agreed and self._agreed:
            self._audit_s = min(2 * self._audit_s, self._most_audit_s)
        elif not agreed:
            self._audit_s = self._first_audit_s
        self._agreed = agreed
        self._fit()

    def others(self, share: float) -> None:
        """CPU time of everything that is no sample, as a part of one core."""
        self._others_share = share
        self._fit()

    @property
    def pushes_per_audit(self) -> int:
        """How many pushes from one audit to the next."""
        return _pushes_apart(
            self._audit_s, self._audit_cost_s, self._share * self._audits_share, self._push_s
        )

    @property
    def kept(self) -> bool:
        """Whether the budget can be kept; if not, there is one sample a push, and that costs more."""
        return self._need() <= self._most

    def _need(self) -> float:
        """The ticks that one sample has to last for."""
        paid_s = min(self.pushes_per_audit * self._push_s, _AUDIT_PAID_WITHIN_S)
        audits_share = min(self._audit_cost_s / paid_s, self._share * _WANTED_AUDITS_SHARE)
        counters_share = (self._counters_cost_s or 0.0) / (self.counters_stride * self._sample_s)
        left = self._share - audits_share - self._others_share - counters_share
        return (self._sample_cost_s or 0.0) / (max(left, self._share * _WALKS_SHARE) * self._sample_s)

    def _fit(self) -> None:
        need = self._need()
        if need > self.stride:
            self.stride = self._even(need)
        else:
            self.stride = min(self.stride, self._even(need * _SLACK))

    def _even(self, need: float) -> int:
        """The stride that takes as many samples a push as `need` allows, evenly spaced."""
        samples = max(1, math.floor(self._most / max(1.0, need)))
        return math.ceil(self._most / samples)


def backoff_s(failures: int, luck: float, base_s: float = 1.0, most_s: float = 60.0) -> float:
    """Seconds to wait after `failures` (1, 2, …) in a row.

    Doubles from `base_s` up to `most_s`; `luck` in [0, 1) takes off up to half, so that a fleet whose
    server comes back does not return in the same second.
    """
    # 2**32 is past any cap; the bound keeps a week of failures from building a number of a thousand digits.
    full_s = min(most_s, base_s * 2.0 ** min(failures - 1, 32))
    return full_s * (1.0 - luck / 2)
