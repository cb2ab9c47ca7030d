"""Formats the holders of a state as one line, and tracks how long each socket has existed.

A socket is recognised by its cookie: most sockets of a leak are old, those of a burst are new. No I/O; the
programs behind the inodes are passed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
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


class Ages:
    """Since when each socket of a state has been seen, look after look."""

    def __init__(self) -> None:
        self._first_s: dict[State, dict[bytes, float]] = {}
        self._began_s: dict[State, float] = {}

    def look(self, state: State, cookies: Sequence[bytes], now_s: float) -> tuple[frozenset[bytes], float]:
        """Those of `cookies` that are old, and the age in seconds that this stands for: OLD_S, or less where
        looks at this state do not reach back so far; 0 at the first.
        """
        before = self._first_s.get(state, {})
        seen = {cookie: before.get(cookie, now_s) for cookie in cookies}
        self._first_s[state] = seen
        reach_s = min(OLD_S, now_s - self._began_s.setdefault(state, now_s))
        if not reach_s:
            return frozenset(), 0.0
        return frozenset(cookie for cookie, first_s in seen.items() if now_s - first_s >= reach_s), reach_s

    def forget(self, state: State) -> None:
        """Nobody looks at this state any more."""
        self._first_s.pop(state, None)
        self._began_s.pop(state, None)


class Program(NamedTuple):
    """A process by its number, with a name."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name}[{self.pid}]"


def names_of(
    holders: Iterable[Holder],
    programs: Mapping[int, Program],
    user: Callable[[int], str],
    ephemeral: tuple[int, int],
) -> list[str]:
    """For each socket who holds it: the program behind its inode, else user and port.

    The port is the one that others know too: of the two the one that is not `ephemeral` (first, last).
    """
    first, last = ephemeral
    users: dict[int, str] = {}
    named = []
    for one in holders:
        where = f"port {one.local_port}"
        if first <= one.local_port <= last and not first <= one.remote_port <= last:
            where = f"to port {one.remote_port}"
        if not one.inode:
            named.append(f"not accepted at {where}")
        elif one.inode in programs:
            named.append(str(programs[one.inode]))
        else:
            if one.uid not in users:
                users[one.uid] = user(one.uid)
            named.append(f"user {users[one.uid]} {where}")
    return named


def line(names: Sequence[str], old: Sequence[bool], age_s: float, beyond: int = 0) -> str:
    """`java[4211] 4031 (3950 for 10m), nginx[88] 12`: holders, their sockets, and how many of these are
    old.

    `names` and `old` have one entry for each socket; `beyond` is the number of further sockets, not looked
    at.
    """
    held, stood = Counter(names), Counter(name for name, is_old in zip(names, old) if is_old)
    parts, others = [], len(names) + beyond
    for name, sockets in held.most_common(_MOST_NAMED):
        age = f" ({stood[name]} for {format_duration(age_s)})" if stood[name] else ""
        parts.append(f"{name} {sockets}{age}")
        others -= sockets
    if others:
        parts.append(f"others {others}")
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
    "In a leak most are old, in a burst none."
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
