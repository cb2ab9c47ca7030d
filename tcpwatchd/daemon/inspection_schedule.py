"""Decides which inspections are due at a push: each in its interval and its share of the budget.

They run in the background and begin shortly before the push. One that has not ended by then is sent with the
push after: no sample waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from tcpwatchd.config.config import Config
from tcpwatchd.daemon.push_parts import PushParts
from tcpwatchd.diagnosis.ages import Ages
from tcpwatchd.diagnosis.culprits import UNTOLD, few
from tcpwatchd.diagnosis.ephemeral_ports import connections
from tcpwatchd.diagnosis.services import Service
from tcpwatchd.kernel.background import Background, Task
from tcpwatchd.kernel.counter_estimates import CROWDS
from tcpwatchd.model.cookies import Cookies
from tcpwatchd.model.schedule import Turns
from tcpwatchd.model.sockets import Snapshot, State, Tally
from tcpwatchd.model.window import Findings, Namespace, Ports

log = logging.getLogger(__name__)

# Of budget.cpu_percent, the most that each kind of inspection may take; many items rest on services.
_SHARE, _SERVICES_SHARE = 0.05, 0.1
_Found = TypeVar("_Found")


class Inspector(Protocol):
    """What has to be asked, in the background; each may raise SampleError or OSError."""

    def ports(self, connections: int) -> Ports:
        """The destination that uses most ephemeral ports, of so many connections."""

    def culprits(
        self, states: Collection[State], now_s: float, totals: Mapping[State, int]
    ) -> Mapping[State, str]:
        """Who holds the sockets of these states; `totals` are the sockets of each state."""

    def forget(self, state: State) -> None:
        """They are few again."""

    def call_old(self, old_s: float) -> None:
        """Since when a socket must be known to be called old."""

    def old(self, cookies: Mapping[State, Cookies], now_s: float) -> Mapping[State, int]:
        """How many sockets of each state are old, by the cookies of a sample."""

    @property
    def ages(self) -> Ages:
        """Since when the sockets of samples are known."""

    def services(
        self, configured: Sequence[Service], discover: bool, connections: int
    ) -> Mapping[str, Tally]:
        """Sockets per state of each service; the host has so many ESTABLISHED and TIME_WAIT `connections`."""

    def namespaces(self) -> Mapping[str, Namespace]:
        """The network namespaces of this host but ours."""


class _Kind(Generic[_Found]):
    """One kind of inspection: what it is called, when it comes, and the one under way."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.turns = Turns()
        self._task: Task[_Found] | None = None

    def begin(self, look: Callable[[], _Found], background: Background, audit_comes: bool) -> bool:
        """Starts it if its turn has come, and the one before has ended."""
        if self._task or not self.turns.come(audit_comes):
            return False
        self._task = background.start(look)
        return True

    def take(self, parts: PushParts) -> _Found | None:
        """What was found, None if nothing was or if it has not ended."""
        if self._task is None or not self._task.done:
            return None
        task, self._task = self._task, None
        self.turns.done(task.cpu_s)
        return parts.attempt(self.subject, task.result)


class InspectionSchedule:
    """`begin` shortly before each push, `take` at it. Without a `closer` look, where there is no netlink,
    nothing is found.
    """

    def __init__(
        self,
        closer: Inspector | None,
        config: Config,
        background: Background,
        parts: PushParts | None = None,
    ) -> None:
        self._closer = closer
        self._background = background
        self._parts = parts or PushParts(log)
        self._ports = _Kind[Ports]("looking for the busiest destination")
        self._services = _Kind[Mapping[str, Tally]]("counting services")
        self._namespaces = _Kind[Mapping[str, Namespace]]("counting network namespaces")
        self._culprits = _Kind[Mapping[State, str]]("looking for who holds sockets")
        self._old = _Kind[Mapping[State, int]]("counting old sockets")
        self._began = False
        self._few_since: set[State] = set()
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Takes a configuration, now and at a reload."""
        self._config = config
        if self._closer is not None:
            self._closer.call_old(config.culprits_age_s)
        budget = config.cpu_percent / 100.0
        for turns in self._turns:
            every_s = config.culprits_s if turns is self._culprits.turns else config.push_s
            share = _SERVICES_SHARE if turns is self._services.turns else _SHARE
            turns.configure(every_s, share * budget, config.push_s)

    @property
    def _turns(self) -> Sequence[Turns]:
        kinds = (self._ports, self._services, self._namespaces, self._culprits, self._old)
        return [kind.turns for kind in kinds]

    @property
    def spent_share(self) -> float:
        """CPU time of all inspections, on average, as a part of one core."""
        return sum(turns.spent_share for turns in self._turns)

    def begin(self, snapshot: Snapshot | None, audit_comes: bool = False) -> None:
        """Starts what is due at the coming push, by the last sample before it; further calls before that push
        do nothing. If an audit comes with the push, what costs much waits for the next one.
        """
        closer, config = self._closer, self._config
        if self._began or closer is None or snapshot is None:
            return
        self._began = True
        background = self._background
        if config.services or config.discover:
            services, discover = config.services, config.discover
            large = sum(snapshot.reading.sockets[state] for state in CROWDS)
            self._services.begin(lambda: closer.services(services, discover, large), background, audit_comes)
        if config.namespaces:
            self._namespaces.begin(closer.namespaces, background, audit_comes)
        cookies, at_s = snapshot.reading.cookies, snapshot.at_s
        self._old.begin(lambda: closer.old(cookies, at_s), background, audit_comes)
        self._begin_culprits(snapshot, closer, audit_comes)
        connected = connections(snapshot)
        self._ports.begin(lambda: closer.ports(connected), background, audit_comes)

    def _begin_culprits(self, snapshot: Snapshot, closer: Inspector, audit_comes: bool) -> None:
        # The old ones of CLOSE are known by this search alone, whether or not their holders are reported.
        numbers = self._numbers(snapshot, {*self._config.culprits_states, State.CLOSE})
        many = [state for state, sockets in numbers.items() if sockets >= self._config.culprits_threshold]
        # What was few meanwhile has begun anew: its sockets are not old.
        self._few_since |= numbers.keys() - set(many)
        few_since, at_s = tuple(self._few_since), snapshot.at_s
        totals = {state: snapshot.total(state) or 0 for state in State}

        def look() -> Mapping[State, str]:
            for state in few_since:
                closer.forget(state)
            return closer.culprits(many, at_s, totals)

        if not many:
            # Its turn comes while all are few, too: what becomes many then is looked at at once.
            self._culprits.turns.come()
        elif self._culprits.begin(look, self._background, audit_comes):
            self._few_since.clear()

    @staticmethod
    def _numbers(snapshot: Snapshot, states: Collection[State]) -> Mapping[State, int]:
        """Sockets of each of these states, in their order; one that cannot be counted is absent."""
        held = snapshot.reading.held
        numbers = {
            state: held if state is State.FIN_WAIT2 else snapshot.total(state)
            for state in State
            if state in states
        }
        return {state: sockets for state, sockets in numbers.items() if sockets is not None}

    def take(self, snapshot: Snapshot | None) -> Findings:
        """What was found for this push, whose last sample is this."""
        self._began = False
        if self._closer is None:
            return Findings(culprits=dict.fromkeys(self._config.culprits_states, UNTOLD))
        services = self._services.take(self._parts)
        namespaces = self._namespaces.take(self._parts)
        found = self._culprits.take(self._parts) or {}
        old = self._old.take(self._parts)
        ports = self._ports.take(self._parts)
        if snapshot is None:
            return Findings()
        threshold = self._config.culprits_threshold
        culprits = {}
        for state, sockets in self._numbers(snapshot, self._config.culprits_states).items():
            if sockets < threshold:
                culprits[state] = few(threshold)
            elif state in found:
                culprits[state] = found[state]
        return Findings(ports, culprits, old or {}, services or {}, namespaces or {})
