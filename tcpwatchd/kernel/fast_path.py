"""The fast path: a walk without ESTABLISHED and TIME_WAIT, and two counters for these.

What CurrEstab counts is found on the running kernel. Until it is known, and when audits contradict the
counters, every socket is read. An audit is a walk of all states between two readings of the counters.
"""

from __future__ import annotations

from typing import Protocol

from tcpwatchd.kernel import inet_diag
from tcpwatchd.kernel.counter_estimates import CROWDS, CurrEstab, completed, estimates, excess
from tcpwatchd.kernel.procnet import Counters
from tcpwatchd.model.errors import CountersError
from tcpwatchd.model.sockets import CounterSample, Reading, State, Walk

_REST = inet_diag.mask(state for state in State if state not in CROWDS)
_LISTEN = inet_diag.mask([State.LISTEN])  # in a table of their own, which is short
# What is bounded by churn is bounded in the mean: a burst may break the bound once or twice.
_MOST_DOUBTS = 3
# How many audits may leave open what CurrEstab counts, where that has to be known.
_MOST_TRIALS = 5
# For so long audits have to agree until counters are believed again.
_AGREEING_S = 86400.0


class Kernel(Protocol):
    """What has to be asked."""

    def walk(self, states: int) -> Walk:
        """The sockets whose state's bit is set; SampleError."""

    def counters(self, for_audit: bool = False) -> Counters:
        """What is counted without a walk; CountersError."""

    def half_close(self) -> CurrEstab | None:
        """What CurrEstab counts, by experiment; None where that cannot be found."""


class FastPath:
    """Reads the sockets the fast path for as long as it is borne out.

    `distrust` says why it no longer is, empty while it is; from then on every reading is a walk of all
    states. Audits go on, and when they have agreed for a day, the fast path is tried again.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.distrust = ""
        self._doubts = self._trials = 0
        self._agreeing_since_s: float | None = None
        self._meaning: CurrEstab | None = None
        self._walk: Walk | None = None
        self._hint: list[CurrEstab] = []

    def read(self, audit: bool = False, now_s: float = 0.0) -> Reading:
        """One reading; by a walk of all states where it is to be an `audit`, or where that is needed. `now_s`
        by a steady clock.
        """
        try:
            if self.distrust:
                return self._distrustful(audit, now_s)
            quick = None if audit or self._doubts else self._quick()
            return quick or self._audit()
        except CountersError as error:
            self.distrust, self._agreeing_since_s = str(error), None
            return Reading.of(self._kernel.walk(inet_diag.ALL_STATES))

    def between_walks(self) -> CounterSample | None:
        """What counters and the table of listeners say, at the same cost for any number of connections. The
        states that only a walk counts are taken to be what the walk before found: while CLOSE_WAIT changes
        between two walks, ESTABLISHED may be off by as much. None while counters are not used.

        Raises SampleError or CountersError.
        """
        if self._walk is None or self.distrust or self._doubts:
            return None
        meaning = self._known(self._walk)
        if meaning is None:
            return None
        listeners = self._kernel.walk(_LISTEN)
        sockets = estimates(self._walk, self._kernel.counters(), meaning)
        return CounterSample({**sockets, State.LISTEN: listeners[State.LISTEN]}, listeners.queues)

    def _known(self, walk: Walk) -> CurrEstab | None:
        """What CurrEstab counts. Without a socket in CLOSE_WAIT both meanings are the same."""
        return self._meaning or (None if walk[State.CLOSE_WAIT] else CurrEstab.ESTABLISHED)

    def _distrustful(self, audit: bool, now_s: float) -> Reading:
        """A walk of all states; at an audit, counters are compared with it all the same."""
        if not audit:
            return Reading.of(self._kernel.walk(inet_diag.ALL_STATES))
        reading = self._audit()
        if reading.audit:
            self._agreeing_since_s = None
        elif self._agreeing_since_s is None:
            self._agreeing_since_s = now_s
        elif now_s - self._agreeing_since_s >= _AGREEING_S:
            self.distrust, self._agreeing_since_s = "", None
            self._doubts = self._trials = 0
        return reading

    def _quick(self) -> Reading | None:
        """The fast path, None where it needs to be known what CurrEstab counts, and is not yet."""
        walk = self._walk = self._kernel.walk(_REST)
        counters = self._kernel.counters()
        meaning = self._known(walk)
        return meaning and Reading(
            completed(walk, counters, meaning),
            None,
            walk.orphaned,
            walk.queues,
            unanswered=walk.unanswered,
            cookies=walk.cookies,
        )

    def _audit(self) -> Reading:
        before = self._kernel.counters(for_audit=True)
        walk = self._walk = self._kernel.walk(inet_diag.ALL_STATES)
        beyond = excess(walk, before, self._kernel.counters(for_audit=True))
        fitting = [meaning for meaning, sockets in beyond.items() if not sockets]
        if self._meaning is None:
            self._learn(fitting, walk[State.CLOSE_WAIT])
        sockets = beyond[self._meaning] if self._meaning else min(beyond.values())
        self._doubts = self._doubts + 1 if sockets else 0
        if self._doubts == _MOST_DOUBTS:
            self.distrust = (
                f"the kernel's counters (CurrEstab {before.curr_estab}, tw {before.time_wait}) are off by "
                f"{sockets} sockets, and more than came and went"
            )
        return Reading.of(walk, sockets)

    def _learn(self, fitting: list[CurrEstab], close_wait: int) -> None:
        """From what fits. Where both do, since few are in CLOSE_WAIT and many come and go, by experiment."""
        if len(fitting) == 1 and fitting == self._hint:  # twice: a socket may be on its way just then
            self._meaning = fitting[0]
        elif len(fitting) > 1 and close_wait:
            self._meaning = self._kernel.half_close()
        self._hint = fitting
        self._trials += bool(close_wait)
        if self._meaning is None and self._trials == _MOST_TRIALS:
            self.distrust = "it cannot be told whether this kernel's CurrEstab counts CLOSE_WAIT"
