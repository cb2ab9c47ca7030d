"""Parses the key patterns of a configuration."""

from __future__ import annotations

from typing import Any

from tcpwatchd.config.value_parsers import (
    EntriesError,
    Steps,
    each,
    is_item_key,
    one_of,
    problems_at,
    quoted,
    truth,
)
from tcpwatchd.metrics.key_patterns import PORT, SERVICE, STATE, KeyPattern
from tcpwatchd.metrics.spellings import SPELLINGS

DEFAULT_SPELLING = "netstat"
_EXAMPLE = 'write for example {pattern: "tcp.status[STATE]", spelling: netstat}'
_KEYS = ("pattern", "spelling", "total", "json")


def read_pattern(value: Any) -> str:
    """The pattern of one key for each state."""
    _check_key(value)
    if STATE not in KeyPattern(value, DEFAULT_SPELLING).places:
        raise ValueError(
            f"has no {STATE}, which stands for each state; write for example tcp.status[{STATE}]"
        )
    return str(value)


def _check_key(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError("is no item key")
    places = {SERVICE: "a", PORT: "1"}
    if not is_item_key(KeyPattern(value, DEFAULT_SPELLING).key("a", places)):
        raise ValueError("is no item key")


spelling = one_of(*SPELLINGS)


def read_patterns(value: Any) -> tuple[KeyPattern, ...]:
    """The patterns of a list."""
    if not isinstance(value, list):
        raise ValueError(f"is not a list of patterns; {_EXAMPLE}")
    return each(_pattern)(value)


def _pattern(value: Any) -> KeyPattern:
    if not isinstance(value, dict) or "pattern" not in value:
        raise ValueError(f"is no pattern; {_EXAMPLE}")
    problems: list[tuple[Steps, str]] = [
        ((str(key),), f"unknown key; known are {', '.join(_KEYS)}") for key in value if key not in _KEYS
    ]
    whole = value.get("json", False)
    readers = {
        "json": truth,
        "pattern": _check_key if whole is True else read_pattern,
        "spelling": spelling,
        "total": _word,
    }
    for key, read in readers.items():
        if key in value:
            try:
                read(value[key])
            except ValueError as error:
                problems += problems_at(key, value[key], error)
    if problems:
        raise EntriesError(problems)
    made = KeyPattern(value["pattern"], value.get("spelling", DEFAULT_SPELLING), value.get("total", ""))
    if whole and (STATE in made.places or made.total):
        raise ValueError(f"is one value with all states: with json there is neither {STATE} nor total")
    if made.total in SPELLINGS[made.spelling].values():
        raise EntriesError([(("total",), f"{quoted(made.total)} is a state, too")])
    return made


def _word(value: Any) -> str:
    if not isinstance(value, str) or not is_item_key(f"a[{value}]") or not value:
        raise ValueError("is no part of an item key")
    return value
