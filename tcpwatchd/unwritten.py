"""What the disk has not taken yet: rows and values set aside, in memory, as many as fit there.

Alone knows the bound and what is given up at it. Every push passes through here on its way to the disk; on
a good day it stays for one transaction. Pure: must not know SQLite or files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from tcpwatchd.model import Aside
from tcpwatchd.row import Row

# About 330 pushes of the default configuration: more than five hours with a full disk.
_MOST_BYTES = 1024**2
_ASIDE_BYTES = 200  # about what one value set aside takes


class Unwritten:
    """Rows in the order of their ids, and values set aside in the order in which they were."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque()
        self._asides: deque[tuple[str, Aside]] = deque()
        self._bytes = 0

    def __bool__(self) -> bool:
        return bool(self._rows or self._asides)

    def add(self, row: Row) -> None:
        """At the end."""
        self._rows.append(row)
        self._bytes += len(row.body)

    def set_aside(self, destination: str, aside: Aside) -> None:
        """At the end."""
        self._asides.append((destination, aside))
        self._bytes += _ASIDE_BYTES * len(aside.values)

    def rows(self, after_id: int) -> Iterator[Row]:
        """Rows with a higher id, oldest first."""
        return (row for row in self._rows if row.row_id > after_id)

    def asides(self) -> Iterator[tuple[str, Aside]]:
        """Destination and what was set aside for it, oldest first."""
        return iter(self._asides)

    def drop_through(self, row_id: int) -> None:
        """Nobody waits for these rows any more."""
        while self._rows and self._rows[0].row_id <= row_id:
            self._bytes -= len(self._rows.popleft().body)

    def shift(self, ids: int) -> None:
        """These rows come after others, of which nothing was known when they came."""
        self._rows = deque(row._replace(row_id=row.row_id + ids) for row in self._rows)

    def bound(self) -> int:
        """Gives up the oldest until the rest fits; returns how many values that was."""
        lost = 0
        while self._bytes > _MOST_BYTES and self._asides:
            aside = self._asides.popleft()[1]
            self._bytes -= _ASIDE_BYTES * len(aside.values)
            lost += len(aside.values)
        while self._bytes > _MOST_BYTES and len(self._rows) > 1:
            row = self._rows.popleft()
            self._bytes -= len(row.body)
            lost += row.values
        return lost

    def clear(self) -> None:
        """The disk has them all."""
        self._rows.clear()
        self._asides.clear()
        self._bytes = 0

    def values(self) -> int:
        """How many values are held."""
        return sum(row.values for row in self._rows) + sum(len(aside.values) for _, aside in self._asides)
