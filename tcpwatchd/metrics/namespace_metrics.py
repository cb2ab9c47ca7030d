"""What is sent of each network namespace: found by Zabbix through a discovery rule, as services are.

Alone knows the keys below `tcpwatchd.namespace`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tcpwatchd.metrics.metric import Prototype, Rule, ValueType
from tcpwatchd.model.units import Number
from tcpwatchd.model.window import Namespace, Window

_LOOK = "In that namespace: `nsenter -t PID -n ss -tan`, with the PID of a process that lives there."


def _now(read: Callable[[Namespace], int], window: Window, name: str) -> Number:
    return read(window.found.namespaces[name])


def _overflows(window: Window, name: str) -> Number:
    before, now = window.found_before.namespaces.get(name), window.found.namespaces[name]
    # A counter that went back belongs to another namespace of that name.
    if before is None or now.listen_overflows < before.listen_overflows:
        return None
    return now.listen_overflows - before.listen_overflows


def _prototype(
    name: str, title: str, meaning: str, rise: str, read: Callable[[Window, str], Number]
) -> Prototype:
    return Prototype(
        key=f"tcpwatchd.namespace[{{#NETNS}},{name}]",
        name=f"TCP namespace {{#NETNS}}: {title}",
        value_type=ValueType.UNSIGNED,
        units="",
        meaning=meaning,
        rise=rise,
        look=_LOOK,
        read=read,
    )


NAMESPACES = Rule(
    key="tcpwatchd.namespaces.discovery",
    name="TCP network namespaces",
    macro="{#NETNS}",
    meaning="The network namespaces of the host beside its own, as containers have them: where `namespaces` "
    "is on in its configuration. Named by container, unit or process, as far as that can be told.",
    names=lambda window: sorted(window.found.namespaces) or None,
    prototypes=(
        _prototype(
            "established",
            "ESTABLISHED",
            "Connections by the kernel's counter CurrEstab, which on some kernels holds CLOSE_WAIT too.",
            "More clients, or more calls of its own.",
            partial(_now, lambda one: one.established),
        ),
        _prototype(
            "time_wait",
            "TIME-WAIT",
            "Records of connections that have ended, FIN_WAIT2 that no program holds among them.",
            "Many short connections that this side closes first.",
            partial(_now, lambda one: one.time_wait),
        ),
        _prototype(
            "in_use",
            "sockets in use",
            "Sockets of all states that programs hold, but TIME_WAIT.",
            "More connections, or some that are forgotten.",
            partial(_now, lambda one: one.in_use),
        ),
        _prototype(
            "listen_overflows",
            "accept queue overflows",
            "Connections that were dropped since the push before, since an accept queue was full.",
            "A program in it does not accept as fast as connections come.",
            _overflows,
        ),
    ),
)
