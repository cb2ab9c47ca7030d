"""Errors that say what happened, why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


class TcpwatchdError(Exception):
    """Base of every error that is meant for a person.

    `what` happened, `why` (the cause as far as it is known), `todo` (what the reader does next); the
    last two may be empty. `str()` joins them into one line.
    """

    def __init__(self, what: str, why: str = "", todo: str = "") -> None:
        super().__init__(what, why, todo)
        self.what = what
        self.why = why
        self.todo = todo

    def __str__(self) -> str:
        sentence = f"{self.what}: {self.why}" if self.why else self.what
        return f"{sentence} -> {self.todo}" if self.todo else sentence


class SampleError(TcpwatchdError):
    """The kernel's answer was not whole or not understood; this sample does not exist."""


class CountersError(SampleError):
    """The kernel's counters could not be read or not be understood; a walk over the sockets may still do."""


class SpoolError(TcpwatchdError):
    """The backlog on disk could not be opened, read or written."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a configuration: dotted `path`, `line` (1-based, 0 unknown), what would be right."""

    path: str
    line: int
    message: str


class ConfigError(TcpwatchdError):
    """A configuration that cannot be taken; carries every problem found, in the order of the file."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{source} has {count}")
        self.source = source
        self.problems = problems

    def lines(self) -> list[str]:
        """One line a problem, `file:line: path: message`, as compilers print them and editors jump to."""
        return [
            ":".join(part for part in (self.source, str(p.line) if p.line else "") if part)
            + (f": {p.path}: {p.message}" if p.path else f": {p.message}")
            for p in self.problems
        ]
