"""Measures what the daemon costs this host: CPU time and resident memory."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tcpwatchd import __version__
from tcpwatchd.daemon.push_parts import PushParts
from tcpwatchd.kernel import procfs
from tcpwatchd.kernel.sampler import Sampler
from tcpwatchd.model.backlog_level import Level, Lost
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.vitals import Vitals


@dataclass
class _Since:
    """What is counted since the push before.

    `cpu_s` is None until the first push: what a start costs says nothing of what running does.
    """

    at_s: float
    cpu_s: float | None
    sample_cpu_s: float = 0.0
    trials: int = 0


class SelfMeasurement:
    """Counts from one push to the next."""

    def __init__(self, sampler: Sampler, clock: Clock, parts: PushParts) -> None:
        self._sampler = sampler
        self._clock = clock
        self._parts = parts
        self._began_s = clock.steady_s()
        self._since = _Since(self._began_s, None)

    def sampled(self, cpu_s: float) -> None:
        """A sample was tried, and took so much CPU time."""
        self._since.sample_cpu_s += cpu_s
        self._since.trials += 1

    def restart(self) -> None:
        """A push is over."""
        self._since = _Since(self._clock.steady_s(), self._clock.cpu_s())

    def vitals(
        self, sample_interval_s: float, spool: Level | None, lost: Lost, refused: int, clock_steps: int
    ) -> Vitals:
        """All that is reported at a push; what is measured elsewhere is passed in."""
        since, now_s = self._since, self._clock.steady_s()
        return Vitals(
            version=__version__,
            backend=self._sampler.backend.name,
            mode=self._sampler.mode,
            uptime_s=int(now_s - self._began_s),
            cpu_percent=self._cpu_percent(now_s),
            sample_interval_s=sample_interval_s,
            sample_cpu_s=since.sample_cpu_s / since.trials if since.trials else 0.0,
            rss_bytes=self._parts.attempt("reading resident memory", rss_bytes),
            spool=spool,
            lost=lost,
            refused=refused,
            clock_steps=clock_steps,
            failures=self._parts.take_failures(),
        )

    def _cpu_percent(self, now_s: float) -> float | None:
        since, elapsed_s = self._since, now_s - self._since.at_s
        if since.cpu_s is None or elapsed_s <= 0:
            return None
        return 100.0 * (self._clock.cpu_s() - since.cpu_s) / elapsed_s


def rss_bytes() -> int | None:
    """Resident memory of this process, shared pages included; None where it cannot be read just now.

    Source: proc_pid_statm(5).
    """
    try:
        return int(procfs.text("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        import psutil  # noqa: PLC0415 - 4 MB that a host with /proc never needs

        return int(psutil.Process().memory_info().rss)
    except OSError:
        return None  # no descriptor is free: a bad moment, and no reason to end
