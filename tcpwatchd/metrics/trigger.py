"""What a trigger is: its two expressions, its texts, and the macros that it may use as thresholds.

Expressions: Zabbix manual, "Trigger expression"; `/T/` stands for the template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

_KEY = re.compile(r"/T/(tcpwatchd(?:\.[a-z0-9]+)+\[[A-Za-z0-9_]+\])")
_ANY_MACRO = re.compile(r"\{[^}]*\}")
_MACRO = re.compile(r"\{\$[A-Z0-9_.]+\}")

# Value, and what it is for. The time without data follows from intervals.push, see `render`.
NODATA_MACRO = "{$TCPWATCHD.NODATA}"
MACROS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "{$TCPWATCHD.LIMIT.WARN}": (
            "80",
            "Warning threshold for kernel limits, in per cent.",
        ),
        "{$TCPWATCHD.LIMIT.OK}": ("70", "Recovery threshold, in per cent."),
        "{$TCPWATCHD.ORPHANS.WARN}": (
            "40",
            "Warning threshold for orphans, in per cent. The kernel resets some of them from 50 on.",
        ),
        "{$TCPWATCHD.ORPHANS.OK}": ("30", "Recovery threshold, in per cent."),
        "{$TCPWATCHD.LEAK.MIN}": ("100", "Sockets in one state up to which no leak is reported."),
        "{$TCPWATCHD.LEAK.TIME}": (
            "30m",
            "A leak: the minimum of this time is above the maximum of the same time before.",
        ),
        "{$TCPWATCHD.CROWD.MIN}": ("50", "Sockets in one state up to which no missing answers are reported."),
        "{$TCPWATCHD.CROWD.FACTOR}": (
            "3",
            "Factor above the average of the day before.",
        ),
        "{$TCPWATCHD.CROWD.TIME}": ("5m", "How long the number has to stay above the thresholds."),
        "{$TCPWATCHD.SYNQUEUE.MIN}": (
            "10",
            "SYNs beyond the SYN queue in 5 minutes up to which nothing is reported.",
        ),
        "{$TCPWATCHD.RETRANS.WARN}": (
            "3",
            "Warning threshold for retransmitted segments, in per cent of segments sent.",
        ),
        "{$TCPWATCHD.RETRANS.OK}": ("2", "Recovery threshold, in per cent."),
        "{$TCPWATCHD.RETRANS.MIN}": ("10000", "Segments in 15 minutes below which no loss is reported."),
        "{$TCPWATCHD.BACKLOG.AGE}": ("15m", "Maximum age of the oldest value that waits on the host."),
    }
)


@dataclass(frozen=True)
class Trigger:
    """`recovery` is empty where the problem ends when `problem` no longer holds. `silenced_by`: the name in
    TRIGGERS of one that says the same and worse. `named_by`: the key of a text that says who it is.
    """

    title: str
    severity: str
    problem: str
    recovery: str
    meaning: str
    why: str
    todo: str
    shown: str = "{ITEM.LASTVALUE1}"
    silenced_by: str = ""
    scope: str = "performance"
    named_by: str = ""

    def naming(self, keys: frozenset[str]) -> Trigger:
        """The same with the text of `named_by` for its first value, where that item is there.

        So the title says who it is; without it, the title says how many.
        """
        if self.named_by not in keys:
            return self
        return replace(self, problem=f"length(last(/T/{self.named_by}))>=0 and {self.problem}")

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """What it means, how bad that is and why, and what to do next."""
        return self.meaning, f"{self.severity.capitalize()}: {self.why}", f"Do next: {self.todo}"

    @property
    def summary(self) -> str:
        """The meaning's first clause."""
        return re.split("[.:;]", self.meaning, maxsplit=1)[0]

    def named(self, text: str) -> bool:
        """Whether `text` is its title, as it is written here or as Zabbix has filled it in."""
        return bool(re.fullmatch(".+".join(map(re.escape, _ANY_MACRO.split(self.title))), text))

    @property
    def keys(self) -> frozenset[str]:
        """The items it looks at."""
        return frozenset(_KEY.findall(self.problem + self.recovery))

    @property
    def macros(self) -> frozenset[str]:
        """The thresholds it uses."""
        return frozenset(_MACRO.findall(self.title + self.problem + self.recovery))


def near(limit: str, prefix: str = "LIMIT") -> tuple[str, str]:
    """Begins at one percentage and ends at a lower one."""
    last = f"last(/T/tcpwatchd.limit[{limit}])"
    return f"{last}>={{$TCPWATCHD.{prefix}.WARN}}", f"{last}<{{$TCPWATCHD.{prefix}.OK}}"


def leak(key: str) -> tuple[str, str]:
    """Rises and does not fall: the lowest of this while is above the highest of the while before."""
    now, before = "{$TCPWATCHD.LEAK.TIME}", "{$TCPWATCHD.LEAK.TIME}:now-{$TCPWATCHD.LEAK.TIME}"
    return (
        f"min(/T/{key},{now})>{{$TCPWATCHD.LEAK.MIN}} and min(/T/{key},{now})>max(/T/{key},{before})",
        f"last(/T/{key})<={{$TCPWATCHD.LEAK.MIN}} or last(/T/{key})<0.5*max(/T/{key},{now})",
    )


def crowd(key: str) -> tuple[str, str]:
    """Stands at a multiple of the host's own average; that leaves the last hour out, or it would follow."""
    now, before = "{$TCPWATCHD.CROWD.TIME}", "1d:now-1h"
    return (
        f"min(/T/{key},{now})>{{$TCPWATCHD.CROWD.MIN}} and "
        f"min(/T/{key},{now})>{{$TCPWATCHD.CROWD.FACTOR}}*avg(/T/{key},{before})",
        f"max(/T/{key},{now})<={{$TCPWATCHD.CROWD.MIN}} or max(/T/{key},{now})<1.5*avg(/T/{key},{before})",
    )
