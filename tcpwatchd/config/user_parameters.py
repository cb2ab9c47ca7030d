"""Finds UserParameter lines of a Zabbix agent that count TCP states, and gives their keys as patterns.

Text only. Sources: scripts and templates in public use; Zabbix manual, "User parameters".
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from tcpwatchd.metrics.spellings import SPELLINGS

# What such a line runs. A script of its own may do anything: its key has to be a known one.
_TOOLS = (
    (re.compile(r"\bss\s+-"), "ss"),
    (re.compile(r"\bnetstat\b|/proc/net/tcp"), "netstat"),
)
# Keys that are known by their name, and how STATE is spelled in them where nothing tells.
_KNOWN = {
    "tcp.status": ("tcp.status[STATE]", "compact"),
    "linux_status": ("linux_status[tcp_status,STATE]", "ss"),
    "net.tcp.count.depend": ("net.tcp.count.depend[PORT,,STATE]", "netstat"),
}
_COUNTED = re.compile(r"tcp|netstat|\bss\b|\bconn", re.IGNORECASE)


class Proposal(NamedTuple):
    """A key pattern that takes the place of `line`: the text of a UserParameter, with where it stands."""

    pattern: str
    spelling: str
    line: str

    def yaml(self) -> str:
        """The entry of keys.patterns."""
        return f"{{pattern: {json.dumps(self.pattern)}, spelling: {self.spelling}}}"


def propose(parameters: Sequence[tuple[str, str]]) -> tuple[Proposal, ...]:
    """The proposals for UserParameter values, each with where it stands. A value is `KEY,COMMAND`."""
    proposals = []
    for value, where in parameters:
        key, _, command = value.partition(",")
        if "[" in key and not key.endswith("]"):  # a comma in the brackets
            inside, _, command = value.partition("],")
            key = f"{inside}]"
        found = _pattern(key.strip(), command)
        if found is not None:
            proposals.append(Proposal(*found, f"UserParameter={key.strip()},… ({where})"))
    return tuple(proposals)


def _pattern(key: str, command: str) -> tuple[str, str] | None:
    name, bracket, rest = key.partition("[")
    tool = next((spelling for used, spelling in _TOOLS if used.search(command)), "")
    if bracket:
        if name in _KNOWN:
            pattern, spelling = _KNOWN[name]
            return pattern, tool or spelling
        # A flexible parameter of another name: its one argument is looked for in the states column.
        if rest == "*]" and tool and re.search(r"\$1|\$\{1\}", command) and _COUNTED.search(key + command):
            return f"{name}[STATE]", tool
        return None
    # One key a state: where the last part of the name is a state, the others are.
    stem, dot, last = key.rpartition(".")
    if not dot:
        return None
    for spelling in ("short", "compact", "zabbix", "netstat", "ss"):
        if last in SPELLINGS[spelling].values() and (tool or stem == "tcp"):
            return f"{stem}.STATE", spelling
    return None
