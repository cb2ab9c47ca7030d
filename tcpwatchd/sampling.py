"""The sample loop: sample, fold into the window; at a push tick evaluate, append to the spool, trim.

Alone knows the order of these and what the daemon measures of itself. Never waits for a server: the spool
is the wall between this loop and the ones that send.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from tcpwatchd import __version__
from tcpwatchd.catalogue import evaluate, selected
from tcpwatchd.clock import Clock
from tcpwatchd.config import Config
from tcpwatchd.edge import Edge
from tcpwatchd.errors import SampleError, SpoolError
from tcpwatchd.model import NS_PER_S, Stamp, Value, Vitals, Window
from tcpwatchd.process import rss_bytes
from tcpwatchd.sampler import Sampler
from tcpwatchd.schedule import Ticks
from tcpwatchd.spool import Spool
from tcpwatchd.window import OpenWindow

log = logging.getLogger(__name__)

# Two pushes further apart than this many push intervals: something stood still, and no delta is sent. One
# push that the disk did not take leaves them two apart, and its change in the next one.
_GAP_INTERVALS = 2.5


@dataclass
class _Since:
    """What is counted since the push before: the last one that is on the disk.

    `cpu_s` is None until the first push: what a start costs says nothing of what running does.
    """

    at_s: float
    cpu_s: float | None
    sample_cpu_s: float = 0.0
    trials: int = 0
    unspooled: int = 0
    trimmed_by_age: int = 0
    trimmed_by_size: int = 0
    refused: int = 0


class SampleLoop:
    """`step` whenever it asks to be called again; `push` once more at the end.

    `take_refused` gives the values refused by servers since it was last asked. `pushed` is told of every
    push.
    """

    def __init__(
        self,
        config: Config,
        sampler: Sampler,
        spool: Spool,
        clock: Clock,
        take_refused: Callable[[], int],
        pushed: Callable[[Window, tuple[Value, ...]], None],
    ) -> None:
        self._sampler = sampler
        self._spool = spool
        self._clock = clock
        self._take_refused = take_refused
        self._pushed = pushed
        now_s = clock.steady_s()
        self._began_s = now_s
        self._since = _Since(now_s, None)
        # Both due at once: the first push follows the first sample, an operator need not wait for it.
        self._ticks = Ticks(config.sample_s, now_s)
        self._pushes = Ticks(config.push_s, now_s)
        self._window = OpenWindow(0.0)
        self._sampling = Edge(log, "sampling")
        self._telling_close = Edge(log, "state close")
        self._spooling = Edge(log, "values")
        self._keeping = Edge(log, "values")
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Takes a configuration, now and at a reload; the open window and its last push go on."""
        self._config = config
        self._metrics = selected(config.statistics)
        self._window.gap_s = _GAP_INTERVALS * config.push_s
        now_s = self._clock.steady_s()
        # A grid whose interval stays is kept, so that a reload moves no push.
        if self._ticks.interval_s != config.sample_s:
            self._ticks = Ticks(config.sample_s, now_s)
        if self._pushes.interval_s != config.push_s:
            self._pushes = Ticks(config.push_s, now_s)

    def step(self) -> float:
        """Samples if it is time to, pushes if it is time to; returns the seconds until the next sample."""
        now_s = self._clock.steady_s()
        if self._ticks.due(now_s):
            self._window.miss(self._ticks.take(now_s))
            self._sample()
            if self._pushes.due(now_s):
                self._pushes.take(now_s)
                self.push()
        return self._ticks.wait_s(self._clock.steady_s())

    def _sample(self) -> None:
        before_s = self._clock.thread_cpu_s()
        try:
            snapshot = self._sampler.sample()
        except SampleError as error:
            self._window.drop()
            self._sampling.failed(str(error))
        else:
            self._sampling.worked()
            self._window.add(snapshot)
            if snapshot.unconnected is None:
                self._telling_close.failed(
                    "cannot be told here, so it is not sent",
                    "all processes of the host must be visible: no container, no hidepid on /proc",
                )
            else:
                self._telling_close.worked("can be told again")
        self._since.sample_cpu_s += self._clock.thread_cpu_s() - before_s
        self._since.trials += 1

    def push(self) -> None:
        """Puts what the window holds on the disk, and then begins the next one."""
        window = self._window.so_far()
        if not window.samples and not window.dropped:
            return  # the daemon ends right after a push: nothing has been looked at since
        stamp = window.stamp or Stamp.of(self._clock.wall_ns())
        try:
            values = evaluate(self._metrics, window, self._vitals(stamp), stamp)
            self._spool.append(self._config.host, values, self._config.batch_size)
        except SpoolError as error:
            # The window stays open, and what was counted goes on being counted, until a push is on the disk.
            self._since.unspooled += len(self._metrics)
            self._spooling.failed(f"lost until the disk takes them: {error}")
            return
        self._spooling.worked(f"written again; {self._since.unspooled} were lost")
        self._window.close()
        self._since = _Since(self._clock.steady_s(), self._clock.cpu_s())
        self._pushed(window, values)

    def _vitals(self, stamp: Stamp) -> Vitals:
        """What we say of ourselves at this push; trims the spool on the way, to tell what that cost."""
        since = self._since
        since.refused += self._take_refused()
        by_age, by_size = self._spool.trim(
            stamp.clock - int(self._config.spool_max_age_s), self._config.spool_max_size_bytes
        )
        if by_age or by_size:
            self._keeping.failed("the oldest are being given up: the spool is at spool.max_age or max_size")
        else:
            self._keeping.worked("no more are given up")
        since.trimmed_by_age += by_age
        since.trimmed_by_size += by_size
        backlog = self._spool.backlog()
        oldest = [waiting.oldest_clock for waiting in backlog if waiting.oldest_clock is not None]
        now_s = self._clock.steady_s()
        elapsed_s = now_s - since.at_s
        return Vitals(
            version=__version__,
            backend=self._sampler.backend.name,
            uptime_s=int(now_s - self._began_s),
            cpu_percent=None
            if since.cpu_s is None or elapsed_s <= 0
            else 100.0 * (self._clock.cpu_s() - since.cpu_s) / elapsed_s,
            sample_cpu_s=since.sample_cpu_s / since.trials if since.trials else 0.0,
            rss_bytes=rss_bytes(),
            spool_values=max(waiting.values for waiting in backlog),
            spool_age_s=max(0, self._clock.wall_ns() // NS_PER_S - min(oldest)) if oldest else 0,
            spool_size_bytes=self._spool.size_bytes(),
            trimmed_by_age=since.trimmed_by_age,
            trimmed_by_size=since.trimmed_by_size,
            unspooled=since.unspooled,
            refused=since.refused,
        )
