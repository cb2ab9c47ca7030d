"""The nouns: what travels between modules, and nothing that acts.

Alone knows what fields each stage hands to the next. Must not do I/O, read a clock, or know Zabbix keys. What
is counted of sockets is in `sockets`, what is kept on disk in `levels`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar, Union

from tcpwatchd.model.backlog_level import Level, Lost
from tcpwatchd.model.sockets import Listener, Reading, State, Tally

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, order=True)
class Stamp:
    """When a value was true: `clock` in Unix seconds and `ns` within that second, 1 to 999999999.

    Never 0: Zabbix 7.0 takes ns 0 for "no ns" and invents one, and a resend would be a second history row.
    """

    clock: int
    ns: int

    @classmethod
    def of(cls, wall_ns: int, life: int = 0) -> Stamp:
        """The stamp of a wall-clock reading in nanoseconds since the epoch, to the microsecond.

        The last three digits tell how often the clock had been set back before: a second that comes twice
        is not the same stamp twice, not even on a host whose clock ticks coarsely.
        """
        clock, ns = divmod(wall_ns, NS_PER_S)
        return cls(clock, ns - ns % 1000 + 1 + life % 999)

    def again(self, life: int) -> Stamp:
        """The same microsecond in another life of the clock."""
        return Stamp.of(self.clock * NS_PER_S + self.ns, life)

    def within_protocol(self) -> bool:
        """Whether Zabbix takes it: 31 bits of seconds, which end in 2038."""
        return 0 < self.clock < 2**31


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
        """Sockets in `state`, both families together; None only for CLOSE where it cannot be told."""
        return self.unconnected if state is State.CLOSE else self.reading.sockets[state]

    def of_family(self, state: State) -> tuple[int, int] | None:
        """The same as IPv4 and IPv6; None where they are not told apart, as never for CLOSE."""
        if state is State.CLOSE or self.reading.families is None:
            return None
        ipv4, ipv6 = self.reading.families
        return ipv4[state], ipv6[state]


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
class Limit:
    """What is in use, and the most that the kernel allows."""

    used: int
    most: int

    @property
    def percent(self) -> float | None:
        """None where nothing is allowed, and so nothing can be told."""
        return 100.0 * self.used / self.most if self.most > 0 else None


@dataclass(frozen=True)
class AcceptQueues:
    """Of all samples of a window the worst: the listener with the fullest accept queue, None where nobody
    waited at any, and how many listeners were nearly full or full at once.
    """

    fullest: Listener | None
    nearly_full: int
    full: int


@dataclass(frozen=True)
class Ports:
    """Local ports `used` by connections from one `local` address to one `remote` one and its port, of those
    `usable`; the destination where they are most, empty texts where there is none.
    """

    remote: str
    local: str
    used: int
    usable: int

    @property
    def percent(self) -> float | None:
        """None where none is usable."""
        return 100.0 * self.used / self.usable if self.usable > 0 else None


@dataclass(frozen=True)
class Namespace:
    """Another network namespace of this host, as its counters have it. `established` is what the kernel calls
    CurrEstab, and on some holds CLOSE_WAIT too; `listen_overflows` counts since the namespace was made.
    """

    established: int
    time_wait: int
    in_use: int
    listen_overflows: int


@dataclass(frozen=True)
class Findings:
    """What closer looks at a push have found; None or absent: not looked at this time, or not to be told.

    `culprits` say who holds the sockets of a state, in words; `services` are the sockets of each per
    state; `namespaces` are those of the host but ours.
    """

    ports: Ports | None = None
    culprits: Mapping[State, str] = field(default_factory=dict)
    services: Mapping[str, Tally] = field(default_factory=dict)
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)


@dataclass(frozen=True)
class Window:
    """What one push period held: statistics per state (absent: not one whole sample) and how it went.

    `samples` were whole, `dropped` were not, `missed` ticks passed while the daemon was busy or asleep,
    `spared` were left out to keep to the budget. `latest` is the last whole sample, None if there was none;
    `audit` the most by which counters and walk disagreed, None if they were not compared; `queues` are
    None where they cannot be told. `increases` are those of the kernel's counters since the push before,
    `limits` what was read for this one, by name. `found` is what closer looks brought, `found_before` what
    they had brought at the push before; nothing across a gap.
    """

    latest: Snapshot | None
    states: Mapping[State, Statistics]
    samples: int
    dropped: int
    missed: int
    spared: int = 0
    audit: int | None = None
    queues: AcceptQueues | None = None
    increases: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    found: Findings = Findings()
    found_before: Findings = Findings()


@dataclass(frozen=True)
class Vitals:
    """The daemon about itself at one push; the counts are since the push before.

    `cpu_percent` is None at the first push; `spool` where the disk cannot be read. `sample_interval_s` is the
    one in use, `failures` are parts of a push that failed.
    """

    version: str
    backend: str
    mode: str
    uptime_s: int
    cpu_percent: float | None
    sample_interval_s: float
    sample_cpu_s: float
    rss_bytes: int | None
    spool: Level | None
    lost: Lost
    refused: int
    clock_steps: int
    failures: int


@dataclass(frozen=True)
class Value:
    """One number or text for one item, as Zabbix takes it: always text, always with its own stamp."""

    key: str
    text: str
    stamp: Stamp


@dataclass(frozen=True)
class Batch:
    """At most one trapper request: values of one host, oldest first. Delivered means up to `last_id`.

    A `question` asks whether the server takes values of these keys, and gives it none.
    """

    host: str
    values: tuple[Value, ...]
    last_id: int
    question: bool = False


@dataclass(frozen=True)
class Aside:
    """Values not to be forgotten though a position moves past them.

    `refused` None: each of them is of a key that is refused; a number: so many of them were refused, and it
    is not known yet which.
    """

    host: str
    values: tuple[Value, ...]
    refused: int | None = None


@dataclass(frozen=True)
class Doubt:
    """A batch in doubt: its `keys`, one for each value, of which `refused` values were not taken."""

    doubt_id: int
    keys: tuple[str, ...]
    refused: int


@dataclass(frozen=True)
class Delivered:
    """The server answered for every value: `processed` taken, `refused` (it never says which) not.

    `processed` is 0 where it took none: then it does not know the host, or none of these keys.
    """

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
# What a metric is, before it is text; None where there is nothing to send.
Number = Union[int, float, str, None]

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class NumberText(Generic[Seen]):
    """What is said of a number, and how it is read from what was seen. `kind` as in vitals."""

    title: str
    kind: str
    units: str
    meaning: str
    read: Callable[[Seen], Number]
