"""Which values need not be sent again while they do not change, so that a server stores half of the rows.

Alarms ask for more than the last value of some keys: these stand here, and a test derives them from the
triggers. Whatever stands here not is left out as soon as it repeats itself.
"""

from __future__ import annotations

import enum
import re

from tcpwatchd.kernel.kernel_counters import KERNEL_COUNTERS
from tcpwatchd.metrics.graphs import GRAPHS
from tcpwatchd.metrics.state_metrics import OLD, OLD_STATES, UNANSWERED, UNANSWERED_STATES


class Unchanged(enum.Enum):
    """What becomes of a value that equals the one before. Later: after the longest window of an alarm."""

    SENT = "sent"
    LEFT_OUT = "left out"
    LEFT_OUT_LATER = "left out later"
    ZERO_LEFT_OUT_LATER = "left out later if it is 0"


# An alarm compares means of them, or needs two of them of the same push.
_SENT = (
    *(f"{OLD.key}[{state.parameter}]" for state in OLD_STATES),
    "tcpwatchd.sockets[established]",
    "tcpwatchd.sockets[listen]",
    "tcpwatchd.ports[busiest]",
    "tcpwatchd.self[uptime]",
    "tcpwatchd.self[samples]",
    # Each of them tells of an audit.
    "tcpwatchd.self[audit_difference]",
    # Of these Zabbix makes items, and stores nothing. A server that was restored needs them soon.
    "tcpwatchd.services.discovery",
    "tcpwatchd.namespaces.discovery",
)
# An alarm looks at the least or the most of some minutes.
_LATER = (
    *(f"tcpwatchd.limit[{name}]" for name in ("orphans", "memory", "files")),
    "tcpwatchd.self[refused_keys]",
    "tcpwatchd.service[*,listen]",
)
# An alarm adds them up or counts them: only a 0 makes no difference.
_OWN_COUNTS = (
    "samples_dropped", "trimmed_by_age", "trimmed_by_size", "trimmed_refused", "unspooled", "damaged",
)  # fmt: skip
_ZERO_LATER = (
    *(f"tcpwatchd.counter[{name}]" for name in KERNEL_COUNTERS),
    *(f"{UNANSWERED.key}[{state.parameter}]" for state in UNANSWERED_STATES),
    *(f"tcpwatchd.listeners[{name}]" for name in ("full", "nearly_full")),
    *(f"tcpwatchd.self[{name}]" for name in _OWN_COUNTS),
)
_TABLE = {
    **dict.fromkeys(_SENT, Unchanged.SENT),
    **dict.fromkeys(_LATER, Unchanged.LEFT_OUT_LATER),
    **dict.fromkeys(_ZERO_LATER, Unchanged.ZERO_LEFT_OUT_LATER),
}
_DRAWN = frozenset(line.key for graph in GRAPHS.values() for line in graph.lines)
_NAME = re.compile(r"\[.*,")


def unchanged(key: str) -> Unchanged:
    """What becomes of a value of this key; the names of discovered objects make no difference."""
    return _TABLE.get(_NAME.sub("[*,", key), Unchanged.LEFT_OUT)


def is_drawn(key: str) -> bool:
    """Whether a graph has a line of it, which needs a point now and then; what is discovered may have one."""
    return key in _DRAWN or "," in key
