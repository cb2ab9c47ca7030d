"""Checks the item keys of a configuration: aliases for values that are not sent, keys that occur twice."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Protocol

from tcpwatchd.diagnosis.services import Service
from tcpwatchd.metrics.catalogue import CATALOGUE, Choice, discovered, selected
from tcpwatchd.metrics.key_patterns import PORT, KeyPattern, ports_of
from tcpwatchd.metrics.namespace_metrics import NAMESPACES

_Problems = Iterator[tuple[str, str]]
"""The path of a configuration key, and what is wrong there."""


class Keys(Choice, Protocol):
    """What a configuration says of keys."""

    @property
    def aliases(self) -> Mapping[str, str]:
        """Their keys and ours."""

    @property
    def own_keys(self) -> bool:
        """Whether ours are sent, too."""

    @property
    def key_patterns(self) -> Sequence[KeyPattern]:
        """Patterns of theirs."""

    @property
    def services(self) -> Sequence[Service]:
        """Those that are counted apart."""

    @property
    def discover(self) -> bool:
        """Whether listeners are found by themselves."""

    @property
    def namespaces(self) -> bool:
        """Whether network namespaces are counted."""


def alias_problems(config: Keys, aliases: Container[str]) -> _Problems:
    """Problems of the aliases. `aliases` are those of the configuration; the dialect gives the others."""
    sent = {metric.key for metric in selected(config)}
    for theirs, ours in config.aliases.items():
        if ours not in sent and (why := _why_not_sent(ours, config)):
            yield "aliases" if theirs in aliases else "keys.dialect", f"{theirs}: {ours} {why}"
    if not config.own_keys and not config.aliases and not config.key_patterns:
        yield "keys.own", "leaves nothing to send; set keys.dialect"


def _why_not_sent(key: str, config: Keys) -> str:
    """Empty where the key is of something that is discovered here."""
    if key in CATALOGUE:
        return "is not sent with this configuration"
    found = discovered(key)
    if found is None:
        return "is no key of tcpwatchd"
    rule, name = found
    if rule is NAMESPACES:
        return "" if config.namespaces else "is sent only with namespaces: true"
    named = {service.name for service in config.services}
    if name in named or (config.discover and name.isdigit()):
        return ""
    return f"is of no service here; configured: {', '.join(sorted(named)) or 'none'}"


def pattern_problems(config: Keys, single: bool) -> _Problems:
    """`single`: the first pattern is the one of keys.pattern."""
    taken = {metric.key: "a key of tcpwatchd" for metric in selected(config)} if config.own_keys else {}
    taken.update((theirs, "keys.dialect or aliases") for theirs in config.aliases)
    for nth, pattern in enumerate(config.key_patterns):
        path = "keys.pattern" if single and not nth else f"keys.patterns[{nth - single}]"
        if pattern.per_service:
            if not config.services and not config.discover:
                yield path, f"{pattern.pattern} is of services, and there are none; see services and discover"
            elif PORT in pattern.places and not config.discover and not ports_of(config.services):
                yield path, f"{pattern.pattern} has PORT, and no service has just one port"
            continue
        doubled = next((key for key in pattern.host_keys() if key in taken), None)
        if doubled is not None:
            yield path, f"{pattern.pattern} gives the key {doubled}, as does {taken[doubled]}"
        taken.update(dict.fromkeys(pattern.host_keys(), path))
