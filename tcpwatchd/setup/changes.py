"""Asks Zabbix, and changes what is not as it should be: a line for each change, made or due."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tcpwatchd.setup.api import Call, SetupError

_AT_ONCE = 100
NEW = "0"
"""The id of what a dry run has not created."""


class Changes:
    """`say` takes a line for a person. With `dry_run` nothing is changed. `made` counts the changes."""

    def __init__(self, call: Call, say: Callable[[str], None], dry_run: bool = False) -> None:
        self._call = call
        self.say = say
        self.dry_run = dry_run
        self.made = 0
        self._due: set[str] = set()  # what a dry run would have created

    def ask(self, method: str, **params: Any) -> Any:
        """What a method that changes nothing returns."""
        return self._call(method, params)

    def zabbix_version(self) -> tuple[int, int]:
        """Such as (7, 0)."""
        major, minor, *_ = self.ask("apiinfo.version").split(".")
        return int(major), int(minor)

    def only(self, what: str, method: str, **params: Any) -> Mapping[str, Any] | None:
        """The one object that there is, None if there is none. SetupError if there are several."""
        found = self.ask(method, **params)
        if len(found) > 1:
            raise SetupError(f"there are {len(found)} of {what} in Zabbix", "one is expected")
        return found[0] if found else None

    def change(self, words: str, method: str, params: Any) -> Any:
        """Changes something and says so; None in a dry run."""
        self.made += 1
        if self.dry_run:
            self.say(f"would {words}")
            return None
        answer = self._call(method, params)
        self.say(_done(words))
        return answer

    def create(self, words: str, method: str, params: Mapping[str, Any], ids: str) -> str:
        """Creates something and returns its id; `ids` is what the answer calls it."""
        if words in self._due:
            return NEW
        if self.dry_run:
            self._due.add(words)
        answer = self.change(words, method, params)
        return NEW if answer is None else str(answer[ids][0])

    def many(
        self, words: Sequence[str], method: str, params: Sequence[Any], pack: Callable[[Any], Any]
    ) -> None:
        """The same method for each of many things, a hundred in a call; `pack` makes one call of some."""
        for begin in range(0, len(params), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            if not self.dry_run:
                self._call(method, pack(params[some]))
            for line in words[some]:
                self.say(f"would {line}" if self.dry_run else _done(line))
            self.made += len(words[some])
            if len(params) > _AT_ONCE:
                self.say(f"  {min(begin + _AT_ONCE, len(params))} of {len(params)}")

    def fine(self, words: str) -> None:
        """Says that something is as it should be."""
        self.say(f"ok: {words}")


_PAST = {
    "add": "added",
    "change": "changed",
    "convert": "converted",
    "create": "created",
    "import": "imported",
    "link": "linked",
    "restore": "restored",
    "update": "updated",
}


def _done(words: str) -> str:
    verb, _, rest = words.partition(" ")
    return f"{_PAST[verb]} {rest}"
