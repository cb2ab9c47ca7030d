"""The sample loop: sample, fold into the window; at a push tick evaluate, append to the spool, trim.

Alone knows the order of these and what the daemon measures of itself. Never waits for a server: the spool
is the wall between this loop and the ones that send.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tcpwatchd import __version__
from tcpwatchd.catalogue import evaluate, selected
from tcpwatchd.clock import Clock
from tcpwatchd.config import Config
from tcpwatchd.edge import Edge
from tcpwatchd.errors import SampleError, SpoolError
from tcpwatchd.model import NS_PER_S, Snapshot, Stamp, Value, Vitals, Window
from tcpwatchd.process import rss_bytes
from tcpwatchd.sampler import Sampler
from tcpwatchd.schedule import Ticks
from tcpwatchd.spool import Spool
from tcpwatchd.stamps import Stamps
from tcpwatchd.units import format_duration
from tcpwatchd.window import OpenWindow

log = logging.getLogger(__name__)

# Two pushes further apart than this many push intervals: something stood still, and no delta is sent.
_GAP_INTERVALS = 2.5

# How long a clock that was set has to hold until values are given up by it.
_UNSURE_S = 3600.0


@dataclass
class _Since:
    """What is counted since the push before.

    `cpu_s` is None until the first push: what a start costs says nothing of what running does.
    """

    at_s: float
    cpu_s: float | None
    sample_cpu_s: float = 0.0
    trials: int = 0


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
        self._bounding = Edge(log, "values")
        self._measuring = Edge(log, "the backlog")
        self._range = Edge(log, "the wall clock")
        latest, life = spool.latest() or (None, 0)
        self._stamps = Stamps(latest, life)
        self._sure_at_s = now_s
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
            self._watch_the_clock(snapshot)
            if snapshot.unconnected is None:
                self._telling_close.failed(
                    "cannot be told here, so it is not sent",
                    "all processes of the host must be visible: no container, no hidepid on /proc",
                )
            else:
                self._telling_close.worked("can be told again")
        self._since.sample_cpu_s += self._clock.thread_cpu_s() - before_s
        self._since.trials += 1

    def _watch_the_clock(self, snapshot: Snapshot) -> None:
        wall_ns = snapshot.stamp.clock * NS_PER_S + snapshot.stamp.ns
        if set_by_s := self._stamps.watch(wall_ns, snapshot.at_s):
            self._sure_at_s = snapshot.at_s + _UNSURE_S
            log.warning("the wall clock was set %s by %s", *_direction(set_by_s))

    def push(self) -> None:
        """Puts what the window holds on the disk, and then begins the next one."""
        window = self._window.so_far()
        if not window.samples and not window.dropped:
            return  # the daemon ends right after a push: nothing has been looked at since
        stamp = window.stamp or Stamp.of(self._clock.wall_ns())
        if not stamp.within_protocol():
            self._range.failed(
                f"says {stamp.clock}; Zabbix takes no stamps before 1970 or after 2038", "set it"
            )
            return  # the window stays open; its change is told when the clock is right
        self._range.worked("is usable again")
        stamp, back_s = self._stamps.next(stamp)
        if back_s:
            log.warning(
                "the wall clock was set back: this push is stamped %s before the last one",
                format_duration(back_s),
            )
        values = evaluate(self._metrics, window, self._vitals(stamp), stamp)
        try:
            self._spool.append(self._config.host, values, self._config.batch_size, self._stamps.life)
        except SpoolError as error:
            self._spooling.failed(f"held in memory, and sent from there, until the disk takes them: {error}")
        else:
            self._spooling.worked("written to the disk again")
        self._window.close()
        self._since = _Since(self._clock.steady_s(), self._clock.cpu_s())
        self._pushed(window, values)

    def _vitals(self, stamp: Stamp) -> Vitals:
        """What we say of ourselves at this push; trims the spool before, to tell what that cost."""
        since = self._since
        steps, self._stamps.steps = self._stamps.steps, 0
        values = age_s = size_bytes = keys = aside = None
        with suppress(SpoolError):  # the push that follows says so
            # By a clock that was set just now, nothing is too old: it may be wrong, and be set again.
            sure = self._clock.steady_s() >= self._sure_at_s
            before_clock = stamp.clock - int(self._config.spool_max_age_s) if sure else 0
            self._spool.trim(before_clock, self._config.spool_max_size_bytes)
        try:
            backlog = self._spool.backlog()
            size_bytes = self._spool.size_bytes()
        except SpoolError as error:
            self._measuring.failed(f"cannot be read: {error}")
        else:
            self._measuring.worked("can be read again")
            values = max(waiting.values for waiting in backlog)
            oldest = [waiting.oldest_clock for waiting in backlog if waiting.oldest_clock is not None]
            age_s = max(0, self._clock.wall_ns() // NS_PER_S - min(oldest)) if oldest else 0
            keys = len({key for waiting in backlog for key in waiting.aside})
            aside = sum(sum(waiting.aside.values()) + waiting.doubted for waiting in backlog)
        lost = self._spool.take_lost()
        if lost:
            causes = ", ".join(f"{count} {cause}" for cause, count in vars(lost).items() if count)
            self._bounding.failed(
                f"the oldest are being given up ({causes})", "`tcpwatchd backlog` shows why"
            )
        else:
            self._bounding.worked("no more are given up")
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
            spool_values=values,
            spool_age_s=age_s,
            spool_size_bytes=size_bytes,
            lost=lost,
            refused=self._take_refused(),
            refused_keys=keys,
            set_aside=aside,
            clock_steps=steps,
        )


def _direction(set_by_s: float) -> tuple[str, str]:
    return "forwards" if set_by_s > 0 else "back", format_duration(abs(set_by_s))
