"""Metrics of kernel counters, limits, accept queues, ephemeral ports and socket holders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tcpwatchd.diagnosis import culprits, ephemeral_ports
from tcpwatchd.diagnosis.culprits import CULPRITS, CulpritText
from tcpwatchd.diagnosis.ephemeral_ports import EPHEMERAL
from tcpwatchd.kernel import accept_queues
from tcpwatchd.kernel.accept_queues import ACCEPT_QUEUES
from tcpwatchd.kernel.kernel_counters import KERNEL_COUNTERS, CounterText
from tcpwatchd.kernel.kernel_limits import KERNEL_LIMITS, LimitText
from tcpwatchd.metrics.metric import KINDS, Metric, ValueType
from tcpwatchd.model.sockets import State
from tcpwatchd.model.units import Number, NumberText, Seen
from tcpwatchd.model.vitals import Vitals
from tcpwatchd.model.window import AcceptQueues, Limit, Ports, Window


def _of_counter(name: str, text: CounterText) -> Metric:
    return Metric(
        key=f"tcpwatchd.counter[{name}]",
        name=f"TCP: {text.title}",
        value_type=ValueType.UNSIGNED,
        units="",
        meaning=f"Increase since the previous push; not sent at the first push. {text.meaning}",
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
        ", utilization",
        ValueType.FLOAT,
        "%",
        "Use in per cent of the limit.",
        # What changes by less than a hundredth is no news.
        lambda limit: None if limit.percent is None else round(limit.percent, 2),
    ),
    Measure(
        "tcpwatchd.limit.used",
        ", used",
        ValueType.UNSIGNED,
        None,
        "Number in use.",
        lambda limit: limit.used,
    ),
    Measure(
        "tcpwatchd.limit.max",
        ", limit",
        ValueType.UNSIGNED,
        None,
        "The limit.",
        lambda limit: limit.most,
    ),
)


def _of_limit(name: str, text: LimitText, measure: Measure) -> Metric:
    def read(window: Window, _own: Vitals) -> Number:
        limit = window.limits.get(name)
        return None if limit is None else measure.read(limit)

    return Metric(
        key=f"{measure.key}[{name}]",
        name=f"TCP: {text.title}{measure.title}",
        value_type=measure.value_type,
        units=text.units if measure.units is None else measure.units,
        meaning=f"{measure.meaning} {text.meaning}",
        rise=text.rise,
        look=text.look,
        read=read,
    )


def _of_seen(
    key: str,
    text: NumberText[Seen],
    rise: str,
    look: str,
    seen: Callable[[Window], Seen | None],
) -> Metric:
    """A number of what a window may hold or not."""

    def read(window: Window, _own: Vitals) -> Number:
        found = seen(window)
        return None if found is None else text.read(found)

    return Metric(
        key=key,
        name=f"TCP: {text.title}",
        value_type=KINDS[text.kind],
        units=text.units,
        meaning=text.meaning,
        rise=rise,
        look=look,
        read=read,
    )


def _of_queues(name: str, text: NumberText[AcceptQueues]) -> Metric:
    key = f"tcpwatchd.listeners[{name}]"
    return _of_seen(key, text, accept_queues.RISE, accept_queues.LOOK, lambda window: window.queues)


def _of_ports(name: str, text: NumberText[Ports]) -> Metric:
    key = f"tcpwatchd.ports[{name}]"
    return _of_seen(key, text, ephemeral_ports.RISE, ephemeral_ports.LOOK, lambda window: window.found.ports)


def _of_culprits(state: State, text: CulpritText) -> Metric:
    return Metric(
        key=f"tcpwatchd.culprits[{state.parameter}]",
        name=f"TCP: {text.title}",
        value_type=ValueType.CHAR,
        units="",
        meaning=f"{text.meaning} {culprits.MEANING}",
        rise=culprits.RISE,
        look=culprits.LOOK,
        read=lambda window, _own: window.found.culprits.get(state),
        culprits_of=state,
    )


# Texts before numbers: a trigger that fires on a number shows the text that has come before it.
CULPRIT_METRICS = tuple(_of_culprits(state, text) for state, text in CULPRITS.items())
KERNEL_METRICS = (
    *(_of_ports(name, text) for name, text in EPHEMERAL.items()),
    *(_of_queues(name, text) for name, text in ACCEPT_QUEUES.items()),
    *(_of_counter(name, text) for name, text in KERNEL_COUNTERS.items()),
    *(_of_limit(name, text, measure) for measure in MEASURES for name, text in KERNEL_LIMITS.items()),
)
