"""What one push period held: statistics of each state, limits, queues, and what inspections found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tcpwatchd.model.backlog_level import Level, Lost
from tcpwatchd.model.sockets import Listener, Snapshot, State, Tally


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
