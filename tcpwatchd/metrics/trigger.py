"""What a trigger is: its expressions and texts, and the macros that it may use as thresholds.

Expressions: Zabbix manual, "Trigger expression"; `/T/` stands for the template. `<5m>` is a window: five
minutes, or three pushes where these are longer. `<2x5m>` is twice as long, `<most of 5m>` three fifths of the
pushes in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

_KEY = re.compile(r"/T/(tcpwatchd(?:\.[a-z0-9]+)+\[[A-Za-z0-9_]+\])")
_ANY_MACRO = re.compile(r"\{\{.*?\)\}|\{[^}]*\}")
_MACRO = re.compile(r"(\{\$[A-Z0-9_.]+)(?::[a-z0-9_]+)?\}")

# Value, and what it is for. The time without data follows from intervals.push, see `render`.
NODATA_MACRO = "{$TCPWATCHD.NODATA}"
MACROS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "{$TCPWATCHD.LIMIT.WARN}": (
            "80",
            "Warning threshold for kernel limits, in per cent. With a context for one limit: time_wait, "
            "memory, memory_pressure, files, ports.",
        ),
        "{$TCPWATCHD.LIMIT.OK}": ("70", "Recovery threshold, in per cent; contexts as for the warning."),
        "{$TCPWATCHD.ORPHANS.WARN}": (
            "40",
            "Warning threshold for orphans, in per cent. The kernel resets some of them from 50 on.",
        ),
        "{$TCPWATCHD.ORPHANS.OK}": ("30", "Recovery threshold, in per cent."),
        "{$TCPWATCHD.LEAK.MIN}": (
            "100",
            "Old sockets in one state up to which no leak is reported. Contexts: close_wait, fin_wait2, "
            "close.",
        ),
        "{$TCPWATCHD.LEAK.MANY}": (
            "1000",
            "Old sockets in one state from which on half an hour of growth is a leak; contexts as above.",
        ),
        "{$TCPWATCHD.LEAK.TIME}": (
            "2h",
            "A leak: the average of this time has grown three times in a row, and is above the day before.",
        ),
        "{$TCPWATCHD.UNANSWERED.MIN}": (
            "20",
            "Unanswered sockets in SYN_SENT from which on peers do not answer. Context: syn_sent.",
        ),
        "{$TCPWATCHD.UNANSWERED.OK}": ("10", "Recovery threshold, in sockets; context as above."),
        "{$TCPWATCHD.GONE.MIN}": (
            "100",
            "Unanswered sockets in one state from which on peers are gone. Contexts: fin_wait1, last_ack.",
        ),
        "{$TCPWATCHD.GONE.OK}": ("50", "Recovery threshold, in sockets; contexts as above."),
        "{$TCPWATCHD.SYNQUEUE.MIN}": (
            "10",
            "SYNs beyond the SYN queue in 5 minutes up to which nothing is reported.",
        ),
        "{$TCPWATCHD.LISTENDROPS.MIN}": (
            "100",
            "Connections dropped by listeners in 5 minutes up to which nothing is reported.",
        ),
        "{$TCPWATCHD.TWOVERFLOW.MIN}": (
            "100",
            "TIME_WAIT records not kept in 5 minutes up to which nothing is reported.",
        ),
        "{$TCPWATCHD.FAILS.MIN}": (
            "15000",
            "Failed connection attempts in 15 minutes up to which nothing is reported.",
        ),
        "{$TCPWATCHD.RETRANS.WARN}": (
            "3",
            "Warning threshold for retransmitted segments, in per cent of segments sent.",
        ),
        "{$TCPWATCHD.RETRANS.OK}": ("2", "Recovery threshold, in per cent."),
        "{$TCPWATCHD.RETRANS.MIN}": ("10000", "Segments in 15 minutes below which no loss is reported."),
        "{$TCPWATCHD.FALL.PERCENT}": (
            "50",
            "A fall: fewer sockets than this part of the day's average, in per cent.",
        ),
        "{$TCPWATCHD.BACKLOG.AGE}": (
            "15m",
            "Maximum age of the oldest value that waits on the host for another server.",
        ),
    }
)


# Tags of a problem, taken out of the text that is its first value: `java[4211] 4031`, `0.0.0.0:80 (129 of
# 129)`, `192.0.2.7:80 from 192.0.2.1`.
PROGRAM = {"program": '{{ITEM.LASTVALUE1}.regsub("^([^ ]+)\\[[0-9]+\\]", "\\1")}'}
LISTENER = {"listener": '{{ITEM.LASTVALUE1}.regsub("^([^ ]+) \\(", "\\1")}'}
DESTINATION = {"destination": '{{ITEM.LASTVALUE1}.regsub("^([^ ]+) from ", "\\1")}'}
# Peers that do not answer explain what else is seen of it.
GONE = ("no_answer", "no_farewell", "no_last_ack")


@dataclass(frozen=True)
class Trigger:
    """`title` is its name, `event` the name of a problem, with values; `shown` are its operational data.

    `recovery` is empty where the problem ends when `problem` no longer holds. `silent`: what it does not fire
    on; `ends`: how a problem ends. `behind`: names in TRIGGERS of those that explain it. `named_by`: the key
    of a text that says who it is; then that is the first value. `tags`: further tags of a problem.
    """

    title: str
    event: str
    severity: str
    problem: str
    recovery: str
    meaning: str
    why: str
    todo: str
    silent: str
    ends: str
    shown: str = "{ITEM.LASTVALUE1}"
    behind: tuple[str, ...] = ()
    scope: str = "performance"
    named_by: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True

    def naming(self, keys: frozenset[str]) -> Trigger:
        """The same with the text of `named_by` for its first value, where that item is there. A text that has
        not come makes no expression unknown.
        """
        if self.named_by not in keys:
            return replace(self, tags={}) if self.named_by else self
        problem = f"({self.problem})" if " or " in self.problem else self.problem
        return replace(self, problem=f"count(/T/{self.named_by},<5m>)>=0 and {problem}")

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """What it means, how bad that is and why, what to do next, when it is silent, and how it ends."""
        return (
            self.meaning,
            f"{self.severity.capitalize()}: {self.why}",
            f"Do next: {self.todo}",
            f"Silent: {self.silent}",
            f"It ends {self.ends}",
        )

    @property
    def summary(self) -> str:
        """The meaning's first clause."""
        return re.split("[.:;]", self.meaning, maxsplit=1)[0]

    def named(self, text: str) -> bool:
        """Whether `text` is its title, or the name of a problem: as it is written here, or as Zabbix has
        filled it in.
        """
        pattern = ".+".join(map(re.escape, _ANY_MACRO.split(self.event)))
        return text == self.title or bool(re.fullmatch(pattern, text))

    @property
    def keys(self) -> frozenset[str]:
        """The items it looks at."""
        return frozenset(_KEY.findall(self.problem + self.recovery))

    @property
    def macros(self) -> frozenset[str]:
        """The thresholds it uses, without their contexts."""
        used = _MACRO.findall(self.title + self.event + self.problem + self.recovery)
        return frozenset(f"{name}}}" for name in used)


def near(limit: str, prefix: str = "LIMIT", window: str = "") -> tuple[str, str]:
    """Begins at one percentage, at all values of a `window` if one is given, and ends at a lower one."""
    item, context = f"/T/tcpwatchd.limit[{limit}]", f":{limit}" if prefix == "LIMIT" else ""
    begins = f"min({item},{window})" if window else f"last({item})"
    ends = f"max({item},{window})" if window else f"last({item})"
    return (
        f"{begins}>={{$TCPWATCHD.{prefix}.WARN{context}}}",
        f"{ends}<{{$TCPWATCHD.{prefix}.OK{context}}}",
    )
