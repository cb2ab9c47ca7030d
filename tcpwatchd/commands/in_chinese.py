"""Says the lines of commands in Chinese, where LANG asks for it.

A line is put together from sentences of many places, each in English. So it is taken apart again: what fits a
row of a table is replaced, and what stands in its places is treated alike. What no row fits stays as it is:
names, addresses, and words of the operating system or of Zabbix.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
from collections.abc import Callable, Mapping

_LEVEL = re.compile(r"(ok|warn|FAIL) +")  # what a line of a check begins with
# A server may answer with any text: how often a line is taken apart, and how many words before a sentence are
# tried. What is longer than any sentence of ours with its names stays as it is.
_MOST_DEPTH, _MOST_WORDS, _MOST_CHARACTERS = 8, 16, 1000
_PLACE = re.compile(r"\{(\d?)\}")


def speaks_chinese(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the locale of messages is a Chinese one."""
    spoken = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return spoken.startswith("zh")


def spoken(line: str) -> str:
    """A line in the language of the locale."""
    return "\n".join(map(chinese, line.split("\n"))) if speaks_chinese() else line


def chinese(text: str, depth: int = 0) -> str:
    """A line or a part of it in Chinese, as far as the tables know it. `depth` counts how often it was taken
    apart.
    """
    if depth > _MOST_DEPTH or len(text) > _MOST_CHARACTERS:
        return text
    if level := _LEVEL.match(text):
        return f"{level[0]}{chinese(text[level.end() :], depth + 1)}"
    bare = text.strip(" ;")
    if (found := _by_tables(bare, depth)) is not None:
        return text.replace(bare, found, 1)
    for take_apart in (_at(" -> "), _at(": "), _behind_a_name, _at("; ")):
        if (parts := take_apart(text, depth)) is not None:
            return parts
    return text


def _at(joint: str) -> Callable[[str, int], str | None]:
    """Takes two sentences apart."""

    def take_apart(text: str, depth: int) -> str | None:
        before, joined, after = text.partition(joint)
        return f"{chinese(before, depth + 1)}{joint}{chinese(after, depth + 1)}" if joined else None

    return take_apart


def _behind_a_name(text: str, depth: int) -> str | None:
    """A value, the name of a node, or another sentence stands before what a row fits."""
    for space in itertools.islice(re.finditer(" ", text), _MOST_WORDS):
        rest = text[space.end() :]
        # One word alone may be anything.
        if " " in rest and (found := _by_tables(rest, depth)) is not None:
            return f"{chinese(text[: space.start()], depth + 1)} {found}"
    return None


def _by_tables(text: str, depth: int) -> str | None:
    exact, patterns = _rows()
    if text in exact:
        return exact[text]
    for pattern, words in patterns:
        if match := pattern.fullmatch(text):
            return _filled(words, [chinese(part, depth + 1) for part in match.groups()])
    return None


def _filled(words: str, parts: list[str]) -> str:
    """{} takes the next part, {2} the second one."""
    rest = iter(parts)
    return _PLACE.sub(lambda place: parts[int(place[1]) - 1] if place[1] else next(rest), words)


@functools.cache
def _rows() -> tuple[Mapping[str, str], tuple[tuple[re.Pattern[str], str], ...]]:
    """Sentences without a place, and the others as patterns: first those that say most themselves."""
    # Only who reads Chinese loads them.
    from tcpwatchd.commands.check_zh import CHECK_ZH  # noqa: PLC0415
    from tcpwatchd.commands.config_zh import CONFIG_ZH  # noqa: PLC0415
    from tcpwatchd.commands.setup_zh import SETUP_ZH  # noqa: PLC0415

    rows = {**CHECK_ZH, **CONFIG_ZH, **SETUP_ZH}
    by_length = sorted(rows, key=lambda english: -len(english.replace("{}", "")))
    return (
        {english: rows[english] for english in by_length if "{}" not in english},
        tuple((_pattern(english), rows[english]) for english in by_length if "{}" in english),
    )


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("(.*?)".join(map(re.escape, english.split("{}"))), re.DOTALL)
