"""Item keys of other scripts for the same numbers, as patterns: `tcp.status[STATE]`.

In a pattern STATE stands for each state, as `spelling` has it; SERVICE for the name of each service, and
PORT for each service with one port. The value of a pattern without STATE is a JSON object of all states.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tcpwatchd.diagnosis.services import SERVICE_STATES, Service
from tcpwatchd.metrics import spellings
from tcpwatchd.metrics.spellings import SPELLINGS
from tcpwatchd.model.sockets import State
from tcpwatchd.model.units import Number

STATE, SERVICE, PORT = "STATE", "SERVICE", "PORT"
_PLACE = re.compile(rf"\b(?:{STATE}|{SERVICE}|{PORT})\b")


@dataclass(frozen=True)
class KeyPattern:
    """`total` is what stands for STATE where all of them are counted together; empty: that is not sent."""

    pattern: str
    spelling: str
    total: str = ""

    @property
    def places(self) -> frozenset[str]:
        """What has to be put in."""
        return frozenset(_PLACE.findall(self.pattern))

    @property
    def per_service(self) -> bool:
        """Whether it is of each service, and not of the host."""
        return bool(self.places & {SERVICE, PORT})

    def host_keys(self) -> Mapping[str, State | None]:
        """The keys of a host, each with its state; None: all together."""
        return dict(self.of_states({}))

    def key(self, state: str, service: Mapping[str, str]) -> str:
        """One key; `service` has what stands for SERVICE and PORT."""
        words = {STATE: state, **service}
        return _PLACE.sub(lambda place: words.get(place[0], place[0]), self.pattern)

    def of_states(self, service: Mapping[str, str]) -> Iterator[tuple[str, State | None]]:
        """The keys of the host, or of one service, each with its state; None: all together."""
        if STATE not in self.places:
            yield self.key("", service), None
            return
        for state, word in SPELLINGS[self.spelling].items():
            yield self.key(word, service), state
        if self.total:
            yield self.key(self.total, service), None

    def numbers(
        self, sockets: Mapping[State, int], service: Mapping[str, str]
    ) -> Iterator[tuple[str, Number]]:
        """The values of a host, or of one service."""
        for key, state in self.of_states(service):
            if state is not None:
                if state in sockets:
                    yield key, sockets[state]
            elif STATE in self.places:
                # As a list of connections has it: sockets without one are not in it.
                yield key, sum(count for of, count in sockets.items() if of is not State.CLOSE)
            else:
                words = SPELLINGS[self.spelling]
                yield key, json.dumps({words[of]: count for of, count in sockets.items() if of in words})


def keys_of(pattern: KeyPattern, services: Iterable[Service]) -> Mapping[str, State | None]:
    """The keys of a pattern, each with its state; None: all together. Of services, of those given."""
    if not pattern.per_service:
        return pattern.host_keys()
    listed = list(services)
    ports = ports_of(listed)
    keys: dict[str, State | None] = {}
    for service in listed:
        if service.name in ports or PORT not in pattern.places:
            words = {SERVICE: service.name, PORT: ports.get(service.name, "")}
            keys.update(
                (key, state)
                for key, state in pattern.of_states(words)
                if state is None or state in SERVICE_STATES
            )
    return keys


def ports_of(services: Iterable[Service]) -> Mapping[str, str]:
    """The one port of each service that has one, by the service's name."""
    ports = {}
    for service in services:
        ranges = service.local_ports or service.remote_ports
        if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
            ports[service.name] = str(ranges[0][0])
    return ports


NONE = "none"
DIALECTS: Mapping[str, Mapping[State, str]] = MappingProxyType(
    {
        name: {state: key for key, state in KeyPattern(*pattern).host_keys().items() if state is not None}
        for name, pattern in spellings.DIALECTS.items()
    }
)


def of_dialect(name: str) -> Mapping[str, str]:
    """Their keys and ours: `{"tcp.status[established]": "tcpwatchd.sockets[established]"}`; none for NONE."""
    return {
        theirs: f"tcpwatchd.sockets[{state.parameter}]" for state, theirs in DIALECTS.get(name, {}).items()
    }
