"""When a closer look is taken, at a push: as often as it is wanted, and no dearer than the budget allows.

Alone knows which states are many enough to ask whose they are. What is asked and how is `closer_look`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from tcpwatchd.clock import Clock
from tcpwatchd.config import Config
from tcpwatchd.culprits import UNTOLD, few
from tcpwatchd.edge import Edge
from tcpwatchd.errors import SampleError
from tcpwatchd.model import Findings, Namespace, Ports, Snapshot
from tcpwatchd.schedule import Turns
from tcpwatchd.services import Service
from tcpwatchd.sockets import State, Tally

log = logging.getLogger(__name__)

# Of budget.cpu_percent, the most that each kind of look may take.
_SHARE = 0.1
_Found = TypeVar("_Found")


class Closer(Protocol):
    """What has to be asked; each may raise SampleError."""

    def ports(self) -> Ports:
        """The destination that takes most ephemeral ports."""

    def culprits(self, state: State, now_s: float) -> str:
        """Who holds the sockets of a state."""

    def forget(self, state: State) -> None:
        """They are few again."""

    def services(self, configured: Sequence[Service], discover: bool) -> Mapping[str, Tally]:
        """Sockets per state of each service."""

    def namespaces(self) -> Mapping[str, Namespace]:
        """The network namespaces of this host but ours."""


class Looks:
    """`take` once at each push. Without a `closer` look, where there is no netlink, nothing is found."""

    def __init__(self, closer: Closer | None, clock: Clock, config: Config) -> None:
        self._closer = closer
        self._clock = clock
        self._ports, self._services, self._namespaces = Turns(), Turns(), Turns()
        self._culprits = {state: Turns() for state in State}
        self._looking = Edge(log, "a closer look")
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Takes a configuration, now and at a reload."""
        self._config = config
        share = _SHARE * config.cpu_percent / 100.0
        for turns in (self._ports, self._services, self._namespaces):
            turns.configure(config.push_s, share, config.push_s)
        for turns in self._culprits.values():
            turns.configure(config.culprits_s, share / len(config.culprits_states or "_"), config.push_s)

    @property
    def spent_share(self) -> float:
        """How much of one core all of this takes on average."""
        every = (self._ports, self._services, self._namespaces, *self._culprits.values())
        return sum(turns.spent_share for turns in every)

    def take(self, snapshot: Snapshot | None) -> Findings:
        """What is to be found at this push, whose last sample is this."""
        closer, config = self._closer, self._config
        if closer is None:
            return Findings(culprits=dict.fromkeys(config.culprits_states, UNTOLD))
        if snapshot is None:
            return Findings()
        services = None
        if config.services or config.discover:
            services = self._ask(self._services, lambda: closer.services(config.services, config.discover))
        namespaces = self._ask(self._namespaces, closer.namespaces) if config.namespaces else None
        culprits = {}
        for state in config.culprits_states:
            told = self._culprits_of(state, snapshot, closer)
            if told is not None:
                culprits[state] = told
        return Findings(self._ask(self._ports, closer.ports), culprits, services or {}, namespaces or {})

    def _culprits_of(self, state: State, snapshot: Snapshot, closer: Closer) -> str | None:
        sockets = snapshot.reading.held if state is State.FIN_WAIT2 else snapshot.total(state)
        if sockets is not None and sockets >= self._config.culprits_threshold:
            return self._ask(self._culprits[state], lambda: closer.culprits(state, snapshot.at_s))
        self._culprits[state].come()
        closer.forget(state)
        return None if sockets is None else few(self._config.culprits_threshold)

    def _ask(self, turns: Turns, look: Callable[[], _Found]) -> _Found | None:
        if not turns.come():
            return None
        before_s = self._clock.thread_cpu_s()
        found = None
        try:
            found = look()
        except SampleError as error:
            self._looking.failed(str(error))
        else:
            self._looking.worked("works again")
        turns.done(self._clock.thread_cpu_s() - before_s)
        return found
