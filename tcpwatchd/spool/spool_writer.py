"""The transactions of the spool, all in the disk's thread.

Each function is done whole or not at all, and raises SpoolError as `Disk` does. `Pending` comes in and
`Written` goes out: nothing is shared with another thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tcpwatchd.model.backlog_level import Backlog, Lost
from tcpwatchd.model.batch import Aside, Doubt
from tcpwatchd.model.clock import Stamp
from tcpwatchd.spool import queries
from tcpwatchd.spool.disk import Disk
from tcpwatchd.spool.schema import Row

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class SetAsideState:
    """What is set aside for one destination: refused keys with the number of their values, and doubts."""

    refused: Mapping[str, int] = field(default_factory=dict)
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True)
class Known:
    """What a file says that was just opened: the last id ever given, stamp and epoch of the last push, and of
    each destination its position, what waits behind it, and what is set aside. `everything` waits for one
    that is new.
    """

    last_id: int
    positions: Mapping[str, int]
    latest: tuple[Stamp, int] | None
    waiting: Mapping[str, Backlog]
    everything: Backlog
    aside: Mapping[str, SetAsideState]


@dataclass(frozen=True)
class Pending:
    """What is to be written: positions (those that have `moved` separately), new rows and so on.

    `directed`: the destinations themselves may have changed. `last_id` is the last id ever given. Rows up to
    `disk_only_id` are on disk only.
    """

    positions: Mapping[str, int]
    moved: Mapping[str, int]
    directed: bool
    rows: Sequence[Row]
    asides: Sequence[tuple[str, Aside]]
    latest: tuple[Stamp, int] | None
    notes: Mapping[str, tuple[str, int]]
    bounds: tuple[int, int] | None
    last_id: int
    disk_only_id: int


@dataclass(frozen=True)
class Written:
    """What came of it. `lost` was given up, `trimmed_id` is the last row that was.

    Where it may have changed: `waiting` is what lies on disk alone for each destination, `aside` what is set
    aside for it.
    """

    size_bytes: int
    lost: Lost
    trimmed_id: int
    waiting: Mapping[str, Backlog] | None
    aside: Mapping[str, SetAsideState] | None


class SpoolWriter:
    """The file of a spool at `path`."""

    def __init__(self, path: Path) -> None:
        self.disk = Disk(path)
        self._opening = 0

    def open(self) -> Known | None:
        """Opens the file if it is not open; what it says if it was opened just now."""
        self.disk.open()
        if self._opening == self.disk.openings:
            return None
        with self.disk.reading() as sql:
            last_id, positions, latest = queries.read(sql)
            known = Known(
                last_id,
                positions,
                latest,
                {name: queries.waiting(sql, name, acked) for name, acked in positions.items()},
                queries.waiting(sql, "", 0),
                {name: _aside(sql, name) for name in positions},
            )
        self._opening = self.disk.openings
        return known

    def write(self, pending: Pending) -> Written:
        """Writes all of it in one transaction, and gives up what exceeds the bounds."""
        lost, trimmed_id = Lost(), 0
        with self.disk.transaction() as sql:
            if pending.directed:
                lost += Lost(refused=queries.direct(sql, pending.positions))
            queries.append(sql, pending.rows)
            for destination, aside in pending.asides:
                if destination in pending.positions:
                    queries.keep_aside(sql, destination, aside)
            if pending.rows and pending.latest is not None:
                queries.keep_latest(sql, *pending.latest)
            for destination, (trouble, clock) in pending.notes.items():
                queries.note(sql, destination, trouble, clock)
            # What nobody waits for goes before the bounds do: it is no loss.
            queries.ack(sql, pending.moved, min(pending.positions.values()))
            if pending.bounds is not None:
                given_up, trimmed_id = queries.trim(sql, *pending.bounds)
                lost += given_up
            rows_changed = pending.directed or trimmed_id
            aside_changed = pending.directed or pending.asides or lost.refused
            waiting = (
                {
                    name: queries.waiting(sql, name, acked, pending.disk_only_id)
                    for name, acked in pending.positions.items()
                }
                if rows_changed
                else None
            )
            state = {name: _aside(sql, name) for name in pending.positions} if aside_changed else None
            return Written(queries.size_bytes(sql), lost, trimmed_id, waiting, state)

    def rows(self, after_id: int, through_id: int, at_most: int) -> list[Row]:
        """Rows behind one id and up to another, oldest first: at least one, and no more than hold so many
        values, where there are any.
        """
        found: list[Row] = []
        values = 0
        with self.disk.reading() as sql:
            for row in queries.rows(sql, after_id, through_id):
                values += row.values
                if found and values > at_most:
                    break
                found.append(row)
        return found

    def ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """What the file answers."""
        with self.disk.reading() as sql:
            return question(sql)

    def change(self, destination: str, change: Callable[[sqlite3.Connection], None]) -> SetAsideState:
        """Makes a change to what is set aside for a destination, and says what is then."""
        with self.disk.transaction() as sql:
            change(sql)
            return _aside(sql, destination)


def _aside(sql: sqlite3.Connection, destination: str) -> SetAsideState:
    return SetAsideState(queries.refused_keys(sql, destination), queries.doubts(sql, destination))
