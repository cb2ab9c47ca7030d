"""What a configuration key is: its path, default, meaning, and how its value is understood.

Alone knows this shape. Must not know which keys there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """A key: `path` is dotted, `default` as YAML gives it (None: found at run time, see `sentence`).

    `example` is what the example file shows, commented out, for a key without a fixed default.
    """

    path: str
    default: Any
    read: Callable[[Any], Any]
    sentence: str
    example: str = ""
