"""Formats the holders of a state as one line, and tracks how long each socket has existed.

A socket is recognised by its cookie: most sockets of a leak are old, those of a burst are new. Where a state
has very many sockets, a sample of them is looked at, and numbers are written with a tilde. No I/O; the
programs behind the inodes are passed in.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from tcpwatchd.diagnosis.holder_dump import Holder
from tcpwatchd.model.sockets import State
from tcpwatchd.model.units import format_duration

# A text item of Zabbix takes 255 characters, and a person in an alarm fewer still.
_MOST_CHARACTERS = 255
_MOST_NAMED = 5
# What has stood for so long did not come with a burst.
OLD_S = 600.0


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


class Ages:
    """Since when each socket of a state has been seen, look after look."""

    def __init__(self) -> None:
        self._seen: dict[State, _Seen] = {}

    def look(self, state: State, cookies: Iterable[int], now_s: float) -> tuple[Callable[[int], bool], float]:
        """What says of a cookie among `cookies` whether its socket is old, and the age in seconds that this
        stands for: OLD_S, or less where looks at this state do not reach back so far; 0 at the first.
        """
        before = self._seen.get(state) or _Seen(now_s, array("Q"), array("d"))
        ordered = array("Q", sorted(cookies))
        first_s = array("d")
        for cookie in ordered:
            since_s = before.since_s(cookie)
            first_s.append(now_s if since_s is None else since_s)
        seen = self._seen[state] = _Seen(before.began_s, ordered, first_s)
        reach_s = min(OLD_S, now_s - seen.began_s)

        def is_old(cookie: int) -> bool:
            since_s = seen.since_s(cookie)
            return reach_s > 0 and since_s is not None and now_s - since_s >= reach_s

        return is_old, max(0.0, reach_s)

    def forget(self, state: State) -> None:
        """Nobody looks at this state any more."""
        self._seen.pop(state, None)


class Program(NamedTuple):
    """A process by its number, with a name."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name}[{self.pid}]"


def names_of(
    holders: Iterable[Holder],
    program: Callable[[int], Program | None],
    user: Callable[[int], str],
    ephemeral: tuple[int, int],
) -> Iterator[str]:
    """For each socket who holds it: the program behind its inode, else user and port.

    The port is the one that others know too: of the two the one that is not `ephemeral` (first, last).
    """
    first, last = ephemeral
    users: dict[int, str] = {}
    for one in holders:
        where = f"port {one.local_port}"
        if first <= one.local_port <= last and not first <= one.remote_port <= last:
            where = f"to port {one.remote_port}"
        if not one.inode:
            yield f"not accepted at {where}"
        elif (known := program(one.inode)) is not None:
            yield str(known)
        else:
            if one.uid not in users:
                users[one.uid] = user(one.uid)
            yield f"user {users[one.uid]} {where}"


@dataclass
class Shares:
    """How many sockets each holder has, and how many of them are old. `beyond` were not looked at. Each
    socket stands for `scale`: 1, or more where they are a sample.
    """

    scale: float = 1.0
    beyond: int = 0
    held: Counter[str] = field(default_factory=Counter)
    old: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, is_old: bool) -> None:
        """One socket more."""
        self.held[name] += 1
        if is_old:
            self.old[name] += 1

    def number(self, sockets: int) -> str:
        """As it is written."""
        return f"{sockets}" if self.scale == 1 else f"~{round(sockets * self.scale)}"


def line(shares: Shares, age_s: float) -> str:
    """`java[4211] 4031 (3950 for 10m), nginx[88] 12`: holders, their sockets, and how many of these are old;
    of a sample `java[4211] ~40310`.
    """
    parts, others = [], sum(shares.held.values()) + shares.beyond
    for name, sockets in shares.held.most_common(_MOST_NAMED):
        old = shares.old[name]
        age = f" ({shares.number(old)} for {format_duration(age_s)})" if old else ""
        parts.append(f"{name} {shares.number(sockets)}{age}")
        others -= sockets
    if others:
        parts.append(f"others {shares.number(others)}")
    text = ", ".join(parts)
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"


UNTOLD = "cannot be told without netlink"
ELSEWHERE = "none in this network namespace: they belong to other namespaces of this host"
UNSEEN = "none that may be seen without CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"


FEWER = "fewer than "


def few(threshold: int) -> str:
    """What is said of a state that has not passed its threshold."""
    return f"{FEWER}{threshold}"


class CulpritText(NamedTuple):
    """What a state's many sockets are, in the name of its item."""

    title: str
    meaning: str


MEANING = (
    "From culprits.threshold sockets on, every intervals.culprits. Programs are named if the daemon has "
    "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, otherwise user and port. In brackets: how many sockets are old. "
    "In a leak most are old, in a burst none. A tilde means that the number is estimated from a sample."
)
RISE = "A program with far more sockets than the others, most of them old, has a leak."
LOOK = (
    "The log of that program, and its limit of open files: `ls /proc/PID/fd | wc -l`, `grep files "
    "/proc/PID/limits`. A restart helps at once; a timeout or a close() in its code helps permanently."
)
DEFAULT_CULPRITS = (State.CLOSE_WAIT, State.FIN_WAIT2, State.SYN_SENT, State.CLOSE)
CULPRITS: Mapping[State, CulpritText] = MappingProxyType(
    {
        State.CLOSE_WAIT: CulpritText(
            "Holders of CLOSE_WAIT sockets",
            "Programs that do not close connections that their peers have closed.",
        ),
        State.FIN_WAIT2: CulpritText(
            "Holders of FIN_WAIT2 sockets",
            "Programs that have shut down their sending side and still hold the socket.",
        ),
        State.SYN_SENT: CulpritText(
            "Holders of SYN_SENT sockets", "Programs whose connection attempts are not answered."
        ),
        State.ESTABLISHED: CulpritText("Holders of ESTABLISHED sockets", "Programs with most connections."),
        State.CLOSE: CulpritText(
            "Holders of CLOSE sockets",
            "Programs that hold sockets without a connection. Both capabilities are needed to see them.",
        ),
    }
)
