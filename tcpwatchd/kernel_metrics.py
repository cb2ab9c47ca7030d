"""The metrics of the kernel beside the states: its counters, its limits, its accept queues.

Alone knows their keys and how each is read. The words are in `kernel_counters`, `kernel_limits` and
`accept_queues`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tcpwatchd import accept_queues
from tcpwatchd.accept_queues import ACCEPT_QUEUES, QueueText
from tcpwatchd.kernel_counters import KERNEL_COUNTERS, CounterText
from tcpwatchd.kernel_limits import KERNEL_LIMITS, LimitText
from tcpwatchd.metric import KINDS, Metric, ValueType
from tcpwatchd.model import Limit, Number, Vitals, Window


def _of_counter(name: str, text: CounterText) -> Metric:
    return Metric(
        key=f"tcpwatchd.counter[{name}]",
        name=f"TCP {text.title}",
        value_type=ValueType.UNSIGNED,
        units="",
        meaning=f"The increase since the push before; not sent at the first push. {text.meaning}",
        rise=text.rise,
        look=text.look,
        read=lambda window, _own: window.increases.get(name),
        counter=name,
    )


@dataclass(frozen=True)
class Measure:
    """One of the numbers about a limit."""

    key: str
    title: str
    value_type: ValueType
    units: str | None  # None: those of the limit
    meaning: str
    read: Callable[[Limit], Number]


MEASURES = (
    Measure(
        "tcpwatchd.limit",
        ", in use",
        ValueType.FLOAT,
        "%",
        "In per cent of the limit.",
        lambda limit: limit.percent,
    ),
    Measure(
        "tcpwatchd.limit.used",
        ", number in use",
        ValueType.UNSIGNED,
        None,
        "What is in use.",
        lambda limit: limit.used,
    ),
    Measure(
        "tcpwatchd.limit.max", ", limit", ValueType.UNSIGNED, None, "The limit.", lambda limit: limit.most
    ),
)


def _of_limit(name: str, text: LimitText, measure: Measure) -> Metric:
    def read(window: Window, _own: Vitals) -> Number:
        limit = window.limits.get(name)
        return None if limit is None else measure.read(limit)

    return Metric(
        key=f"{measure.key}[{name}]",
        name=f"TCP limit: {text.title}{measure.title}",
        value_type=measure.value_type,
        units=text.units if measure.units is None else measure.units,
        meaning=f"{measure.meaning} {text.meaning}",
        rise=text.rise,
        look=text.look,
        read=read,
    )


def _of_queues(name: str, text: QueueText) -> Metric:
    return Metric(
        key=f"tcpwatchd.listeners[{name}]",
        name=f"TCP {text.title}",
        value_type=KINDS[text.kind],
        units=text.units,
        meaning=text.meaning,
        rise=accept_queues.RISE,
        look=accept_queues.LOOK,
        read=lambda window, _own: None if window.queues is None else text.read(window.queues),
    )


KERNEL_METRICS = (
    *(_of_queues(name, text) for name, text in ACCEPT_QUEUES.items()),
    *(_of_counter(name, text) for name, text in KERNEL_COUNTERS.items()),
    *(_of_limit(name, text, measure) for measure in MEASURES for name, text in KERNEL_LIMITS.items()),
)
