"""The clocks of this host, in one object that is passed in, so that tests bring their own.

Alone knows which of the kernel's clocks serve what. Must not know what is timed.
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
