"""What processes have taken so far: CPU time and memory, told by the kernel.

Source: Documentation/scheduler/sched-stats.rst (/proc/PID/task/TID/schedstat: nanoseconds on the CPU come
first), clock_getcpuclockid(3), proc_pid_stat(5), proc_pid_status(5).
"""

from __future__ import annotations

import abc
import contextlib
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

_POLL_S = 0.02
_CPUCLOCK_SCHED = 2  # of a clock of a process, as clock_getcpuclockid(3) makes it
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
W = TypeVar("W", bound="Watch")


def family(pid: int) -> tuple[int, ...]:
    """The process and all that descend from it and live."""
    found = [pid]
    for member in found:  # it grows on the way
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, children.read_text().split())
    return tuple(found)


def cpu_s(pids: Iterable[int]) -> float:
    """CPU time of all threads of these, and of those of their children that are over."""
    spent_s = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                spent_s += int((thread / "schedstat").read_text().split()[0]) / 1e9
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            spent_s += (int(fields[13]) + int(fields[14])) / _TICKS_PER_S  # cutime, cstime
    return spent_s


def process_cpu_s(pid: int) -> float:
    """CPU time of all threads of this process, of those too that have ended; OSError where there is none."""
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)


@dataclass(frozen=True)
class Memory:
    """Resident memory of one process: now, its peak, and what of it is not shared with a file."""

    now_bytes: int
    peak_bytes: int
    anonymous_bytes: int


def memory(pid: int) -> Memory:
    """Of a process that lives; OSError otherwise."""
    sizes = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in ("VmRSS", "VmHWM", "RssAnon"):
            sizes[name] = int(rest.split()[0]) * 1024
    if len(sizes) < 3:
        raise ProcessLookupError(pid)  # a zombie has none
    return Memory(sizes["VmRSS"], sizes["VmHWM"], sizes["RssAnon"])


def peak_bytes(pids: Iterable[int]) -> int:
    """The peak of the largest of these: a sum would count what they share more than once."""
    largest = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            largest = max(largest, memory(pid).peak_bytes)
    return largest


class Watch(abc.ABC):
    """Runs `watch` in a thread, from `with` to the end of the block."""

    def __enter__(self: W) -> W:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self.watch, args=[self._over])
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @abc.abstractmethod
    def watch(self, over: threading.Event) -> None:
        """Ends soon after `over` is set."""


class PeakWatch(Watch):
    """Looks at the children of a short command again and again, from `with` to the end of the block.

    ru_maxrss does not serve: after exec it still says what the process that forked had.
    """

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid

    def watch(self, over: threading.Event) -> None:
        """Until it is over."""
        while not over.wait(_POLL_S):
            self.peak_bytes = max(self.peak_bytes, peak_bytes(family(self._pid)[1:]))
