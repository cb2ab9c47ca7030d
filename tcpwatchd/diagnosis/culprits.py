"""Formats the holders of a state as one line.

Where a state has very many sockets, a sample of them is looked at, and numbers are written with a tilde. No
I/O; the programs behind the inodes are passed in.
"""

from __future__ import annotations

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
