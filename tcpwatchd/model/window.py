"""What one push period held: statistics of each state, limits, queues and inspections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tcpwatchd.model.sockets import Listener, Snapshot, State, Tally

# The statistics of a state, as the configuration names them; the last two need a full dump.
FAMILIES = ("ipv4", "ipv6")
STATISTIC_NAMES = ("value", "delta", "min", "max", "avg", *FAMILIES)
DEFAULT_STATISTICS = ("value", "delta", "max")


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
        """Use in per cent; None if the limit is 0."""
        return 100.0 * self.used / self.most if self.most > 0 else None


@dataclass(frozen=True)
class AcceptQueues:
    """The worst accept queues of all samples of a window: the fullest one (None if all were empty), the
    numbers of listeners that were nearly full or full at the same time, and the `others` that were full.
    """

    fullest: Listener | None
    nearly_full: int
    full: int
    others: tuple[Listener, ...] = ()


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
    CurrEstab, and on some holds CLOSE_WAIT too; `listen_overflows` counts since the namespace was made. `pod`
    and `container` are empty where it is of none.
    """

    established: int
    time_wait: int
    in_use: int
    listen_overflows: int
    pod: str = ""
    container: str = ""


@dataclass(frozen=True)
class Findings:
    """What inspections at a push have found. None or absent: not inspected at this push, or unknown.

    `culprits` has the holders of a state as text, `old` how many of its sockets are old, `services` the
    sockets of each service per state, `namespaces` the other network namespaces of the host.
    """

    ports: Ports | None = None
    culprits: Mapping[State, str] = field(default_factory=dict)
    old: Mapping[State, int] = field(default_factory=dict)
    services: Mapping[str, Tally] = field(default_factory=dict)
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)


@dataclass(frozen=True)
class Window:
    """What one push period held: statistics per state (absent without a whole sample), and how sampling went.

    `samples` were whole, `dropped` were not, `missed` ticks passed while the daemon was busy or asleep,
    `spared` passed without a walk to keep to the budget, and at `counter_samples` of these counters were read
    instead. `latest` is the last whole sample, None without one. `audit` is the largest difference between
    counters and walk, None without an audit. `queues` is None if unknown. `unanswered` has the most sockets
    of each state at one sample that get no answer; empty if unknown. `increases` has the kernel's counters
    since the push before, `limits` the limits that were read for this push. `found` is what inspections
    found, `found_before` the same of the push before; empty across a gap.
    """

    latest: Snapshot | None
    states: Mapping[State, Statistics]
    samples: int
    dropped: int
    missed: int
    spared: int = 0
    counter_samples: int = 0
    audit: int | None = None
    queues: AcceptQueues | None = None
    unanswered: Mapping[State, int] = field(default_factory=dict)
    increases: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    found: Findings = Findings()
    found_before: Findings = Findings()
