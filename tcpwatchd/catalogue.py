"""CATALOGUE: one row a metric. Item keys, the template, the README's table and `explain` all come from it.

Alone knows all metrics, which of them a configuration sends, and how values are made of them. Must not know
how a template is written or how values travel. Key syntax: Zabbix manual, "Item key".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from tcpwatchd.kernel_metrics import KERNEL_METRICS
from tcpwatchd.metric import KINDS, Metric
from tcpwatchd.model import Stamp, Value, Vitals, Window
from tcpwatchd.sockets import State
from tcpwatchd.spool_vitals import SPOOL_ROWS
from tcpwatchd.state_metrics import STATE_METRICS
from tcpwatchd.vitals import VITAL_ROWS

HEARTBEAT = "tcpwatchd.self[uptime]"


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


def selected(statistics: Mapping[State, tuple[str, ...]], counters: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics that a configuration sends: each state's chosen statistics, chosen counters, all else."""

    def chosen(metric: Metric) -> bool:
        if metric.state is not None:
            return metric.statistic in statistics[metric.state]
        return metric.counter is None or metric.counter in counters

    return tuple(filter(chosen, CATALOGUE.values()))


def evaluate(metrics: Iterable[Metric], window: Window, own: Vitals, stamp: Stamp) -> tuple[Value, ...]:
    """The values of one push, all with `stamp`; what has nothing to say is left out."""
    numbers = ((metric.key, metric.read(window, own)) for metric in metrics)
    return tuple(Value(key, _text(number), stamp) for key, number in numbers if number is not None)


def _text(number: float | str) -> str:
    # Zabbix rejects a fraction for an unsigned item; a float item takes either. Six digits after the
    # point are microseconds where the unit is a second.
    return f"{number:.6f}".rstrip("0").rstrip(".") if isinstance(number, float) else str(number)
