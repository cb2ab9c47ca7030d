"""Reads what is read once a push: counters and limits of the kernel, and inspections."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tcpwatchd.config.config import Config
from tcpwatchd.daemon.inspection_schedule import InspectionSchedule, Inspector
from tcpwatchd.daemon.open_window import OpenWindow
from tcpwatchd.daemon.push_parts import PushParts
from tcpwatchd.kernel.background import Background
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.schedule import Ticks
from tcpwatchd.model.sockets import Snapshot
from tcpwatchd.model.window import Findings, Limit


class PushReadings:
    """Puts each reading into the window. One that fails is absent from this push; the others are taken."""

    def __init__(
        self,
        count: Callable[[], Mapping[str, int]],
        measure: Callable[[], Mapping[str, Limit]],
        inspector: Inspector | None,
        clock: Clock,
        config: Config,
        parts: PushParts,
        background: Background,
    ) -> None:
        self._count, self._measure = count, measure
        self._clock = clock
        self._parts = parts
        self._inspections = InspectionSchedule(inspector, config, background, parts)

    def configure(self, config: Config) -> None:
        """Takes a configuration, now and at a reload."""
        self._inspections.configure(config)

    @property
    def spent_share(self) -> float:
        """CPU time of inspections, on average, as a part of one core."""
        return self._inspections.spent_share

    def begin(self, snapshot: Snapshot | None, audit_comes: bool) -> None:
        """Starts the inspections for the coming push, in the background; once for each push. If its sample
        will be an audit, expensive inspections wait for the push after.
        """
        self._parts.attempt("closer looks", lambda: self._inspections.begin(snapshot, audit_comes))

    def take(self, window: OpenWindow, limits: Ticks) -> None:
        """Reads what is due at this push. `limits` are the ticks at which limits are read."""
        window.count(self._parts.attempt("reading counters", self._count) or {})
        now_s = self._clock.steady_s()
        if limits.due(now_s):
            limits.take(now_s)
            window.measure(self._parts.attempt("reading limits", self._measure) or {})
        latest = window.latest
        found = self._parts.attempt("closer looks", lambda: self._inspections.take(latest))
        window.find(found or Findings())
