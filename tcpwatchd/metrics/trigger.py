"""What an alarm is: its two expressions, its words, and the thresholds that it may use.

Alone knows the thresholds, all of them macros of the template, and what an alarm is relative to: a limit of
the kernel, a rate, or what the host itself did before. Expressions: Zabbix manual, "Trigger expression";
`/T/` stands for the template.
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
            "Per cent of a limit of the kernel from which on a host is near it.",
        ),
        "{$TCPWATCHD.LIMIT.OK}": ("70", "Per cent below which it is not any more."),
        "{$TCPWATCHD.ORPHANS.WARN}": ("40", "The same for orphans: those of silent peers are reset at 50."),
        "{$TCPWATCHD.ORPHANS.OK}": ("30", "Per cent below which it is not any more."),
        "{$TCPWATCHD.LEAK.MIN}": ("100", "So many sockets in one state, or fewer, are no leak."),
        "{$TCPWATCHD.LEAK.TIME}": (
            "30m",
            "Never fewer in this time than ever in as long a time before: a leak.",
        ),
        "{$TCPWATCHD.CROWD.MIN}": ("50", "So many sockets in one state, or fewer, are no crowd."),
        "{$TCPWATCHD.CROWD.FACTOR}": (
            "3",
            "So many times what the host had on average during the day before.",
        ),
        "{$TCPWATCHD.CROWD.TIME}": ("5m", "How long a crowd has to stand."),
        "{$TCPWATCHD.SYNQUEUE.MIN}": ("10", "So many SYNs beyond the queue in five minutes are a burst."),
        "{$TCPWATCHD.RETRANS.WARN}": (
            "3",
            "Per cent of segments that are sent again from which on it is loss.",
        ),
        "{$TCPWATCHD.RETRANS.OK}": ("2", "Per cent below which it is not any more."),
        "{$TCPWATCHD.RETRANS.MIN}": ("10000", "Segments in 15 minutes without which a share says nothing."),
        "{$TCPWATCHD.BACKLOG.AGE}": ("15m", "How old the oldest value that waits on the host may be."),
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
