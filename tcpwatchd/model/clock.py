"""Clocks of this host, stamps of values, and the sequence of stamps when the wall clock is set.

Clocks are passed in as an object, so that tests bring their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


def _steady_s() -> float:
    # CLOCK_BOOTTIME goes on counting while the host is suspended (clock_gettime(2)), so that a night
    # asleep shows as a gap. Elsewhere monotonic has to do.
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(frozen=True)
class Clock:
    """`wall_ns` stamps values, `steady_s` gives the cadence, `cpu_s` and `thread_cpu_s` measure our cost."""

    wall_ns: Callable[[], int] = time.time_ns
    steady_s: Callable[[], float] = _steady_s
    cpu_s: Callable[[], float] = time.process_time
    thread_cpu_s: Callable[[], float] = time.thread_time


NS_PER_S = 1_000_000_000


@dataclass(frozen=True, order=True)
class Stamp:
    """When a value was true: `clock` in Unix seconds and `ns` within that second, 1 to 999999999.

    Never 0: Zabbix 7.0 takes ns 0 for "no ns" and invents one, and a resend would be a second history row.
    """

    clock: int
    ns: int

    @classmethod
    def of(cls, wall_ns: int, epoch: int = 0) -> Stamp:
        """The stamp of a wall-clock reading in nanoseconds since the epoch, to the microsecond.

        The last three digits tell how often the clock had been set back before: a second that comes twice
        is not the same stamp twice, not even on a host whose clock ticks coarsely.
        """
        clock, ns = divmod(wall_ns, NS_PER_S)
        return cls(clock, ns - ns % 1000 + 1 + epoch % 999)

    def again(self, epoch: int) -> Stamp:
        """The same microsecond in another epoch of the clock."""
        return Stamp.of(self.clock * NS_PER_S + self.ns, epoch)

    def within_protocol(self) -> bool:
        """Whether Zabbix takes it: 31 bits of seconds, which end in 2038."""
        return 0 < self.clock < 2**31


# Clocks are disciplined by at most 500 ppm (ntp_adjtime(2)); what is beyond that, and a second, was a step.
_STEP_S = 1.0
_SLEW = 0.001


class TimestampSequence:
    """`latest` and `epoch` are of the last push before, also by an earlier process; None if there is none.

    `steps` counts how often the wall clock was set, forwards or back, since it was last taken.
    """

    def __init__(self, latest: Stamp | None, epoch: int) -> None:
        self._latest = latest
        self._seen: tuple[int, float] | None = None
        self._stepped = False
        self.epoch = epoch
        self.steps = 0

    def watch(self, wall_ns: int, at_s: float) -> float:
        """Compares the clocks at a sample; returns by how many seconds the wall clock was set, mostly 0."""
        before, self._seen = self._seen, (wall_ns, at_s)
        if before is None:
            return 0.0
        passed_s = at_s - before[1]
        set_by_s = (wall_ns - before[0]) / NS_PER_S - passed_s
        if abs(set_by_s) < _STEP_S + _SLEW * passed_s:
            return 0.0
        self.steps += 1
        self._stepped = True
        return set_by_s

    def next(self, stamp: Stamp) -> tuple[Stamp, float]:
        """The stamp for a push, and by how many seconds it is earlier than the one before (usually 0).

        If the clock was set back, stamps go back with it, because the earlier stamps were wrong. Each stamp
        is new.
        """
        back_s = 0.0
        if self._latest is not None and stamp.again(self.epoch) <= self._latest:
            back_s = self._latest.clock - stamp.clock + (self._latest.ns - stamp.ns) / NS_PER_S
            self.epoch += 1
            self.steps += not self._stepped  # it was set while nobody watched, before this process
        self._stepped = False
        self._latest = stamp.again(self.epoch)
        return self._latest, max(back_s, 1e-6) if back_s else 0.0
