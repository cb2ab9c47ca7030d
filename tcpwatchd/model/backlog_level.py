"""The state of the spool: what waits for each destination, how full it is, and what was discarded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Backlog:
    """The values that wait in the spool for one destination. `oldest_clock` is None if none waits.

    `trouble` is why delivery fails, since `trouble_clock`; empty while it works. `aside` has each refused key
    with the number of its values, stored until the key is accepted. `doubted` counts the values of requests
    in which some were refused and it is not known yet which.
    """

    destination: str
    values: int
    pushes: int
    size_bytes: int
    oldest_clock: int | None
    trouble: str = ""
    trouble_clock: int = 0
    aside: Mapping[str, int] = field(default_factory=dict)
    doubted: int = 0


def oldest_age_s(backlog: Iterable[Backlog], now_clock: int) -> int:
    """Age of the oldest value that waits, 0 if none does; `now_clock` in Unix seconds."""
    oldest = [waiting.oldest_clock for waiting in backlog if waiting.oldest_clock is not None]
    return max(0, now_clock - min(oldest)) if oldest else 0


@dataclass(frozen=True)
class Lost:
    """Values that were given up undelivered, by cause.

    `by_age`, `by_size`: the spool's bounds; `refused`: set aside to the end; `unwritten`: the
    disk took nothing and memory was full; `damaged`: what was in a damaged spool, as far as known.
    """

    by_age: int = 0
    by_size: int = 0
    refused: int = 0
    unwritten: int = 0
    damaged: int = 0

    def __add__(self, other: Lost) -> Lost:
        return Lost(
            self.by_age + other.by_age,
            self.by_size + other.by_size,
            self.refused + other.refused,
            self.unwritten + other.unwritten,
            self.damaged + other.damaged,
        )

    def __bool__(self) -> bool:
        return self != Lost()


@dataclass(frozen=True)
class Level:
    """How full the spool is: `values` and `age_s` of the destination that is furthest behind, the bytes in
    use, and the keys that some server refuses with the values `set_aside` for them. `in_memory` are values
    that the disk does not have, `disk_hangs_s` is for how long it has not answered.
    """

    values: int
    age_s: int
    size_bytes: int
    refused_keys: int
    set_aside: int
    in_memory: int
    disk_hangs_s: int


@dataclass(frozen=True)
class Held:
    """`values` of the spool at `spool` are in memory only, because the disk has taken nothing since
    `since_clock` (Unix seconds). While it `hangs`, a process that touches the disk waits and cannot be
    killed.
    """

    spool: str
    values: int
    hangs: bool
    since_clock: int
