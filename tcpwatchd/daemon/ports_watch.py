"""Asks between pushes how many ports the busiest destination uses, when it may have come near its limit.

It can have come near only if connections were added since it was asked before: no more than by these has its
use grown, unless others ended meanwhile, which the next push sees. The question is put in the background.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from tcpwatchd.diagnosis.ephemeral_ports import connections
from tcpwatchd.kernel.background import Background, Task
from tcpwatchd.metrics.trigger import MACROS
from tcpwatchd.model.sockets import Snapshot
from tcpwatchd.model.window import Ports

NEAR_PERCENT = float(MACROS["{$TCPWATCHD.LIMIT.WARN}"][0])
# Of budget.cpu_percent, the most that it may take; and the least time from one question to the next.
_SHARE = 0.05
_LEAST_S = 2.0
_NEVER_S = float("-inf")


class PortsWatch:
    """`look` at each tick, `told` what a push has found. `ask` is the question, of so many connections; None
    where it cannot be asked.
    """

    def __init__(self, ask: Callable[[int], Ports] | None, background: Background) -> None:
        self._ask = ask
        self._background = background
        self._task: Task[Ports] | None = None
        self._asked_of = 0
        self._known: Ports | None = None
        self._asked_at_s = _NEVER_S
        self._cost_s = 0.0
        self._spent_s = 0.0
        self.configure(1.0, 60.0)

    def configure(self, cpu_percent: float, push_s: float) -> None:
        """`cpu_percent` is the budget of the daemon."""
        self._share = _SHARE * cpu_percent / 100.0
        self._push_s = push_s

    def take_spent_share(self) -> float:
        """CPU time since the last call, which is that of the push before, as a part of one core."""
        spent_s, self._spent_s = self._spent_s, 0.0
        return spent_s / self._push_s

    def told(self, ports: Ports | None, snapshot: Snapshot | None) -> None:
        """What was found for a push, whose last sample is this."""
        if ports is not None and snapshot is not None:
            self._known, self._asked_of = ports, connections(snapshot)

    def look(self, snapshot: Snapshot | None, now_s: float) -> Ports | None:
        """What is known of the busiest destination; asks anew if that may have changed much."""
        if self._task is not None and self._task.done:
            task, self._task = self._task, None
            self._cost_s = task.cpu_s
            self._spent_s += task.cpu_s
            with suppress(Exception):  # whatever fails: the push meets the same, and says so
                self._known = task.result()
        elif self._task is None and snapshot is not None:
            self._begin(connections(snapshot), now_s)
        return self._known

    def _begin(self, connected: int, now_s: float) -> None:
        ask = self._ask
        if ask is None or not self._may_be_near(connected, now_s):
            return
        self._asked_of, self._asked_at_s = connected, now_s
        self._task = self._background.start(lambda: ask(connected))

    def _may_be_near(self, connected: int, now_s: float) -> bool:
        if self._known is None:
            return self._asked_at_s == _NEVER_S  # once; after that it is for the pushes to find out
        if now_s < self._asked_at_s + max(_LEAST_S, self._cost_s / self._share):
            return False
        lacking = NEAR_PERCENT / 100.0 * self._known.usable - self._known.used
        return 0 < lacking <= connected - self._asked_of
