"""Bounded in-memory buffer for rows, and for refused values, of a spool.

A row is here from its push on. When the disk has it, it may be removed to make room. Before that it is
removed only when every destination has it, or when the buffer is full: then it is lost and counted. No I/O.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain

from tcpwatchd.model.batch import Aside
from tcpwatchd.spool.schema import Row

# Of what the disk does not have: about 330 pushes of the default configuration, more than five hours.
_MOST_BYTES = 1024**2
# Of what it has as well: what a server takes late is sent from here, though the disk hangs meanwhile.
_MOST_WRITTEN_BYTES = 128 * 1024
_ASIDE_BYTES = 200  # about what one value set aside takes


class _Rows:
    """Rows in the order of their ids, and the bytes of their bodies."""

    def __init__(self) -> None:
        self.rows: deque[Row] = deque()
        self.size_bytes = 0

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.size_bytes += len(row.body)

    def take(self) -> Row:
        row = self.rows.popleft()
        self.size_bytes -= len(row.body)
        return row

    def drop_through(self, row_id: int) -> None:
        while self.rows and self.rows[0].row_id <= row_id:
            self.take()


class MemoryBuffer:
    """Rows that the disk has, then rows that it does not have yet, and refused values."""

    def __init__(self) -> None:
        self._written = _Rows()
        self._unwritten = _Rows()
        self._asides: deque[tuple[str, Aside]] = deque()
        self._asides_bytes = 0

    def add(self, row: Row) -> None:
        """Adds a row at the end; the disk does not have it."""
        self._unwritten.add(row)

    def set_aside(self, destination: str, aside: Aside) -> None:
        """Adds values set aside for a destination at the end; the disk does not have them."""
        self._asides.append((destination, aside))
        self._asides_bytes += _ASIDE_BYTES * len(aside.values)

    def rows(self, after_id: int) -> Iterator[Row]:
        """Rows with a higher id, oldest first."""
        rows = chain(self._written.rows, self._unwritten.rows)
        return (row for row in rows if row.row_id > after_id)

    def unwritten(self, after_id: int = 0) -> tuple[Row, ...]:
        """Of these, the rows that the disk does not have."""
        return tuple(row for row in self._unwritten.rows if row.row_id > after_id)

    def asides(self) -> tuple[tuple[str, Aside], ...]:
        """Destination and what was set aside for it, oldest first."""
        return tuple(self._asides)

    def drop_through(self, row_id: int) -> None:
        """Drops the rows up to this id: no destination waits for them."""
        self._written.drop_through(row_id)
        self._unwritten.drop_through(row_id)

    def shift(self, ids: int) -> None:
        """Adds `ids` to every id, because older rows were found on disk after these had come."""
        for held in (self._written, self._unwritten):
            held.rows = deque(row._replace(row_id=row.row_id + ids) for row in held.rows)

    def written(self, through_id: int, asides: int) -> list[Row]:
        """The disk has the rows up to this id now, and the first `asides` entries set aside. Returns the rows
        that leave the buffer for that, oldest first.
        """
        while self._unwritten.rows and self._unwritten.rows[0].row_id <= through_id:
            self._written.add(self._unwritten.take())
        for _ in range(min(asides, len(self._asides))):
            self._forget_aside()
        left = []
        while self._written.size_bytes > _MOST_WRITTEN_BYTES:
            left.append(self._written.take())
        return left

    def rewrite(self) -> None:
        """The disk has lost everything: whatever is here is to be written again."""
        again, self._written = self._written, _Rows()
        for row in self._unwritten.rows:
            again.add(row)
        self._unwritten = again

    def bound(self) -> int:
        """Gives up the oldest of what the disk does not have until the rest fits; returns how many values."""
        lost = 0
        while self._unwritten.size_bytes + self._asides_bytes > _MOST_BYTES:
            if self._asides:
                lost += self._forget_aside()
            elif len(self._unwritten.rows) > 1:
                lost += self._unwritten.take().values
            else:
                break
        return lost

    def values(self, after_id: int = 0) -> int:
        """Values here that the disk does not have: those set aside, and of rows with a higher id."""
        rows = sum(row.values for row in self.unwritten(after_id))
        return rows + sum(len(aside.values) for _, aside in self._asides)

    def _forget_aside(self) -> int:
        values = len(self._asides.popleft()[1].values)
        self._asides_bytes -= _ASIDE_BYTES * values
        return values
