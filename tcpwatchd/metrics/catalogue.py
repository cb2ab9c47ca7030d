"""CATALOGUE: one row for each metric. Item keys, template, docs/items.md and `explain` are derived from it.

Also: which metrics a configuration selects, and how values are computed. Key syntax: Zabbix manual, "Item
key".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Protocol

from tcpwatchd.metrics.kernel_metrics import CULPRIT_METRICS, KERNEL_METRICS
from tcpwatchd.metrics.metric import KINDS, Metric, Parts, Rule
from tcpwatchd.metrics.namespace_metrics import NAMESPACES
from tcpwatchd.metrics.self_metrics import VITAL_ROWS
from tcpwatchd.metrics.service_metrics import SERVICES
from tcpwatchd.metrics.spool_metrics import SPOOL_ROWS
from tcpwatchd.metrics.state_metrics import STATE_METRICS
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.sockets import State
from tcpwatchd.model.units import Number
from tcpwatchd.model.vitals import Vitals
from tcpwatchd.model.window import Window

RULES = (SERVICES, NAMESPACES)
UPTIME = "tcpwatchd.self[uptime]"


def by_key(metrics: Iterable[Metric]) -> Mapping[str, Metric]:
    """The table by key. ValueError at import for a key that stands twice or that Zabbix would not take."""
    table: dict[str, Metric] = {}
    for metric in metrics:
        if not re.fullmatch(r"tcpwatchd(\.[a-z0-9]+)+\[[A-Za-z0-9_]+\]", metric.key):
            raise ValueError(f"malformed item key {metric.key!r}")
        if metric.key in table:
            raise ValueError(f"item key {metric.key!r} stands twice in the catalogue")
        table[metric.key] = metric
    return MappingProxyType(table)


CATALOGUE = by_key(
    [
        # Texts before numbers: an alarm that a number raises shows the text that came before it.
        *CULPRIT_METRICS,
        *STATE_METRICS,
        *KERNEL_METRICS,
        *(
            Metric(
                f"tcpwatchd.self[{row.name}]",
                f"tcpwatchd: {row.title}",
                KINDS[row.kind],
                row.units,
                row.meaning,
                row.rise,
                row.look,
                row.read,
            )
            for row in (*VITAL_ROWS, *SPOOL_ROWS)
        ),
    ]
)


class Choice(Protocol):
    """What a configuration says of what is sent."""

    @property
    def statistics(self) -> Mapping[State, tuple[str, ...]]:
        """Of each state."""

    @property
    def counters(self) -> Sequence[str]:
        """Of the kernel, by its names."""

    @property
    def culprits_states(self) -> Sequence[State]:
        """The states whose holders are reported."""


def selected(choice: Choice) -> tuple[Metric, ...]:
    """The metrics that a configuration sends."""

    def chosen(metric: Metric) -> bool:
        if metric.state is not None:
            return metric.statistic in choice.statistics[metric.state]
        if metric.culprits_of is not None:
            return metric.culprits_of in choice.culprits_states
        return metric.counter is None or metric.counter in choice.counters

    return tuple(filter(chosen, CATALOGUE.values()))


def evaluate(
    metrics: Iterable[Metric], window: Window, own: Vitals, stamp: Stamp, parts: Parts
) -> tuple[Value, ...]:
    """The values of one push, all with `stamp`; what has nothing to say is left out, and what fails."""
    values = []

    def add(key: str, read: Callable[[], Number]) -> None:
        number = parts.attempt(key, read)
        if number is not None:
            values.append(Value(key, _text(number), stamp))

    for metric in metrics:
        add(metric.key, partial(metric.read, window, own))
    for rule in RULES:
        names = parts.attempt(rule.key, partial(rule.names, window))
        if names is not None:
            # What was discovered goes before anything that is said of it.
            more = {
                name: {macro: read(window, name) for macro, read in rule.macros.items()} for name in names
            }
            add(rule.key, partial(json.dumps, [{rule.macro: name, **more[name]} for name in names]))
            for name in names:
                for prototype in rule.prototypes:
                    add(prototype.key.replace(rule.macro, name), partial(prototype.read, window, name))
    return tuple(values)


def _discovery(rule: Rule, names: Sequence[str], window: Window) -> str:
    more = rule.macros.items()
    return json.dumps(
        [{rule.macro: name, **{macro: read(window, name) for macro, read in more}} for name in names]
    )


def discovered(key: str) -> tuple[Rule, str] | None:
    """The rule whose prototypes make this key, and the name of the thing in it; None for any other key."""
    for rule in RULES:
        for prototype in rule.prototypes:
            pattern = re.escape(prototype.key).replace(re.escape(rule.macro), r"([A-Za-z0-9_.-]+)")
            if match := re.fullmatch(pattern, key):
                return rule, match[1]
    return None


def is_discovered(key: str) -> bool:
    """Whether Zabbix makes the item of this key by itself, once a discovery rule's value has come."""
    return key.startswith(_DISCOVERED)


_DISCOVERED = tuple({p.key.partition("[")[0] + "[" for rule in RULES for p in rule.prototypes})


def _text(number: float | str) -> str:
    # Zabbix rejects a fraction for an unsigned item; a float item takes either. Six digits after the
    # point are microseconds where the unit is a second.
    return f"{number:.6f}".rstrip("0").rstrip(".") if isinstance(number, float) else str(number)
