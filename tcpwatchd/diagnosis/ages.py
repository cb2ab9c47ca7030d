"""How long sockets have existed, told by their cookies from look to look.

Most sockets of a leak are old, those of a burst are new. Here a socket is as old as it is known. No I/O.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge
from itertools import islice
from typing import NamedTuple

from tcpwatchd.model.cookies import Cookies
from tcpwatchd.model.sockets import State

# What has stood for so long did not come with a burst; culprits.age by default.
OLD_S = 600.0
# So many are sorted as Python's objects at a time, which take five times what an array does.
_SORTED_AT_ONCE = 2048


class _Seen(NamedTuple):
    """Sockets by their cookies, in order, and since when each has been seen; 16 bytes a socket."""

    began_s: float
    cookies: array[int]
    first_s: array[float]

    def since_s(self, cookie: int) -> float | None:
        """When a socket was seen first; None if it was not."""
        place = bisect_left(self.cookies, cookie)
        if place < len(self.cookies) and self.cookies[place] == cookie:
            return self.first_s[place]
        return None


class Look(NamedTuple):
    """One look at a state: which sockets are old, how many, and the age in seconds that this stands for."""

    is_old: Callable[[int], bool]
    old: int
    age_s: float


class Ages:
    """Since when each socket of a state has been seen, look after look."""

    def __init__(self) -> None:
        self._seen: dict[State, _Seen] = {}

    def look(self, state: State, cookies: Iterable[int], now_s: float, old_s: float = OLD_S) -> Look:
        """Which of these have been seen for `old_s`. Where looks at this state do not reach back so far,
        those are old that were there at the first look, and none at that look itself.
        """
        before = self._seen.get(state) or _Seen(now_s, array("Q"), array("d"))
        ordered = _in_order(cookies)
        first_s = array("d")
        for cookie in ordered:
            since_s = before.since_s(cookie)
            first_s.append(now_s if since_s is None else since_s)
        seen = self._seen[state] = _Seen(before.began_s, ordered, first_s)
        reach_s = min(old_s, now_s - seen.began_s)
        if reach_s <= 0:
            return Look(lambda _cookie: False, 0, 0.0)
        latest_s = now_s - reach_s

        def is_old(cookie: int) -> bool:
            since_s = seen.since_s(cookie)
            return since_s is not None and since_s <= latest_s

        return Look(is_old, sum(since_s <= latest_s for since_s in first_s), reach_s)

    def forget(self, state: State) -> None:
        """Nobody looks at this state any more."""
        self._seen.pop(state, None)

    def to_json(self) -> str:
        """All of it, for a process that goes on with it."""
        kept = {
            state.parameter: (seen.began_s, list(seen.cookies), list(seen.first_s))
            for state, seen in self._seen.items()
        }
        return json.dumps(kept)

    def from_json(self, text: str) -> None:
        """Goes on with what `to_json` gave; ValueError for anything else, and nothing is changed then."""
        read = {}
        try:
            for name, (began_s, cookies, first_s) in json.loads(text).items():
                seen = _Seen(float(began_s), array("Q", cookies), array("d", first_s))
                if len(cookies) != len(first_s) or cookies != sorted(cookies):
                    raise ValueError("they are not in order")
                read[State[name.upper()]] = seen
        except (TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ValueError(f"these are no ages: {error}") from error
        self._seen = read


def _in_order(cookies: Iterable[int]) -> array[int]:
    rest = iter(cookies)
    pieces: Iterator[array[int]] = iter(lambda: array("Q", sorted(islice(rest, _SORTED_AT_ONCE))), array("Q"))
    return array("Q", merge(*pieces))


class OldSockets:
    """How many sockets of a state are old, from what samples say of it; `ages` are theirs."""

    def __init__(self) -> None:
        self.ages = Ages()

    def count(
        self, cookies: Mapping[State, Cookies], now_s: float, old_s: float = OLD_S
    ) -> Mapping[State, int]:
        """Sockets known for `old_s` or longer; a state is absent until samples reach back so far."""
        old = {}
        for state, one in cookies.items():
            look = self.ages.look(state, one.kept, now_s, old_s)
            if look.age_s >= old_s:
                old[state] = look.old * one.scale
        return old
