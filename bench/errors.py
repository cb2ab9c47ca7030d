"""The errors that the bench shows to people, as sentences."""

from __future__ import annotations

from pathlib import Path


class BenchError(Exception):
    """Something that keeps the bench from working."""


class ContenderError(BenchError):
    """Something that keeps one contender from being measured; the others go on."""


def last_line(path: Path) -> str:
    """The end of a log; says so where there is none."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    return lines[-1] if lines else "it logged nothing"
