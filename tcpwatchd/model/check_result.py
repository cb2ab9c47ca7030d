"""One line of a report: how it is, of what, and what to do.

Alone knows its form. Must not know what is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
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
