"""Finds conditions that an alarm rests on as soon as they appear, so that they do not wait for the push.

Accept queues come with each sample. Counters and limits are read every two seconds for this; `PortsWatch`
asks for the busiest destination. A condition that goes on is not urgent a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from tcpwatchd.daemon.ports_watch import NEAR_PERCENT, PortsWatch
from tcpwatchd.kernel.accept_queues import FULL_PERCENT
from tcpwatchd.metrics.trigger import MACROS
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.sockets import Listener, Snapshot
from tcpwatchd.model.window import Limit, Ports, Window

_READ_EVERY_S = 2.0
_MOST_VALUES = 10


class Present(NamedTuple):
    """What is known now: the accept queues of the last sample, increases since the value before, limits, the
    busiest destination.
    """

    queues: Collection[Listener]
    increases: Mapping[str, int]
    limits: Mapping[str, Limit]
    ports: Ports | None = None


@dataclass(frozen=True)
class _Condition:
    """When it holds, and the keys whose values say so. `counter` is that of the kernel, if it is one."""

    holds: Callable[[Present], bool]
    keys: tuple[str, ...]
    counter: str = ""


def _threshold(macro: str) -> float:
    return float(MACROS[f"{{$TCPWATCHD.{macro}}}"][0])


def _counted(name: str, least: float) -> _Condition:
    return _Condition(
        lambda now: now.increases.get(name, 0) > least, (f"tcpwatchd.counter[{name}]",), counter=name
    )


def _near(name: str, percent: float) -> _Condition:
    def holds(now: Present) -> bool:
        limit = now.limits.get(name)
        return limit is not None and (limit.percent or 0.0) >= percent

    return _Condition(holds, (f"tcpwatchd.limit[{name}]",))


def _ports_near(now: Present) -> bool:
    return now.ports is not None and (now.ports.percent or 0.0) >= NEAR_PERCENT


_LISTENERS = ("fullest_address", "fullest", "nearly_full", "full")
_LIMIT, _ORPHANS = _threshold("LIMIT.WARN"), _threshold("ORPHANS.WARN")
CONDITIONS = (
    _Condition(
        lambda now: any(one.percent >= FULL_PERCENT for one in now.queues),
        # The text first: the name of the problem shows it.
        tuple(f"tcpwatchd.listeners[{name}]" for name in _LISTENERS),
    ),
    _Condition(_ports_near, tuple(f"tcpwatchd.ports[{name}]" for name in ("destination", "busiest", "used"))),
    _counted("TCPReqQFullDrop", _threshold("SYNQUEUE.MIN")),
    _counted("TCPReqQFullDoCookies", _threshold("SYNQUEUE.MIN")),
    _counted("ListenDrops", _threshold("LISTENDROPS.MIN")),
    _counted("TCPTimeWaitOverflow", _threshold("TWOVERFLOW.MIN")),
    _counted("TCPAbortOnMemory", 0),
    *(_near(name, _LIMIT) for name in ("memory_pressure", "memory", "time_wait", "files")),
    _near("orphans", _ORPHANS),
)


_COUNTERS = tuple(one.counter for one in CONDITIONS if one.counter)


class Found(NamedTuple):
    """The keys to be sent now, and what they are computed from."""

    keys: tuple[str, ...]
    present: Present
    counted: Mapping[str, int]


class Urgent:
    """`look` at each tick after the first push, `pushed` at each push. `count` and `measure` read counters
    and limits, `ports` the busiest destination.
    """

    def __init__(
        self,
        count: Callable[[], Mapping[str, int]],
        measure: Callable[[], Mapping[str, Limit]],
        ports: PortsWatch,
        clock: Clock,
    ) -> None:
        self._count, self._measure, self._ports, self._clock = count, measure, ports, clock
        self._interval_s: float | None = None
        self._read_at_s = self._send_at_s = float("-inf")
        self._counted: Mapping[str, int] = {}
        self._before: dict[str, int] = {}
        self._limits: Mapping[str, Limit] = {}
        self._held: set[_Condition] = set()
        self._waiting: dict[_Condition, None] = {}
        self._cost_s = 0.0

    def configure(self, interval_s: float | None) -> None:
        """Values are sent at most once in `interval_s`; None: never."""
        self._interval_s = interval_s

    @property
    def spent_share(self) -> float:
        """CPU time of the readings, as a part of one core."""
        return self._cost_s / _READ_EVERY_S if self._interval_s is not None else 0.0

    def look(self, queues: Collection[Listener], latest: Snapshot | None, now_s: float) -> Found | None:
        """What has to be sent now; None if there is nothing. `queues` are those of the last sample, also of
        counters alone; `latest` is the last whole one.
        """
        if self._interval_s is None:
            return None
        if now_s >= self._read_at_s:
            self._read(now_s)
        present = self._present(queues, self._ports.look(latest, now_s))
        for condition in CONDITIONS:
            if not condition.holds(present):
                if not condition.counter:  # that of a counter lasts until a push without an increase
                    self._held.discard(condition)
            elif condition not in self._held:
                self._held.add(condition)
                self._waiting[condition] = None
        if not self._waiting or now_s < self._send_at_s:
            return None
        self._send_at_s = now_s + self._interval_s
        keys: list[str] = []
        told: dict[str, int] = {}
        for condition in list(self._waiting):
            if len(keys) + len(condition.keys) > _MOST_VALUES:
                break  # the others have their turn after the interval
            del self._waiting[condition]
            keys += condition.keys
            if condition.counter:
                told[condition.counter] = self._counted[condition.counter]
        self._before.update(told)
        return Found(tuple(keys), present, told)

    def pushed(self, counted: Mapping[str, int], window: Window) -> None:
        """All values of a window were sent, with these counters."""
        self._waiting.clear()
        self._before.update(counted)
        self._ports.told(window.found.ports, window.latest)
        present = Present((), window.increases, window.limits, window.found.ports)
        self._held -= {one for one in CONDITIONS if one.counter and not one.holds(present)}
        self._held |= {one for one in CONDITIONS if not one.counter and one.holds(present)}

    def _read(self, now_s: float) -> None:
        before_s = self._clock.thread_cpu_s()
        self._read_at_s = now_s + _READ_EVERY_S
        # Whatever fails: the push meets the same, and says so.
        with suppress(Exception):
            self._counted, self._limits = self._count(), self._measure()
        self._cost_s = self._clock.thread_cpu_s() - before_s

    def _present(self, queues: Collection[Listener], ports: Ports | None) -> Present:
        now, before = self._counted, self._before
        increases = {name: now[name] - before[name] for name in _COUNTERS if name in now and name in before}
        return Present(queues, increases, self._limits, ports)
