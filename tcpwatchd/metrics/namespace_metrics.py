"""Metrics of each network namespace, and their discovery rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tcpwatchd.metrics.metric import Prototype, Rule, ValueType
from tcpwatchd.model.units import Number
from tcpwatchd.model.window import Namespace, Window

_LOOK = "`nsenter -t PID -n ss -tan`, with the PID of a process in that namespace."


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
        name=f"TCP: Namespace {{#NETNS}}: {title}",
        value_type=ValueType.UNSIGNED,
        units="",
        meaning=meaning,
        rise=rise,
        look=_LOOK,
        read=read,
    )


NAMESPACES = Rule(
    key="tcpwatchd.namespaces.discovery",
    name="TCP: Network namespaces",
    macro="{#NETNS}",
    meaning="Network namespaces of the host except its own, for example of containers. Only if "
    "`namespaces` is on in the configuration. The name is that of the container, unit or process, "
    "if known. The macros {#POD} (UID) and {#CONTAINER} (12 digits) are tags of the items, and empty "
    "elsewhere.",
    names=lambda window: sorted(window.found.namespaces) or None,
    prototypes=(
        _prototype(
            "established",
            "ESTABLISHED sockets",
            "The kernel's counter CurrEstab, which on some kernels includes CLOSE_WAIT.",
            "More clients, or more outgoing connections.",
            partial(_now, lambda one: one.established),
        ),
        _prototype(
            "time_wait",
            "TIME_WAIT sockets",
            "Records of ended connections, including orphaned FIN_WAIT2.",
            "Many short connections that the programs of this namespace close first.",
            partial(_now, lambda one: one.time_wait),
        ),
        _prototype(
            "in_use",
            "Sockets in use",
            "Sockets in all states except TIME_WAIT.",
            "More connections, or a program does not close them.",
            partial(_now, lambda one: one.in_use),
        ),
        _prototype(
            "listen_overflows",
            "Accept queue overflows",
            "Connections dropped since the previous push because an accept queue was full.",
            "A program in this namespace does not accept connections fast enough.",
            _overflows,
        ),
    ),
    macros={
        "{#POD}": lambda window, name: window.found.namespaces[name].pod,
        "{#CONTAINER}": lambda window, name: window.found.namespaces[name].container,
    },
)
