"""Stamps pushes by the wall clock, and logs when the clock is set or out of range."""

from __future__ import annotations

import logging

from tcpwatchd.model.clock import NS_PER_S, Clock, Stamp, TimestampSequence
from tcpwatchd.model.sockets import Snapshot
from tcpwatchd.model.transition_log import TransitionLog
from tcpwatchd.model.units import format_duration

log = logging.getLogger(__name__)

# How long a clock that was set has to hold until values are given up by it.
_UNSURE_S = 3600.0


class WallClock:
    """`latest` is the stamp of the last push, also by an earlier process, with its epoch; None if none."""

    def __init__(self, latest: tuple[Stamp, int] | None, clock: Clock) -> None:
        self._clock = clock
        self._sequence = TimestampSequence(*(latest or (None, 0)))
        self._range = TransitionLog(log, "the wall clock")
        self._sure_at_s = clock.steady_s()
        self._now_at_s = float("-inf")  # when a stamp was taken that is no sample's

    @property
    def epoch(self) -> int:
        """How often the clock was set back, as the stamps tell it."""
        return self._sequence.epoch

    def now_clock(self) -> int:
        """Unix seconds."""
        return self._clock.wall_ns() // NS_PER_S

    def sure(self) -> bool:
        """Whether the clock was not set for an hour."""
        return self._clock.steady_s() >= self._sure_at_s

    def take_steps(self) -> int:
        """How often the clock was set since this was last asked."""
        steps, self._sequence.steps = self._sequence.steps, 0
        return steps

    def watch(self, snapshot: Snapshot) -> None:
        """Compares the clocks at a sample, and logs where the wall clock was set."""
        wall_ns = snapshot.stamp.clock * NS_PER_S + snapshot.stamp.ns
        if set_by_s := self._sequence.watch(wall_ns, snapshot.at_s):
            self._sure_at_s = snapshot.at_s + _UNSURE_S
            direction = "forwards" if set_by_s > 0 else "back"
            log.warning("the wall clock was set %s by %s", direction, format_duration(abs(set_by_s)))

    def stamp(self, latest: Snapshot | None) -> Stamp | None:
        """The stamp of a push whose last whole sample is `latest`, None: of what is sent between pushes. None
        where Zabbix takes no such stamp.
        """
        # A push without a sample since values were sent before it is no step back of the clock.
        if latest is not None and latest.at_s > self._now_at_s:
            stamp = latest.stamp
        else:
            stamp = Stamp.of(self._clock.wall_ns())
            self._now_at_s = self._clock.steady_s()
        if not stamp.within_protocol():
            self._range.failed(
                f"says {stamp.clock}; Zabbix takes no stamps before 1970 or after 2038", "set it"
            )
            return None
        self._range.worked("is usable again")
        stamp, back_s = self._sequence.next(stamp)
        if back_s:
            log.warning(
                "the wall clock was set back: this push is stamped %s before the last one",
                format_duration(back_s),
            )
        return stamp
