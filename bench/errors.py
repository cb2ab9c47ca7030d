"""The errors that the bench shows to people, as sentences."""

from __future__ import annotations

from pathlib import Path


class BenchError(Exception):
    """Something that keeps the bench from working."""


class ContenderError(BenchError):
    """Something that keeps one contender from being measured; the others go on."""


def last_line(path: Path) -> str:
    """The end of a log."""
    try:
        return end_of(path.read_text(errors="replace"))
    except OSError:
        return end_of("")


def end_of(said: str) -> str:
    """The last line of what a program said, where the reason mostly is."""
    return (said.strip().splitlines() or ["it said nothing"])[-1]
