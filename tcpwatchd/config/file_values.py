"""What a configuration file says by the path of each key, what is wrong with it, and what several keys say
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tcpwatchd.config.options import OPTIONS
from tcpwatchd.metrics.key_patterns import KeyPattern
from tcpwatchd.model.errors import Problem
from tcpwatchd.model.printable import MESSAGE_CHARACTERS, printable
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_GROUPS

BY_PATH = {option.path: option for option in OPTIONS}


class FileValues:
    """One reading of one text; collects problems instead of stopping at the first."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []

    def problem(self, path: str, line: int, message: str) -> None:
        """What is wrong with the key `path`; 0 for no line."""
        # A key of YAML may hold any character, and stands in the path.
        self.problems.append(Problem(printable(path), line, printable(message, MESSAGE_CHARACTERS)))

    def get(self, path: str) -> Any:
        """What the file says, or the default."""
        default = BY_PATH[path].default
        return self.values.get(path, default if default is None else BY_PATH[path].read(default))


def patterns_of(file: FileValues) -> tuple[KeyPattern, ...]:
    """The one of `keys.pattern`, then those of `keys.patterns`."""
    pattern = file.get("keys.pattern")
    single = (KeyPattern(pattern, file.get("keys.spelling")),) if pattern else ()
    return (*single, *(file.get("keys.patterns") or ()))


def statistics_of(file: FileValues) -> Mapping[State, tuple[str, ...]]:
    """Each state's statistics: its own line, else its group's, else what holds for all."""
    group_of = {state: group for group, states in STATE_GROUPS.items() for state in states}
    chosen = {}
    for state in State:
        given = (file.get(f"statistics.{name}") for name in (state.parameter, group_of[state], "all"))
        chosen[state] = next((names for names in given if names is not None), ())
    return chosen
