"""Watches how daemons spend their CPU time: in which bursts of the main thread, and how much in each second.

Source: Documentation/scheduler/sched-stats.rst: the kernel brings the first number of schedstat up to date
when a thread stops running, and at each timer interrupt while it runs.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from . import accounting

_POLL_S = 0.01
_QUIET_POLLS = 2  # without any CPU time after which a burst is over
_LEAST_S = 0.001  # less is no burst that anybody would see


@dataclass(frozen=True)
class Burst:
    """CPU time that a thread took without a pause, and when it ended."""

    end_s: float
    cpu_s: float


class Bursts:
    """Finds the bursts in a thread's CPU time as it grows."""

    def __init__(self, cpu_s: float) -> None:
        self.found: list[Burst] = []
        self._cpu_s = self._began_s = cpu_s
        self._quiet = 0

    def grown(self, at_s: float, cpu_s: float) -> None:
        """The CPU time at a later moment."""
        if cpu_s > self._cpu_s:
            self._cpu_s, self._quiet = cpu_s, 0
            return
        self._quiet += 1
        if self._quiet == _QUIET_POLLS:
            if cpu_s - self._began_s >= _LEAST_S:
                self.found.append(Burst(at_s, cpu_s - self._began_s))
            self._began_s = cpu_s


class CpuWatch(accounting.Watch):
    """Watches these processes from `with` to the end of the block, in a thread.

    Of each, in their order: the `bursts` of its main thread, and `spent_s`, the CPU time of the process in
    each `bucket_s`.
    """

    def __init__(self, pids: Iterable[int], bucket_s: float) -> None:
        self._pids = list(pids)
        self._bucket_s = bucket_s
        self.bursts: list[list[Burst]] = [[] for _ in self._pids]
        self.spent_s: list[list[float]] = [[] for _ in self._pids]

    def watch(self, over: threading.Event) -> None:
        """Until it is over."""
        with contextlib.ExitStack() as opened:
            files = []
            for pid in self._pids:
                files.append(os.open(f"/proc/{pid}/task/{pid}/schedstat", os.O_RDONLY))
                opened.callback(os.close, files[-1])
            threads = [Bursts(_ran_s(file)) for file in files]
            totals_s = [accounting.process_cpu_s(pid) for pid in self._pids]
            next_s = time.monotonic() + self._bucket_s
            while not over.wait(_POLL_S):
                now_s = time.monotonic()
                for bursts, file in zip(threads, files):
                    bursts.grown(now_s, _ran_s(file))
                if now_s >= next_s:
                    next_s += self._bucket_s
                    for nth, pid in enumerate(self._pids):
                        total_s = accounting.process_cpu_s(pid)
                        self.spent_s[nth].append(total_s - totals_s[nth])
                        totals_s[nth] = total_s
            self.bursts = [bursts.found for bursts in threads]


def _ran_s(file: int) -> float:
    return int(os.pread(file, 100, 0).split()[0]) / 1e9
