"""The contents of a spool in memory: rows, positions, refused values. The file follows it.

The newest rows are in memory (`MemoryBuffer`), older ones may be on disk alone (`DiskOnly`). `pending` is
what the file lacks, `written` marks what it has taken. No I/O, no lock, no thread.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from tcpwatchd.model.backlog_level import Backlog, Lost
from tcpwatchd.model.batch import Aside, Batch, Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.spool.disk_only import DiskOnly
from tcpwatchd.spool.memory_buffer import MemoryBuffer
from tcpwatchd.spool.schema import Row
from tcpwatchd.spool.spool_writer import Known, Pending, SetAsideState, Written

log = logging.getLogger(__name__)


class SpoolState:
    """`acked` are the positions; `latest` is stamp and epoch of the last push ever appended."""

    def __init__(self, destinations: Sequence[str]) -> None:
        self.acked = dict.fromkeys(destinations, 0)
        self.latest: tuple[Stamp, int] | None = None
        self.aside: dict[str, SetAsideState] = {}
        self.opened = False
        self.size_bytes = 0
        self.bounds: tuple[int, int] | None = None
        self._memory = MemoryBuffer()
        self._on_disk = DiskOnly()
        self._last_id = self._sendable_id = 0
        self._troubles: dict[str, tuple[str, int]] = {}
        # Of these, and of the positions, what the file has or does not have.
        self._new_troubles: dict[str, tuple[str, int]] = {}
        self._positions: dict[str, int] = {}
        self._directed = True
        self._damages = 0
        self._unreadable: set[int] = set()
        self._lost = Lost()

    def direct(self, destinations: Sequence[str]) -> None:
        """Sets the destinations; positions of those already known stay."""
        self.acked = {name: self.acked.get(name, 0) for name in destinations}
        self._directed = True

    def append(self, host: str, values: Sequence[Value], at_most: int, epoch: int) -> None:
        """Adds one push, in rows of `at_most` values."""
        for begin in range(0, len(values), at_most):
            self._last_id += 1
            self._memory.add(Row.of(self._last_id, host, values[begin : begin + at_most]))
        if values:
            self.latest = (values[-1].stamp, epoch)

    @property
    def disk_only_id(self) -> int:
        """Rows up to this one are not in memory."""
        return self._on_disk.through_id

    def in_memory_batch(self, after_id: int, at_most: int) -> Batch | None:
        """The oldest values in memory after a row, of the rows that may be sent."""
        rows = (row for row in self._memory.rows(after_id) if row.row_id <= self._sendable_id)
        return self._batch(rows, at_most)

    def on_disk_batch(self, destination: str, rows: Sequence[Row], at_most: int, first: bool) -> Batch | None:
        """The oldest values of these rows, which were read from the disk; `first`: nothing of the destination
        waits before them.
        """
        if rows and first:
            self._on_disk.peeked(destination, rows)
        return self._batch(rows, at_most)

    def ack(self, destination: str, last_id: int, asides: Sequence[Aside] = ()) -> None:
        """Moves a position, never back; `asides` are stored as refused values."""
        if destination not in self.acked:
            return  # taken out of the configuration while its last batch was on the way
        last_id = self.acked[destination] = max(last_id, self.acked[destination])
        self._on_disk.acked(destination, last_id)
        for one in asides:
            self._memory.set_aside(destination, one)
        self._memory.drop_through(self._lowest)

    def note(self, destination: str, trouble: str, clock: int) -> None:
        """Keeps why delivery fails since `clock`."""
        self._troubles[destination] = self._new_troubles[destination] = (trouble, clock)

    def release(self) -> None:
        """What the disk does not take may be sent, and is bounded."""
        self._sendable_id = self._last_id
        self._lost += Lost(unwritten=self._memory.bound())

    def take_lost(self) -> Lost:
        """What was given up since this was last asked."""
        lost, self._lost = self._lost, Lost()
        return lost

    def backlog(self) -> tuple[Backlog, ...]:
        """What waits, one row a destination."""
        return tuple(map(self._waiting, self.acked))

    def unwritten_values(self) -> int:
        """Values that wait for some destination and are not on the disk."""
        return self._memory.values(self._lowest)

    def all_written(self) -> bool:
        """Whether the disk has everything that a destination waits for."""
        return self.opened and not self._memory.unwritten() and not self._memory.asides()

    def learn(self, known: Known, damages: int) -> None:
        """Takes what a file says that was just opened; `damages` were found so far."""
        if not self.opened:
            # Rows that came before the file could be seen come after those in it. Ids only grow
            # (AUTOINCREMENT), so 0 lies below every row that still waits.
            # A file that took a damaged one's place knows positions above any id of its own.
            last_id = max([known.last_id, *known.positions.values()])
            self._memory.shift(last_id)
            self._last_id += last_id
            self._sendable_id += last_id
            self._on_disk.through_id = last_id
            self._on_disk.counted({name: known.waiting.get(name, known.everything) for name in self.acked})
            positions = known.positions
            self.acked = {name: max(positions.get(name, 0), acked) for name, acked in self.acked.items()}
            self.latest = self.latest or known.latest
            self.aside = dict(known.aside)
            before = {name: (one.trouble, one.trouble_clock) for name, one in known.waiting.items()}
            self._troubles = {**before, **self._troubles}
        self.opened = True
        if damages != self._damages:
            # How much was in a damaged file cannot be told; what was on it alone is near.
            self._lost += Lost(damaged=(damages - self._damages) * max(1, self._on_disk.most_values()))
            self._damages = damages
            self._memory.rewrite()
        self._positions = {}
        self._directed = True

    def pending(self) -> Pending:
        """What the file does not have."""
        bounds, self.bounds = self.bounds, None  # they are given again at the next push
        return Pending(
            positions=dict(self.acked),
            moved={name: acked for name, acked in self.acked.items() if self._positions.get(name) != acked},
            directed=self._directed,
            rows=self._memory.unwritten(self._lowest),
            asides=self._memory.asides(),
            latest=self.latest,
            notes=dict(self._new_troubles),
            bounds=bounds,
            last_id=self._last_id,
            disk_only_id=self._on_disk.through_id,
        )

    def written(self, pending: Pending, written: Written) -> None:
        """The file has what was pending; `written` is what came of it."""
        self._positions = dict(pending.positions)
        self._directed = self._directed and pending.positions.keys() != self.acked.keys()
        self._new_troubles = {
            name: note for name, note in self._new_troubles.items() if pending.notes.get(name) != note
        }
        self.size_bytes = written.size_bytes
        self._lost += written.lost
        self.aside.update(written.aside or {})
        if written.waiting is not None:
            self._on_disk.counted(written.waiting)
        if written.trimmed_id:
            self._memory.drop_through(written.trimmed_id)
            self.acked = {name: max(acked, written.trimmed_id) for name, acked in self.acked.items()}
        left = self._memory.written(pending.last_id, len(pending.asides))
        self._on_disk.add(left, self.acked)
        self._sendable_id = max(self._sendable_id, pending.last_id)

    @property
    def _lowest(self) -> int:
        """The position of the destination that is furthest behind."""
        return min(self.acked.values())

    def _waiting(self, destination: str) -> Backlog:
        on_disk = self._on_disk.waiting(destination)
        held = list(self._memory.rows(max(self.acked[destination], self._on_disk.through_id)))
        aside = self.aside.get(destination, SetAsideState())
        trouble, trouble_clock = self._troubles.get(destination, ("", 0))
        in_memory_clock = held[0].clock if held else None
        return Backlog(
            destination,
            values=on_disk.values + sum(row.values for row in held),
            pushes=on_disk.pushes + len(held),
            size_bytes=on_disk.size_bytes + sum(len(row.body) for row in held),
            oldest_clock=on_disk.oldest_clock if on_disk.pushes else in_memory_clock,
            trouble=trouble,
            trouble_clock=trouble_clock,
            aside=aside.refused,
            doubted=sum(len(doubt.keys) for doubt in aside.doubts),
        )

    def _batch(self, rows: Iterable[Row], at_most: int) -> Batch | None:
        host, values, last_id = "", list[Value](), 0
        for row in rows:
            if values and (row.host != host or len(values) + row.values > at_most):
                break
            host, last_id = row.host, row.row_id
            values += self._decoded(row)
        return Batch(host, tuple(values), last_id) if values else None

    def _decoded(self, row: Row) -> list[Value]:
        """The values of a row. One that cannot be read is passed over, said and counted, once."""
        decoded = row.decoded()
        if decoded is None and row.row_id not in self._unreadable:
            self._unreadable.add(row.row_id)
            self._lost += Lost(damaged=row.values)
            log.error("the spool: a row of %d values is damaged and is discarded", row.values)
        return decoded or []
