"""CATALOGUE: one row a metric. Item keys, the template, the README's table and `explain` all come from it.

Alone knows the item keys and how each is read from a Window. Must not know how a template is written or
how values travel. Key syntax: Zabbix manual, "Item key"; value types: its "Item value type".
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tcpwatchd.model import Stamp, State, Statistics, Value, Vitals, Window
from tcpwatchd.states import STATE_TEXTS
from tcpwatchd.vitals import VITAL_ROWS, Number

HEARTBEAT = "tcpwatchd.self[uptime]"


class ValueType(enum.Enum):
    """Zabbix's value types, spelled as in a template export."""

    UNSIGNED = "UNSIGNED"
    FLOAT = "FLOAT"
    CHAR = "CHAR"


@dataclass(frozen=True)
class Metric:
    """A definition, never a number. `read` gives None where there is nothing to send this time.

    `state` and `statistic` are set for the socket states and None for the daemon's own values.
    """

    key: str
    name: str
    value_type: ValueType
    units: str
    meaning: str
    rise: str
    look: str
    read: Callable[[Window, Vitals], Number]
    state: State | None = None
    statistic: str | None = None


@dataclass(frozen=True)
class Statistic:
    """What is said of a state over one push period: how its key begins, its words, and where it stands."""

    key: str
    title: str
    meaning: str
    value_type: ValueType
    read: Callable[[Statistics], Number]


STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        "value": Statistic(
            "tcpwatchd.sockets",
            "",
            "Sockets in this state at the push.",
            ValueType.UNSIGNED,
            lambda s: s.last,
        ),
        "delta": Statistic(
            "tcpwatchd.sockets.delta",
            ", change",
            "Change against the push before; negative when there are fewer. Not sent at the first push nor "
            "across a gap.",
            ValueType.FLOAT,
            lambda s: s.delta,
        ),
        "min": Statistic(
            "tcpwatchd.sockets.min",
            ", minimum",
            "The lowest number among all samples since the push before.",
            ValueType.UNSIGNED,
            lambda s: s.minimum,
        ),
        "max": Statistic(
            "tcpwatchd.sockets.max",
            ", maximum",
            "The highest number among all samples since the push before: it sees the short states and bursts "
            "that fall between two pushes.",
            ValueType.UNSIGNED,
            lambda s: s.maximum,
        ),
        "avg": Statistic(
            "tcpwatchd.sockets.avg",
            ", average",
            "The mean of all samples since the push before.",
            ValueType.FLOAT,
            lambda s: s.average,
        ),
    }
)

DEFAULT_STATISTICS = ("value", "delta", "max")

_KINDS = {"count": ValueType.UNSIGNED, "amount": ValueType.FLOAT, "text": ValueType.CHAR}


def _of_state(state: State, name: str) -> Metric:
    text, statistic = STATE_TEXTS[state], STATISTICS[name]

    def read(window: Window, _own: Vitals) -> Number:
        held = window.states.get(state)
        return None if held is None else statistic.read(held)

    return Metric(
        key=f"{statistic.key}[{state.parameter}]",
        name=f"TCP {text.title}{statistic.title}",
        value_type=statistic.value_type,
        units="",
        meaning=f"{statistic.meaning} {text.meaning}",
        rise=text.rise,
        look=text.look,
        read=read,
        state=state,
        statistic=name,
    )


def by_key(metrics: Iterable[Metric]) -> Mapping[str, Metric]:
    """The table by key. ValueError at import for a key that stands twice or that Zabbix would not take."""
    table: dict[str, Metric] = {}
    for metric in metrics:
        if not re.fullmatch(r"tcpwatchd(\.[a-z]+)+\[[A-Za-z0-9_]+\]", metric.key):
            raise ValueError(f"malformed item key {metric.key!r}")
        if metric.key in table:
            raise ValueError(f"item key {metric.key!r} stands twice in the catalogue")
        table[metric.key] = metric
    return MappingProxyType(table)


CATALOGUE = by_key(
    [
        *(_of_state(state, name) for name in STATISTICS for state in State),
        *(
            Metric(
                f"tcpwatchd.self[{row.name}]",
                f"tcpwatchd: {row.title}",
                _KINDS[row.kind],
                row.units,
                row.meaning,
                row.rise,
                row.look,
                row.read,
            )
            for row in VITAL_ROWS
        ),
    ]
)


def selected(statistics: Mapping[State, tuple[str, ...]]) -> tuple[Metric, ...]:
    """The metrics that a configuration sends: each state's chosen statistics, and everything about us."""
    return tuple(
        metric
        for metric in CATALOGUE.values()
        if metric.state is None or metric.statistic in statistics[metric.state]
    )


def evaluate(metrics: Iterable[Metric], window: Window, own: Vitals, stamp: Stamp) -> tuple[Value, ...]:
    """The values of one push, all with `stamp`; what has nothing to say is left out."""
    numbers = ((metric.key, metric.read(window, own)) for metric in metrics)
    return tuple(Value(key, _text(number), stamp) for key, number in numbers if number is not None)


def _text(number: float | str) -> str:
    # Zabbix rejects a fraction for an unsigned item; a float item takes either. Six digits after the
    # point are microseconds where the unit is a second.
    return f"{number:.6f}".rstrip("0").rstrip(".") if isinstance(number, float) else str(number)
