"""The eleven states by their kernel numbers, and counted sockets.

State numbers: include/net/tcp_states.h. Names: RFC 9293 section 3.3.2 and the spelling of Zabbix's
net.tcp.socket.count.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field

from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.cookies import Cookies


class State(enum.IntEnum):
    """A TCP state by its kernel number. TCP_NEW_SYN_RECV (12) never leaves the kernel: it is shown as 3."""

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT1 = 4
    FIN_WAIT2 = 5
    TIME_WAIT = 6
    CLOSE = 7
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11

    @property
    def parameter(self) -> str:
        """The state as a key parameter: `established`, `fin_wait1`, …"""
        return self.name.lower()


@dataclass(frozen=True)
class Tally:
    """Sockets of one address family per state: `counts[state]`, twelve numbers, index 0 unused."""

    counts: tuple[int, ...] = (0,) * 12

    def __getitem__(self, state: State) -> int:
        return self.counts[state]

    def __add__(self, other: Tally) -> Tally:
        return Tally(tuple(map(operator.add, self.counts, other.counts)))


@dataclass(frozen=True)
class Listener:
    """A listening socket with `waiting` connections that its program has not accepted; `most` is its backlog.

    The kernel lets one more wait than the backlog says (sk_acceptq_is_full), and then drops what comes.
    """

    address: str
    waiting: int
    most: int

    @property
    def percent(self) -> float:
        """How full its queue is; at 100 it is."""
        return 100.0 * self.waiting / (self.most + 1)


@dataclass(frozen=True)
class Walk:
    """The result of one walk over the kernel's sockets, for the states that were asked for.

    `orphaned` counts FIN_WAIT2 sockets without a program, None if unknown. `minis` of them are small records
    like TIME_WAIT, and the kernel counts them as TIME_WAIT. `queues` are the listeners with connections in
    their accept queue, None if unknown. `unanswered` counts, per state, the sockets whose last segment was
    sent again and again without an answer, None if unknown. `cookies` are those of CLOSE_WAIT, and of
    FIN_WAIT2 if a program holds it.
    """

    ipv4: Tally
    ipv6: Tally
    orphaned: int | None = None
    minis: int = 0
    queues: tuple[Listener, ...] | None = None
    unanswered: Tally | None = None
    cookies: Mapping[State, Cookies] = field(default_factory=dict)

    def __getitem__(self, state: State) -> int:
        """Both families together."""
        return self.ipv4[state] + self.ipv6[state]

    def __add__(self, other: Walk) -> Walk:
        """The sum of two walks over different sockets; what is None in either is None."""
        known = self.orphaned is not None and other.orphaned is not None
        return Walk(
            self.ipv4 + other.ipv4,
            self.ipv6 + other.ipv6,
            (self.orphaned or 0) + (other.orphaned or 0) if known else None,
            self.minis + other.minis,
            None if self.queues is None or other.queues is None else self.queues + other.queues,
            None
            if self.unanswered is None or other.unanswered is None
            else self.unanswered + other.unanswered,
            {
                state: self.cookies.get(state, Cookies()) + other.cookies.get(state, Cookies())
                for state in self.cookies.keys() | other.cookies.keys()
            },
        )


@dataclass(frozen=True)
class Reading:
    """Sockets of this network namespace, per state in `sockets`, both families together.

    `families` are IPv4 and IPv6, None if they were not counted apart. `orphaned`, `queues`, `unanswered` and
    `cookies` are as in Walk. `audit` is the number of sockets by which counters and walk differ beyond what
    changed meanwhile, None without an audit.
    """

    sockets: Tally
    families: tuple[Tally, Tally] | None
    orphaned: int | None
    queues: tuple[Listener, ...] | None
    audit: int | None = None
    unanswered: Tally | None = None
    cookies: Mapping[State, Cookies] = field(default_factory=dict)

    @classmethod
    def of(cls, walk: Walk, audit: int | None = None) -> Reading:
        """What a walk of all states says by itself."""
        families = (walk.ipv4, walk.ipv6)
        sockets = walk.ipv4 + walk.ipv6
        return cls(sockets, families, walk.orphaned, walk.queues, audit, walk.unanswered, walk.cookies)

    @property
    def held(self) -> int | None:
        """FIN_WAIT2 sockets that a program holds; None if unknown."""
        return None if self.orphaned is None else self.sockets[State.FIN_WAIT2] - self.orphaned


@dataclass(frozen=True)
class CounterSample:
    """What the kernel says between two walks, at the same small cost for any number of connections.

    `sockets` per state, both families together, for the states that can be told so; `queues` as in Walk.
    """

    sockets: Mapping[State, int]
    queues: tuple[Listener, ...] | None


@dataclass(frozen=True)
class Snapshot:
    """One whole sample of this host.

    `at_s` is the steady clock at the sample, `stamp` the wall clock. `unconnected` counts sockets that
    exist but are in no table of the kernel (state CLOSE); None means this host cannot tell.
    """

    stamp: Stamp
    at_s: float
    backend: str
    reading: Reading
    unconnected: int | None

    def total(self, state: State) -> int | None:
        """Sockets in `state`, both families together; None only for CLOSE, if unknown."""
        return self.unconnected if state is State.CLOSE else self.reading.sockets[state]

    def of_family(self, state: State) -> tuple[int, int] | None:
        """The same as (IPv4, IPv6); None if they were not counted apart, and always for CLOSE."""
        if state is State.CLOSE or self.reading.families is None:
            return None
        ipv4, ipv6 = self.reading.families
        return ipv4[state], ipv6[state]
