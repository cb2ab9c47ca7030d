"""TRIGGERS: one row for each trigger: when it begins and ends, its severity and why, and what to do.

One cause is one problem: a trigger that another one explains stands `behind` it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from tcpwatchd.metrics.daemon_triggers import DAEMON_TRIGGERS
from tcpwatchd.metrics.leak_triggers import LEAK_TRIGGERS
from tcpwatchd.metrics.limit_triggers import LIMIT_TRIGGERS
from tcpwatchd.metrics.listener_triggers import LISTENER_TRIGGERS
from tcpwatchd.metrics.peer_triggers import PEER_TRIGGERS
from tcpwatchd.metrics.service_metrics import SERVICE_TRIGGERS
from tcpwatchd.metrics.trigger import Trigger

_WINDOW = re.compile(r"<(most of |(\d)x)?(\d+)m>")
_LEAST_PUSHES = 3
_MOST = 0.6
_PUSH_S = 60.0

TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {**LISTENER_TRIGGERS, **LEAK_TRIGGERS, **PEER_TRIGGERS, **LIMIT_TRIGGERS, **DAEMON_TRIGGERS}
)

# Those of the host, and those that are made for each service.
EVERY_TRIGGER: Mapping[str, Trigger] = MappingProxyType({**TRIGGERS, **SERVICE_TRIGGERS})


def applicable(keys: frozenset[str], push_s: float = _PUSH_S) -> Mapping[str, Trigger]:
    """Those whose items are all there, for this interval of pushes."""
    return fitted(
        {name: trigger.naming(keys) for name, trigger in TRIGGERS.items() if trigger.keys <= keys}, push_s
    )


def fitted(triggers: Mapping[str, Trigger], push_s: float = _PUSH_S) -> Mapping[str, Trigger]:
    """The same, with windows for this interval of pushes."""
    return {
        name: replace(
            trigger,
            problem=in_pushes(trigger.problem, push_s),
            recovery=in_pushes(trigger.recovery, push_s),
        )
        for name, trigger in triggers.items()
    }


def in_pushes(expression: str, push_s: float = _PUSH_S) -> str:
    """An expression with its windows in seconds or minutes, and with numbers of pushes."""

    def window(match: re.Match[str]) -> str:
        window_s = max(60 * int(match[3]), math.ceil(_LEAST_PUSHES * push_s))
        if match[1] and not match[2]:
            return str(max(1, math.floor(_MOST * window_s / push_s + 1e-6)))
        window_s *= int(match[2] or 1)
        return f"{window_s // 60}m" if window_s % 60 == 0 else f"{window_s}s"

    return _WINDOW.sub(window, expression)


def explained(triggers: Mapping[str, Trigger]) -> Mapping[str, list[str]]:
    """Each trigger that explains others, with their names: while it is open, they are not raised."""
    found: dict[str, list[str]] = {name: [] for name in triggers}
    for name, trigger in triggers.items():
        for cause in trigger.behind:
            if cause in found:
                found[cause].append(name)
    return {cause: names for cause, names in found.items() if names}
