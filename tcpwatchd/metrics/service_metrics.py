"""Metrics and triggers of each service, and the discovery rule. Source: Zabbix manual, "Custom LLD rules"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from tcpwatchd.diagnosis.port_sample import FEW
from tcpwatchd.diagnosis.services import SERVICE_STATES
from tcpwatchd.kernel.counter_estimates import CROWDS
from tcpwatchd.metrics.metric import Prototype, Rule, ValueType
from tcpwatchd.metrics.trigger import Trigger
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_TEXTS
from tcpwatchd.model.units import Number
from tcpwatchd.model.window import Window


def _value(state: State, window: Window, service: str) -> Number:
    return window.found.services[service][state]


def _delta(state: State, window: Window, service: str) -> Number:
    before = window.found_before.services.get(service)
    return None if before is None else window.found.services[service][state] - before[state]


def _meaning(state: State) -> str:
    meaning = "Sockets of the service in this state."
    if state not in CROWDS:
        return meaning
    return (
        f"{meaning} On a host with more than {FEW:,} connections, the number of a large service is an "
        "estimate from a sample, within 5% as a rule."
    )


def _prototype(
    part: str,
    title: str,
    meaning: str,
    value_type: ValueType,
    read: Callable[[State, Window, str], Number],
    state: State,
) -> Prototype:
    text = STATE_TEXTS[state]
    return Prototype(
        key=f"tcpwatchd.service{part}[{{#SERVICE}},{state.parameter}]",
        name=f"TCP: Service {{#SERVICE}}: {state.name} sockets{title}",
        value_type=value_type,
        units="",
        meaning=f"{meaning} {text.meaning}",
        rise=text.rise,
        look=text.look,
        read=partial(read, state),
        state=state,
    )


_LISTEN = "/T/tcpwatchd.service[{#SERVICE},listen]"

SERVICE_TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {
        "service_gone": Trigger(
            "TCP: Service {#SERVICE}: nothing listens any more",
            "TCP: Service {#SERVICE}: nothing listens any more",
            "AVERAGE",
            f"max({_LISTEN},<5m>)=0 and max({_LISTEN},<9x5m>:now-<5m>)>0",
            f"last({_LISTEN})>0",
            "A service that had a listening socket has had none for 5 minutes.",
            "its clients are refused.",
            "`ss -tlnp` as root shows what listens; `systemctl --failed` what has ended.",
            "a restart that takes less than 5 minutes; services that never listened, such as those that are "
            "counted by the address of a peer.",
            "when something listens again.",
            shown="",
            scope="availability",
            tags={"service": "{#SERVICE}"},
        ),
    }
)

SERVICES = Rule(
    key="tcpwatchd.services.discovery",
    name="TCP: Services",
    macro="{#SERVICE}",
    meaning="Services that are counted separately: `services` and `discover` in the configuration.",
    names=lambda window: sorted(window.found.services) or None,
    prototypes=(
        *(_prototype("", "", _meaning(state), ValueType.UNSIGNED, _value, state) for state in SERVICE_STATES),
        *(
            _prototype(
                ".delta", ", change", "Change since the previous push.", ValueType.FLOAT, _delta, state
            )
            for state in SERVICE_STATES
        ),
    ),
    triggers=SERVICE_TRIGGERS,
)
