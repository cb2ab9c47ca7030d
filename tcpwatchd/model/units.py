"""Durations and sizes as a configuration has them, and what is said of a number.

Fractions of a suffix are written in the next smaller one (`500ms`, not `0.5s`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, Union

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def _parse(text: object, units: dict[str, float] | dict[str, int], what: str, examples: str) -> float:
    match = re.fullmatch(r"(\d{1,12}) ?([A-Za-z]+)", text) if isinstance(text, str) else None
    if match is None or match[2] not in units:
        missing = " (a number needs its unit)" if isinstance(text, (int, float)) else ""
        raise ValueError(f"is not a {what}{missing}; write for example {examples}")
    return int(match[1]) * units[match[2]]


def parse_duration(text: object) -> float:
    """Seconds of `500ms`, `1s`, `5m`, `2h`, `7d`. ValueError says what would be right."""
    return _parse(text, _SECONDS, "duration", "500ms, 1s, 5m, 2h or 7d")


def parse_size(text: object) -> int:
    """Bytes of `512KiB`, `64MiB`, `1GiB`. ValueError says what would be right."""
    return int(_parse(text, _BYTES, "size", "512KiB, 64MiB or 1GiB"))


def format_duration(seconds: float) -> str:
    """A duration for a reader, in its two largest parts: `3d 4h`, `2m 5s`, `250ms`."""
    if 0 < seconds < 1:
        return f"{round(seconds * 1000)}ms"
    rest = round(seconds)
    parts = []
    for suffix in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(_SECONDS[suffix]))
        if count:
            parts.append(f"{count}{suffix}")
    return " ".join(parts[:2]) or "0s"


def format_size(size_bytes: int) -> str:
    """A size for a reader: `512 B`, `1.5 KiB`, `64.0 MiB`."""
    for suffix in ("GiB", "MiB", "KiB"):
        if size_bytes >= _BYTES[suffix]:
            return f"{size_bytes / _BYTES[suffix]:.1f} {suffix}"
    return f"{size_bytes} B"


# What a metric is, before it is text; None where there is nothing to send.
Number = Union[int, float, str, None]


Seen = TypeVar("Seen")


@dataclass(frozen=True)
class NumberText(Generic[Seen]):
    """What is said of a number, and how it is read from what was seen. `kind` as in vitals."""

    title: str
    kind: str
    units: str
    meaning: str
    read: Callable[[Seen], Number]
