"""TRIGGERS: one row an alarm: when it begins and ends, how bad that is and why, and what to do next.

Alone knows which alarms there are. Must not know how a template is written.

As long as a question to a server carries values stamped 1970 (`outbox`, `check`), no alarm may look at an
item's history, as nodata() alone does not: Zabbix evaluates a trigger at the time of each value, and for 1970
it would read all of an item's history.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.trigger import NODATA_MACRO, Trigger

TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {
        "nodata": Trigger(
            f"tcpwatchd on {{HOST.NAME}} sends nothing for {NODATA_MACRO}",
            "AVERAGE",
            f"nodata(/T/tcpwatchd.self[uptime],{NODATA_MACRO})=1",
            "",
            "Nothing has arrived from this host: the daemon is stopped, the host is down, or the path to "
            "this server is broken.",
            "what was sampled meanwhile waits on the host's disk and comes with its own time stamps, but "
            "nobody is warned until then.",
            "On the host: `systemctl status tcpwatchd`, then `tcpwatchd backlog` and `journalctl -u "
            "tcpwatchd`.",
            shown="",
            scope="availability",
        ),
    }
)


def applicable(keys: frozenset[str]) -> Mapping[str, Trigger]:
    """Those whose items are all there."""
    return {name: trigger for name, trigger in TRIGGERS.items() if trigger.keys <= keys}
