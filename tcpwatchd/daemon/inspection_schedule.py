"""Decides at each push which inspections are due: each in its interval and its share of the budget."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from tcpwatchd.config.config import Config
from tcpwatchd.daemon.push_parts import PushParts
from tcpwatchd.diagnosis.culprits import UNTOLD, few
from tcpwatchd.diagnosis.ephemeral_ports import CONNECTED
from tcpwatchd.diagnosis.services import Service
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.schedule import Turns
from tcpwatchd.model.sockets import Snapshot, State, Tally
from tcpwatchd.model.window import Findings, Namespace, Ports

log = logging.getLogger(__name__)

# Of budget.cpu_percent, the most that each kind of look may take.
_SHARE = 0.1
_Found = TypeVar("_Found")


class Inspector(Protocol):
    """What has to be asked; each may raise SampleError or OSError."""

    def ports(self, connections: int) -> Ports:
        """The destination that uses most ephemeral ports, of so many connections."""

    def culprits(self, states: Collection[State], now_s: float) -> Mapping[State, str]:
        """Who holds the sockets of these states."""

    def forget(self, state: State) -> None:
        """They are few again."""

    def services(self, configured: Sequence[Service], discover: bool) -> Mapping[str, Tally]:
        """Sockets per state of each service."""

    def namespaces(self) -> Mapping[str, Namespace]:
        """The network namespaces of this host but ours."""


class _Kind:
    """One kind of look: what it is called, and when it comes."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.turns = Turns()


class InspectionSchedule:
    """`take` once at each push. Without a `closer` look, where there is no netlink, nothing is found."""

    def __init__(
        self, closer: Inspector | None, clock: Clock, config: Config, parts: PushParts | None = None
    ) -> None:
        self._closer = closer
        self._clock = clock
        self._parts = parts or PushParts(log)
        self._ports = _Kind("looking for the busiest destination")
        self._services = _Kind("counting services")
        self._namespaces = _Kind("counting network namespaces")
        self._culprits = _Kind("looking for who holds sockets")
        self._audited = False
        self._kinds = (self._ports, self._services, self._namespaces, self._culprits)
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Takes a configuration, now and at a reload."""
        self._config = config
        share = _SHARE * config.cpu_percent / 100.0
        for kind in self._kinds:
            every_s = config.culprits_s if kind is self._culprits else config.push_s
            kind.turns.configure(every_s, share, config.push_s)

    @property
    def spent_share(self) -> float:
        """CPU time of all inspections, on average, as a part of one core."""
        return sum(kind.turns.spent_share for kind in self._kinds)

    def take(self, snapshot: Snapshot | None, audited: bool = False) -> Findings:
        """What is found at this push, whose last sample is this. If the push was `audited`, what costs much
        waits for the next one.
        """
        self._audited = audited
        closer, config = self._closer, self._config
        if closer is None:
            return Findings(culprits=dict.fromkeys(config.culprits_states, UNTOLD))
        if snapshot is None:
            return Findings()
        services = None
        if config.services or config.discover:
            services = self._ask(self._services, lambda: closer.services(config.services, config.discover))
        namespaces = self._ask(self._namespaces, closer.namespaces) if config.namespaces else None
        culprits = self._told(snapshot, closer)
        connections = sum(snapshot.total(state) or 0 for state in CONNECTED)
        ports = self._ask(self._ports, lambda: closer.ports(connections))
        return Findings(ports, culprits, services or {}, namespaces or {})

    def _told(self, snapshot: Snapshot, closer: Inspector) -> Mapping[State, str]:
        """The holders of each state with many sockets; of the other states, that they have few."""
        threshold = self._config.culprits_threshold
        many, told = [], {}
        for state in self._config.culprits_states:
            sockets = snapshot.reading.held if state is State.FIN_WAIT2 else snapshot.total(state)
            if sockets is None:
                continue
            if sockets >= threshold:
                many.append(state)
            else:
                closer.forget(state)
                told[state] = few(threshold)
        # Its turn comes while they are few, too: what becomes many then is looked at at once.
        if self._culprits.turns.come(self._audited) and many:
            told.update(self._look(self._culprits, lambda: closer.culprits(many, snapshot.at_s)) or {})
        return told

    def _ask(self, kind: _Kind, look: Callable[[], _Found]) -> _Found | None:
        return self._look(kind, look) if kind.turns.come(self._audited) else None

    def _look(self, kind: _Kind, look: Callable[[], _Found]) -> _Found | None:
        before_s = self._clock.thread_cpu_s()
        found = self._parts.attempt(kind.subject, look)
        kind.turns.done(self._clock.thread_cpu_s() - before_s)
        return found
