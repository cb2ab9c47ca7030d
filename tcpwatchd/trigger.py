"""What an alarm is: its two expressions, its words, and the thresholds that it uses.

Alone knows this shape. Expressions: Zabbix manual, "Trigger expression"; `/T/` stands for the template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_KEY = re.compile(r"/T/(tcpwatchd(?:\.[a-z0-9]+)+\[[A-Za-z0-9_]+\])")
_ANY_MACRO = re.compile(r"\{[^}]*\}")
_MACRO = re.compile(r"\{\$[A-Z0-9_.]+\}")

# How long a host may be silent. It follows from intervals.push, see `render`.
NODATA_MACRO = "{$TCPWATCHD.NODATA}"


@dataclass(frozen=True)
class Trigger:
    """`recovery` is empty where the problem ends when `problem` no longer holds. `silenced_by`: the name in
    TRIGGERS of one that says the same and worse.
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
