"""The sample loop: sample; at a push tick evaluate and append to the spool.

It waits neither for a server, nor for a disk, nor for an inspection: the spool is between this loop and
delivery, and inspections run in the background.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from tcpwatchd.config.config import Config
from tcpwatchd.daemon.inspection_schedule import Inspector
from tcpwatchd.daemon.kept_ages import KeptAges
from tcpwatchd.daemon.open_window import OpenWindow
from tcpwatchd.daemon.ports_watch import PortsWatch
from tcpwatchd.daemon.push_parts import PushParts
from tcpwatchd.daemon.push_readings import PushReadings
from tcpwatchd.daemon.push_values import PushValues
from tcpwatchd.daemon.sample_report import SampleReport
from tcpwatchd.daemon.self_measurement import SelfMeasurement
from tcpwatchd.daemon.urgent import Urgent
from tcpwatchd.daemon.wall_clock import WallClock
from tcpwatchd.diagnosis.ages import Ages
from tcpwatchd.diagnosis.inspector import open_inspector
from tcpwatchd.kernel.counters import read_kernel_counters, read_limits
from tcpwatchd.kernel.sampler import Sampler
from tcpwatchd.metrics.catalogue import selected
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.schedule import Budget, Ticks
from tcpwatchd.model.sockets import Snapshot
from tcpwatchd.model.vitals import Vitals
from tcpwatchd.model.window import FAMILIES, Findings, Limit, Window
from tcpwatchd.spool.retention import Retention
from tcpwatchd.spool.spool import Spool

log = logging.getLogger(__name__)

# Two pushes further apart than this many push intervals: something stood still, and no delta is sent.
_GAP_INTERVALS = 2.5
# Inspections begin so long before the push, or at the last tick before it.
_AHEAD_S = 2.0


class SampleLoop:
    """Call `step` whenever it asks to be called again, and `push` once more at the end.

    `take_refused` returns the number of values refused by servers since the last call. `pushed` is called for
    every push. `count` and `measure` read the kernel's counters and limits; `open_inspector` returns the
    inspector for a backend. `place` in [0, 1) is the position of this host's pushes within the push interval;
    None: counted from the first push.
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
        self._config, self._place = config, place
        self._sampler = sampler
        self._spool = spool
        self._clock = clock
        self._take_refused = take_refused
        self._pushed = pushed
        # Both due at once: the first push follows the first sample, an operator need not wait for it.
        self._ticks = self._grid(config.sample_s)
        self._pushes = self._grid(config.push_s)
        self._limits = self._grid(config.limits_s)
        self._pushes_to_audit = 0
        self._ticks_to_walk = self._ticks_to_counters = 0
        self._latest: Snapshot | None = None
        self._budget = Budget()
        self._window = OpenWindow(0.0)
        self._parts = PushParts(log)
        self._report = SampleReport()
        inspector = open_inspector(sampler.backend)
        self._ages = inspector.ages if inspector is not None else Ages()
        self._kept_ages = KeptAges()
        self._kept_ages.load(self._ages)
        self._readings = PushReadings(
            count, measure, inspector, clock, config, self._parts, sampler.background
        )
        self._wall_clock = WallClock(spool.latest(), clock)
        self._measurement = SelfMeasurement(sampler, clock, self._parts)
        self._values = PushValues(self._parts)
        self._ports_watch = PortsWatch(inspector.ports if inspector else None, sampler.background)
        self._urgent = Urgent(count, measure, self._ports_watch, clock)
        self._vitals_before: Vitals | None = None
        self._retention = Retention(spool)
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Takes a configuration, now and at a reload; the open window and its last push go on."""
        self._config = config
        metrics = selected(config)
        self._values.configure(metrics, config)
        self._readings.configure(config)
        self._urgent.configure(config.urgent_s if config.own_keys else None)
        self._ports_watch.configure(config.cpu_percent, config.push_s)
        self._window.gap_s = _GAP_INTERVALS * config.push_s
        # Only an audit tells the families apart: where they are wanted, they are wanted at each push.
        families = any(metric.statistic in FAMILIES for metric in metrics)
        audit_s = config.push_s if families else config.audit_s
        self._budget.configure(config.cpu_percent, config.sample_s, config.push_s, audit_s, not families)
        self._pushes_to_audit = min(self._pushes_to_audit, self._budget.pushes_per_audit)
        # A grid whose interval stays is kept, so that a reload moves no push.
        if self._ticks.interval_s != config.sample_s:
            self._ticks = self._grid(config.sample_s)
        if self._pushes.interval_s != config.push_s:
            self._pushes = self._grid(config.push_s)
        if self._limits.interval_s != config.limits_s:
            self._limits = self._grid(config.limits_s)

    def _grid(self, interval_s: float) -> Ticks:
        """Due now, and then each `interval_s`."""
        grid_s = None if self._place is None else self._place * self._config.push_s
        return Ticks(interval_s, self._clock.steady_s(), grid_s)

    def step(self) -> float:
        """Samples if it is time to, pushes if it is time to; returns the seconds until the next sample."""
        now_s = self._clock.steady_s()
        if self._ticks.due(now_s):
            missed = self._ticks.take(now_s)
            self._window.miss(missed)
            self._ticks_to_walk -= missed + 1
            self._ticks_to_counters -= missed + 1
            if self._pushes.due(now_s):
                self._pushes_to_audit -= 1
                self._sample(audit=self._pushes_to_audit <= 0)
                self._pushes.take(now_s)
                self.push()
            elif self._ticks_to_walk <= 0:
                self._sample()
            else:
                self._window.spare()
                if self._ticks_to_counters <= 0:
                    self._sample_counters()
            self._push_urgent(now_s)
            # At the last tick before the push, whatever the grids differ by their rounding.
            if self._pushes.wait_s(now_s) <= max(_AHEAD_S, 1.5 * self._ticks.interval_s):
                self.inspect()
        return self._ticks.wait_s(self._clock.steady_s())

    def _sample(self, audit: bool = False) -> None:
        before_s = self._clock.thread_cpu_s()
        difference: int | None = None
        try:
            snapshot = self._sampler.sample(audit)
        except Exception as error:  # an error that nobody expects costs this sample, not those that follow
            self._window.drop()
            self._report.dropped(error, expected=isinstance(error, SampleError))
        else:
            self._window.add(snapshot)
            self._latest = snapshot
            difference = snapshot.reading.audit
            self._wall_clock.watch(snapshot)
            self._report.sampled(snapshot)
        self._report.fast_path(self._sampler.distrust)
        cpu_s = self._clock.thread_cpu_s() - before_s
        self._measurement.sampled(cpu_s)
        self._budget.spent(cpu_s, audit=difference is not None)
        if difference is not None:
            if audit:
                self._budget.audited(agreed=difference == 0)
            self._pushes_to_audit = self._budget.pushes_per_audit
        self._ticks_to_walk, self._ticks_to_counters = self._budget.stride, self._budget.counters_stride

    def _sample_counters(self) -> None:
        """Reads between two samples what does not take a walk."""
        before_s = self._clock.thread_cpu_s()
        sample = self._parts.attempt("reading counters between samples", self._sampler.sample_counters)
        if sample is not None:
            self._window.add_counters(sample)
            self._budget.spent_on_counters(self._clock.thread_cpu_s() - before_s)
            self._ticks_to_counters = self._budget.counters_stride

    def _push_urgent(self, now_s: float) -> None:
        """Sends at once what an alarm rests on, if that has appeared since the push."""
        if self._vitals_before is None:
            return  # nothing was pushed yet
        found = self._parts.attempt(
            "looking for what is urgent",
            lambda: self._urgent.look(self._window.last_queues, self._latest, now_s),
        )
        stamp = self._wall_clock.stamp(None) if found else None
        if found is None or stamp is None:
            return
        present = found.present
        window = replace(
            self._window.so_far(),
            increases=present.increases,
            limits=present.limits,
            found=Findings(present.ports),
        )
        values = self._values.of_keys(found.keys, window, self._vitals_before, stamp)
        if values:  # the configuration may leave all of them out
            self._spool.append(self._config.host, values, self._config.batch_size, self._wall_clock.epoch)
            self._window.told(found.counted)

    def inspect(self) -> None:
        """Starts the inspections for the coming push; further calls before it do nothing."""
        audit_comes = self._pushes_to_audit <= 1 < self._budget.pushes_per_audit
        self._readings.begin(self._latest, audit_comes)

    def push(self) -> None:
        """Evaluates the window, appends its values to the spool, and begins the next window."""
        if self._window.empty:
            return  # the daemon ends right after a push: no sample has been taken since
        self._readings.take(self._window, self._limits)
        spent = (
            self._readings.spent_share,
            self._sampler.background_share(),
            self._urgent.spent_share,
            self._ports_watch.take_spent_share(),
        )
        self._budget.others(sum(spent))
        window = self._window.so_far()
        stamp = self._wall_clock.stamp(window.latest)
        if stamp is None:
            return  # the window stays open; its change is sent when the clock is right
        self._report.budget(self._budget, self._config)
        self._vitals_before = self._vitals(stamp)
        values = self._values.evaluate(window, self._vitals_before, stamp)
        self._spool.append(self._config.host, values, self._config.batch_size, self._wall_clock.epoch)
        self._parts.attempt(
            "noting what was urgent", lambda: self._urgent.pushed(self._window.counted, window)
        )
        self._window.close()
        self._measurement.restart()
        self._pushed(window, values)

    def keep(self) -> None:
        """Keeps what the next start goes on with."""
        self._kept_ages.save(self._ages)

    def _vitals(self, stamp: Stamp) -> Vitals:
        """What the daemon reports of itself at this push. The spool is trimmed before."""
        # By a clock that was set just now, nothing is too old: it may be wrong, and be set again.
        oldest_clock = stamp.clock - int(self._config.spool_max_age_s) if self._wall_clock.sure() else 0
        self._spool.trim(oldest_clock, self._config.spool_max_size_bytes)
        level = partial(self._retention.level, self._wall_clock.now_clock())
        return self._measurement.vitals(
            sample_interval_s=self._budget.stride * self._config.sample_s,
            spool=self._parts.attempt("the state of the spool", level),
            lost=self._retention.take_lost(),
            refused=self._take_refused(),
            clock_steps=self._wall_clock.take_steps(),
        )
