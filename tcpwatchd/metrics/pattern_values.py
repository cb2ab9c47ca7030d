"""The values of a push under the keys of other scripts: their patterns and their aliases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from tcpwatchd.diagnosis.services import SERVICE_STATES, Service
from tcpwatchd.metrics.key_patterns import PORT, SERVICE, KeyPattern, ports_of
from tcpwatchd.metrics.metric import Parts
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.sockets import State
from tcpwatchd.model.window import Window


def under_patterns(
    patterns: Iterable[KeyPattern],
    services: Iterable[Service],
    window: Window,
    stamp: Stamp,
    parts: Parts,
) -> tuple[Value, ...]:
    """The values of one push under the keys of these patterns. A service that was discovered is its port."""
    ports = ports_of(services)
    of_host = {state: held.last for state, held in window.states.items()}
    sent: dict[str, Value] = {}

    def put(pattern: KeyPattern, sockets: Mapping[State, int], service: Mapping[str, str]) -> None:
        for key, number in pattern.numbers(sockets, service):
            sent.setdefault(key, Value(key, str(number), stamp))

    for pattern in patterns:
        if not pattern.per_service:
            if of_host:
                parts.attempt(pattern.pattern, partial(put, pattern, of_host, {}))
            continue
        for name, tally in window.found.services.items():
            port = ports.get(name, name if name.isdigit() else "")
            if port or PORT not in pattern.places:
                sockets: dict[State, int] = {state: tally[state] for state in SERVICE_STATES}
                service = {SERVICE: name, PORT: port}
                parts.attempt(pattern.pattern, partial(put, pattern, sockets, service))
    return tuple(sent.values())


def under_aliases(values: Iterable[Value], aliases: Mapping[str, str]) -> tuple[Value, ...]:
    """The values under their aliases (other key → our key)."""
    by_key = {value.key: value for value in values} if aliases else {}
    return tuple(
        Value(theirs, by_key[ours].text, by_key[ours].stamp)
        for theirs, ours in aliases.items()
        if ours in by_key
    )
