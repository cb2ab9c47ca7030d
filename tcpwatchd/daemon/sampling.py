"""The sample loop: sample, fold into the window; at a push tick evaluate, append to the spool, trim.

Alone knows the order of these, which sample is an audit, and what the daemon measures of itself. Never waits
for a server: the spool is the wall between this loop and the ones that send.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tcpwatchd import __version__
from tcpwatchd.config.config import Config
from tcpwatchd.daemon.inspection_schedule import InspectionSchedule, Inspector
from tcpwatchd.daemon.open_window import OpenWindow
from tcpwatchd.daemon.push_parts import PushParts
from tcpwatchd.diagnosis.inspector import open_inspector
from tcpwatchd.kernel.counters import read_kernel_counters, read_limits
from tcpwatchd.kernel.process import rss_bytes
from tcpwatchd.kernel.sampler import Sampler
from tcpwatchd.metrics.catalogue import SELDOM, evaluate, selected
from tcpwatchd.metrics.change_filter import ChangeFilter
from tcpwatchd.metrics.key_patterns import under_aliases, under_patterns
from tcpwatchd.metrics.state_metrics import FAMILIES
from tcpwatchd.model.backlog_level import Level
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import NS_PER_S, Clock, Stamp, TimestampSequence
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.schedule import Budget, Ticks
from tcpwatchd.model.sockets import Snapshot
from tcpwatchd.model.transition_log import TransitionLog
from tcpwatchd.model.units import format_duration
from tcpwatchd.model.vitals import Vitals
from tcpwatchd.model.window import Findings, Limit, Window
from tcpwatchd.spool.retention import Retention
from tcpwatchd.spool.spool import Spool

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
    push. `count` and `measure` ask for the kernel's counters and limits, `open_inspector` gives what
    closer looks ask, over the backend of the sampler. `place` in [0, 1) is where in the interval between
    pushes this host pushes; None: counted from the first push.
    """

    def __init__(
        self,
        config: Config,
        sampler: Sampler,
        spool: Spool,
        clock: Clock,
        take_refused: Callable[[], int],
        pushed: Callable[[Window, tuple[Value, ...]], None],
        count: Callable[[], Mapping[str, int]] = read_kernel_counters,
        measure: Callable[[], Mapping[str, Limit]] = read_limits,
        open_inspector: Callable[[object], Inspector | None] = open_inspector,
        place: float | None = None,
    ) -> None:
        self._place = place
        self._count, self._measure = count, measure
        self._config = config
        self._sampler = sampler
        self._spool = spool
        self._retention = Retention(spool)
        self._clock = clock
        self._take_refused = take_refused
        self._pushed = pushed
        now_s = clock.steady_s()
        self._began_s = now_s
        self._since = _Since(now_s, None)
        # Both due at once: the first push follows the first sample, an operator need not wait for it.
        self._ticks = self._grid(config.sample_s)
        self._pushes = self._grid(config.push_s)
        self._measures = self._grid(config.limits_s)
        self._budget = Budget()
        self._parts = PushParts(log)
        self._looks = InspectionSchedule(open_inspector(sampler.backend), clock, config, self._parts)
        self._pushes_to_audit = 0
        self._window = OpenWindow(0.0)
        self._sampling = TransitionLog(log, "sampling")
        self._stretching = TransitionLog(log, "the budget")
        self._trusting = TransitionLog(log, "the fast way")
        self._telling_close = TransitionLog(log, "state close")
        self._range = TransitionLog(log, "the wall clock")
        latest, life = spool.latest() or (None, 0)
        self._timestamps = TimestampSequence(latest, life)
        self._sure_at_s = now_s
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Takes a configuration, now and at a reload; the open window and its last push go on."""
        self._config = config
        self._metrics = selected(config)
        self._change_filter = ChangeFilter(SELDOM)  # whoever reloads may have made items, or a server, anew
        self._window.gap_s = _GAP_INTERVALS * config.push_s
        # Only an audit tells the families apart: where they are wanted, they are wanted at each push.
        families = any(metric.statistic in FAMILIES for metric in self._metrics)
        audit_s = config.push_s if families else config.audit_s
        self._looks.configure(config)
        self._budget.configure(config.cpu_percent, config.sample_s, config.push_s, audit_s)
        self._pushes_to_audit = min(self._pushes_to_audit, self._budget.pushes_per_audit)
        # A grid whose interval stays is kept, so that a reload moves no push.
        if self._ticks.interval_s != config.sample_s:
            self._ticks = self._grid(config.sample_s)
        if self._pushes.interval_s != config.push_s:
            self._pushes = self._grid(config.push_s)
        if self._measures.interval_s != config.limits_s:
            self._measures = self._grid(config.limits_s)

    def _grid(self, interval_s: float) -> Ticks:
        """Due now, and then each `interval_s`."""
        grid_s = None if self._place is None else self._place * self._config.push_s
        return Ticks(interval_s, self._clock.steady_s(), grid_s)

    def step(self) -> float:
        """Samples if it is time to, pushes if it is time to; returns the seconds until the next sample."""
        now_s = self._clock.steady_s()
        if self._ticks.due(now_s):
            self._window.miss(self._ticks.take(now_s))
            if not self._pushes.due(now_s):
                self._sample()
            else:
                self._pushes_to_audit -= 1
                self._sample(audit=self._pushes_to_audit <= 0)
                self._pushes.take(now_s)
                self.push()
            self._window.spare(self._ticks.skip(self._budget.stride - 1, self._pushes))
        return self._ticks.wait_s(self._clock.steady_s())

    def _sample(self, audit: bool = False) -> None:
        before_s = self._clock.thread_cpu_s()
        audited = False
        try:
            snapshot = self._sampler.sample(audit)
        except SampleError as error:
            self._window.drop()
            self._sampling.failed(str(error))
        except Exception as error:  # a bug costs this sample, not those that follow
            self._window.drop()
            self._sampling.failed(
                f"a bug in tcpwatchd ({type(error).__name__}); this sample is dropped",
                "please report it",
                error,
            )
        else:
            self._sampling.worked()
            self._window.add(snapshot)
            audited = snapshot.reading.audit is not None
            self._watch_the_clock(snapshot)
            if snapshot.unconnected is None:
                self._telling_close.failed(
                    "cannot be told here, so it is not sent",
                    "all processes of the host must be visible: no container, no hidepid on /proc",
                )
            else:
                self._telling_close.worked("can be told again")
        if self._sampler.distrust:
            self._trusting.failed(
                f"{self._sampler.distrust}; from now on every socket is read, which costs more",
                "please report it with `uname -r`; when audits have agreed for a day it is tried again",
            )
        else:
            self._trusting.worked("the counters have agreed with every audit of a day, and are used again")
        cpu_s = self._clock.thread_cpu_s() - before_s
        self._since.sample_cpu_s += cpu_s
        self._since.trials += 1
        self._budget.spent(cpu_s, audited)
        if audited:
            self._pushes_to_audit = self._budget.pushes_per_audit

    def _watch_the_budget(self) -> None:
        stride, sample_s = self._budget.stride, self._config.sample_s
        if stride == 1 and self._budget.kept:
            self._stretching.worked(f"a sample every {format_duration(sample_s)} keeps it again")
            return
        kept = (
            f"one every {format_duration(stride * sample_s)} is taken, to keep {self._config.cpu_percent:g}%"
        )
        self._stretching.failed(
            f"a sample every {format_duration(sample_s)} costs more; "
            + (kept if self._budget.kept else "one a push is taken, and even that costs more"),
            "budget.cpu_percent allows more; `tcpwatchd explain 'tcpwatchd.self[sample_cpu]'`",
        )

    def _watch_the_clock(self, snapshot: Snapshot) -> None:
        wall_ns = snapshot.stamp.clock * NS_PER_S + snapshot.stamp.ns
        if set_by_s := self._timestamps.watch(wall_ns, snapshot.at_s):
            self._sure_at_s = snapshot.at_s + _UNSURE_S
            log.warning("the wall clock was set %s by %s", *_direction(set_by_s))

    def push(self) -> None:
        """Puts what the window holds on the disk, and then begins the next one."""
        if self._window.empty:
            return  # the daemon ends right after a push: nothing has been looked at since
        self._window.count(self._parts.attempt("reading counters", self._count) or {})
        now_s = self._clock.steady_s()
        if self._measures.due(now_s):
            self._measures.take(now_s)
            self._window.measure(self._parts.attempt("reading limits", self._measure) or {})
        latest = self._window.latest
        found = self._parts.attempt("closer looks", lambda: self._looks.take(latest))
        self._window.find(found or Findings())
        self._budget.others(self._looks.spent_share)
        window = self._window.so_far()
        stamp = window.latest.stamp if window.latest else Stamp.of(self._clock.wall_ns())
        if not stamp.within_protocol():
            self._range.failed(
                f"says {stamp.clock}; Zabbix takes no stamps before 1970 or after 2038", "set it"
            )
            return  # the window stays open; its change is told when the clock is right
        self._range.worked("is usable again")
        stamp, back_s = self._timestamps.next(stamp)
        if back_s:
            log.warning(
                "the wall clock was set back: this push is stamped %s before the last one",
                format_duration(back_s),
            )
        self._watch_the_budget()
        values = evaluate(self._metrics, window, self._vitals(stamp), stamp, self._parts)
        values = self._change_filter.changed(values)
        values = under_aliases(values, self._config.aliases, self._config.own_keys)
        config = self._config
        values += under_patterns(config.key_patterns, config.services, window, stamp, self._parts)
        self._spool.append(self._config.host, values, self._config.batch_size, self._timestamps.life)
        self._window.close()
        self._since = _Since(self._clock.steady_s(), self._clock.cpu_s())
        self._pushed(window, values)

    def _vitals(self, stamp: Stamp) -> Vitals:
        """What we say of ourselves at this push; trims the spool before, to tell what that cost."""
        since = self._since
        steps, self._timestamps.steps = self._timestamps.steps, 0
        # By a clock that was set just now, nothing is too old: it may be wrong, and be set again.
        sure = self._clock.steady_s() >= self._sure_at_s
        self._spool.trim(
            stamp.clock - int(self._config.spool_max_age_s) if sure else 0, self._config.spool_max_size_bytes
        )
        now_s = self._clock.steady_s()
        elapsed_s = now_s - since.at_s
        return Vitals(
            version=__version__,
            backend=self._sampler.backend.name,
            uptime_s=int(now_s - self._began_s),
            cpu_percent=None
            if since.cpu_s is None or elapsed_s <= 0
            else 100.0 * (self._clock.cpu_s() - since.cpu_s) / elapsed_s,
            mode=self._sampler.mode,
            sample_interval_s=self._budget.stride * self._config.sample_s,
            sample_cpu_s=since.sample_cpu_s / since.trials if since.trials else 0.0,
            rss_bytes=self._parts.attempt("reading resident memory", rss_bytes),
            spool=self._parts.attempt("the state of the spool", self._level),
            lost=self._retention.take_lost(),
            refused=self._take_refused(),
            clock_steps=steps,
            failures=self._parts.take_failures(),
        )

    def _level(self) -> Level:
        return self._retention.level(self._clock.wall_ns() // NS_PER_S)


def _direction(set_by_s: float) -> tuple[str, str]:
    return "forwards" if set_by_s > 0 else "back", format_duration(abs(set_by_s))
