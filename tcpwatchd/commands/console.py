"""Text for a terminal: colours, widths, times, and the lines of a check."""

from __future__ import annotations

import textwrap
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from tcpwatchd.model.states import STATE_GROUPS
from tcpwatchd.model.units import format_duration

HOME_AND_CLEAR = "\x1b[H\x1b[J"
# In the course of a connection, not in the kernel's order.
ROWS = tuple(state for states in STATE_GROUPS.values() for state in states)
_INDENT_CELLS = 14
_LEAST_CELLS = 8
# What the tables need to show everything; narrower terminals get less.
WIDE = 115
BOLD, DIM, CYAN, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"


def paint(text: str, code: str, colours: bool) -> str:
    """`text` in a colour, or as it is."""
    return f"{code}{text}{PLAIN}" if colours else text


def local_time(clock: int) -> str:
    """A Unix time as the reader's wall clock shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(clock))


def cells(text: str) -> int:
    """How wide a text is in a terminal: a Chinese character takes two cells."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def cut(text: str, most: int) -> str:
    """`text` in at most so many cells; empty where nothing of it can be said in them."""
    if cells(text) <= most:
        return text
    if most < _LEAST_CELLS:
        return ""
    while cells(text) >= most:
        text = text[:-1]
    return f"{text.rstrip()}…"


def folded(lines: Sequence[str], columns: int) -> list[str]:
    """Lines that are too long go on in the next one, indented: they are lists, and nothing of them is left
    out.
    """
    fold = textwrap.TextWrapper(columns, subsequent_indent=" " * _INDENT_CELLS, break_on_hyphens=False)
    return [part for line in lines for part in (fold.wrap(line) if len(line) > columns else [line])]


def ago(clock: int, now_clock: int) -> str:
    """A Unix time, and how long ago that was."""
    return f"{local_time(clock)} ({format_duration(max(0, now_clock - clock))} ago)"


@dataclass(frozen=True)
class CheckResult:
    """`level` is ok, warn or FAIL."""

    level: str
    subject: str
    text: str
    todo: str = ""

    def __str__(self) -> str:
        hint = f" -> {self.todo}" if self.todo else ""
        return f"{self.level:<6}{self.subject}: {self.text}{hint}"

    @property
    def failed(self) -> bool:
        """Whether something has to be done."""
        return self.level == "FAIL"
