"""The nouns: what travels between modules, and nothing that acts.

Alone knows the eleven states by their kernel numbers and what fields each stage hands to the next. Must
not do I/O, read a clock, or know Zabbix keys. State numbers: include/net/tcp_states.h; names: RFC 9293
section 3.3.2 and the spelling of Zabbix's net.tcp.socket.count.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union


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


NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Stamp:
    """When a value was true: `clock` in Unix seconds and `ns` within that second, 1 to 999999999.

    Never 0: Zabbix 7.0 takes ns 0 for "no ns" and invents one, and a resend would be a second history row.
    """

    clock: int
    ns: int

    @classmethod
    def of(cls, wall_ns: int) -> Stamp:
        """The stamp of a wall-clock reading in nanoseconds since the epoch."""
        clock, ns = divmod(wall_ns, NS_PER_S)
        return cls(clock, ns or 1)


@dataclass(frozen=True)
class Tally:
    """Sockets of one address family per state: `counts[state]`, twelve numbers, index 0 unused."""

    counts: tuple[int, ...] = (0,) * 12

    def __getitem__(self, state: State) -> int:
        return self.counts[state]


@dataclass(frozen=True)
class Snapshot:
    """One whole sample of this host.

    `at_s` is the steady clock at the sample, `stamp` the wall clock. `unconnected` counts sockets that
    exist but are in no table of the kernel (state CLOSE); they have no family, so it stands apart. None
    means this host cannot tell.
    """

    stamp: Stamp
    at_s: float
    backend: str
    ipv4: Tally
    ipv6: Tally
    unconnected: int | None

    def total(self, state: State) -> int | None:
        """Sockets in `state`, both families together; None only for CLOSE where it cannot be told."""
        if state is State.CLOSE:
            return self.unconnected
        return self.ipv4[state] + self.ipv6[state]


@dataclass(frozen=True)
class Statistics:
    """One state over one window: sockets at its last sample, change since the push before, extremes, mean.

    `delta` is None at the first push and across a gap.
    """

    last: int
    delta: int | None
    minimum: int
    maximum: int
    average: float


@dataclass(frozen=True)
class Window:
    """What one push period held: statistics per state (absent: not one whole sample) and how it went.

    `samples` were whole, `dropped` were not, `missed` ticks passed while the daemon was busy or asleep.
    `stamp` is that of the last whole sample, None if there was none.
    """

    stamp: Stamp | None
    states: Mapping[State, Statistics]
    samples: int
    dropped: int
    missed: int


@dataclass(frozen=True)
class Backlog:
    """What waits in the spool for one destination. `oldest_clock` is None when nothing waits."""

    destination: str
    values: int
    pushes: int
    size_bytes: int
    oldest_clock: int | None


@dataclass(frozen=True)
class Vitals:
    """The daemon about itself at one push; the counts are since the push before.

    `cpu_percent` is None at the first push.
    """

    version: str
    backend: str
    uptime_s: int
    cpu_percent: float | None
    sample_cpu_s: float
    rss_bytes: int | None
    spool_values: int
    spool_age_s: int
    spool_size_bytes: int
    trimmed_by_age: int
    trimmed_by_size: int
    unspooled: int
    refused: int


@dataclass(frozen=True)
class Value:
    """One number or text for one item, as Zabbix takes it: always text, always with its own stamp."""

    key: str
    text: str
    stamp: Stamp


@dataclass(frozen=True)
class Batch:
    """At most one trapper request: values of one host, oldest first. Delivered means up to `last_id`."""

    host: str
    values: tuple[Value, ...]
    last_id: int


@dataclass(frozen=True)
class Delivered:
    """The server answered for every value: `processed` taken, `refused` (it never says which) not."""

    node: str
    processed: int
    refused: int


@dataclass(frozen=True)
class Deferred:
    """Nothing may be taken as delivered: `reason` says what happened, `todo` what a person can do."""

    node: str
    reason: str
    todo: str


Outcome = Union[Delivered, Deferred]
