"""The one error type that the stand shows to people.

This file alone knows: what an error of the stand looks like. Its text is a sentence that says
what is wrong and what to do; whoever catches it prints the text and no traceback.
"""

from __future__ import annotations

from pathlib import Path


class StandError(Exception):
    """Something that keeps the stand from working, told in a sentence."""


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log, indented for an error text; says so where there is none."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    if not lines:
        return f"({path} is empty)"
    return f"last lines of {path}:\n" + "\n".join("    " + line for line in lines[-count:])
