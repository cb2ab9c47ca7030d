"""Rows that are on disk only: up to which row, and how many values wait for each destination.

The numbers are updated from what is written and read, so no row on disk has to be counted. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tcpwatchd.model.backlog_level import Backlog
from tcpwatchd.spool.schema import Row


class DiskOnly:
    """Rows up to `through_id` are not in memory."""

    def __init__(self) -> None:
        self.through_id = 0
        self._waiting: dict[str, Backlog] = {}
        self._peeked: dict[str, Sequence[Row]] = {}

    def waiting(self, destination: str) -> Backlog:
        """What waits there for a destination."""
        return self._waiting.get(destination) or _nothing(destination)

    def most_values(self) -> int:
        """The values that wait there for the destination that is furthest behind."""
        return max((waiting.values for waiting in self._waiting.values()), default=0)

    def counted(self, waiting: Mapping[str, Backlog]) -> None:
        """Takes what the disk was asked: it is exact."""
        self._waiting = dict(waiting)
        self._peeked.clear()

    def add(self, rows: Iterable[Row], acked: Mapping[str, int]) -> None:
        """These rows have left memory."""
        for row in rows:
            self.through_id = row.row_id
            for destination, position in acked.items():
                if position < row.row_id:
                    before = self.waiting(destination)
                    self._waiting[destination] = replace(
                        before,
                        values=before.values + row.values,
                        pushes=before.pushes + 1,
                        size_bytes=before.size_bytes + len(row.body),
                        oldest_clock=row.clock if before.oldest_clock is None else before.oldest_clock,
                    )

    def peeked(self, destination: str, rows: Sequence[Row]) -> None:
        """These are the oldest rows that wait there for a destination."""
        self._peeked[destination] = rows
        self._waiting[destination] = replace(self.waiting(destination), oldest_clock=rows[0].clock)

    def acked(self, destination: str, last_id: int) -> None:
        """A destination has the rows up to `last_id`; of these, those peeked at last are counted off."""
        gone = [row for row in self._peeked.pop(destination, ()) if row.row_id <= last_id]
        if last_id >= self.through_id:
            self._waiting.pop(destination, None)
        elif gone:
            before = self.waiting(destination)
            self._waiting[destination] = replace(
                before,
                values=max(0, before.values - sum(row.values for row in gone)),
                pushes=max(0, before.pushes - len(gone)),
                size_bytes=max(0, before.size_bytes - sum(len(row.body) for row in gone)),
            )


def _nothing(destination: str) -> Backlog:
    return Backlog(destination, 0, 0, 0, None)
