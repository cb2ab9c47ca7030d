"""The backlog on disk: append, peek, ack, trim.

Alone knows how it is kept: one row a push (a long push is cut into several, in one transaction), one
position a destination. A row leaves when every destination has it, or when the bounds force it out. What
the disk does not take waits in memory (`unwritten`) and follows when it does. Must not know who sends what
where, nor read a clock.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from tcpwatchd import tables
from tcpwatchd.disk import Disk
from tcpwatchd.errors import SpoolError
from tcpwatchd.levels import Backlog, Lost
from tcpwatchd.model import Aside, Batch, Stamp, Value
from tcpwatchd.row import Row
from tcpwatchd.spool_file import DamagedError, PassingError
from tcpwatchd.unwritten import Unwritten

log = logging.getLogger(__name__)


class Spool:
    """One file, one daemon; any thread may call. SpoolError says that the disk will not."""

    def __init__(self, path: Path, destinations: Sequence[str]) -> None:
        """Opens or makes the file, and refuses (SpoolError) one that another daemon has open.

        A destination that is new here starts with all that still waits; one that is gone from the
        configuration is forgotten, and what waited for it alone goes with the next ack or trim. A damaged
        file is put aside. On a disk that takes nothing just now it begins in memory.
        """
        # Open to `set_aside`, which keeps what is refused in the same file.
        self.disk = Disk(path)
        self._lock = self.disk.lock
        self._acked = dict.fromkeys(destinations, 0)
        self._last_id = 0
        self._latest: tuple[Stamp, int] | None = None
        self._unwritten = Unwritten()
        self._lost = Lost()
        self._waiting = self._damages = 0
        # Which opening of the file is known, and whether its destinations are those of `_acked`.
        self._opening = 0
        self._unreadable: set[int] = set()
        self._in_step = False
        # Whether there may be rows in the file that are older than what is held in memory.
        self._older = _holds_something(path)
        try:
            self.direct(destinations)
        except SpoolError:
            self.close()
            raise

    def direct(self, destinations: Sequence[str]) -> None:
        """Sets the destinations; positions of those already known stay.

        On a disk that takes nothing just now this counts all the same, and is written later.
        """
        with self._lock:
            before = self._acked
            self._acked = {name: before.get(name, 0) for name in destinations}
            self._in_step = False
            try:
                with self._transaction():
                    pass
            except PassingError as error:
                log.warning("%s; values are held in memory until it works", error)
            except SpoolError:
                self._acked = before
                raise

    def append(self, host: str, values: Sequence[Value], at_most: int, life: int = 0) -> None:
        """Adds one push for every destination; all of it is on the disk when this returns.

        It is cut into rows of `at_most` values, the most one request holds. `life` is kept with the last
        stamp (see `latest`). After a SpoolError it waits in memory, and is sent from there all the same.
        """
        with self._lock:
            for begin in range(0, len(values), at_most):
                part = values[begin : begin + at_most]
                self._last_id += 1
                self._unwritten.add(Row.of(self._last_id, host, part))
            if values:
                self._latest = (values[-1].stamp, life)
            try:
                with suppress(DamagedError), self._transaction():
                    return
                with self._transaction():  # in the file that has taken the damaged one's place
                    return
            except SpoolError:
                self._lost += Lost(unwritten=self._unwritten.bound())
                raise

    def all_written(self) -> bool:
        """Whether the disk has all that it should have."""
        with self._lock:
            return not self._unwritten and self._opening > 0

    def latest(self) -> tuple[Stamp, int] | None:
        """Stamp and life of the last push ever appended, also by a daemon before this one."""
        return self._latest

    def peek(self, destination: str, at_most: int, after_id: int = 0) -> Batch | None:
        """The oldest values that wait for a destination, of one host: whole rows, while they fit.

        At least one row, whatever its length. None when nothing waits, or for one not configured (any more).
        With `after_id`, what comes behind that row.
        """
        with self._reading() as sql:
            if destination not in self._acked:
                return None
            acked = max(self._acked[destination], after_id)
            rows: Iterable[Row] = self._unwritten.rows(acked)
            if sql is not None:
                cursor = sql.execute("SELECT * FROM push WHERE id > ? ORDER BY id", (acked,))
                rows = chain(map(Row._make, cursor), rows)
            elif self._older and not self._opening and not self.disk.damages:
                raise PassingError(
                    f"the spool {self.disk.path} cannot be opened yet, and what is in it goes first"
                )
            host, values, last_id = "", list[Value](), 0
            for row in rows:
                if values and (row.host != host or len(values) + row.values > at_most):
                    break
                host, last_id = row.host, row.row_id
                values += self._decoded(row)
            return Batch(host, tuple(values), last_id) if values else None

    def ack(self, destination: str, last_id: int, asides: Sequence[Aside] = ()) -> None:
        """Moves a destination's position to `last_id`, and removes what no destination waits for.

        `asides` are kept beside. The position holds from now on in this process even where the disk does
        not take it (SpoolError): on a full disk a deletion fails too, and the same batch must not be sent
        for ever.
        """
        with self._lock:
            if destination not in self._acked:
                return  # taken out of the configuration while its last batch was on the way
            # Never back: a loop that was retired and replaced may be late with its last batch.
            last_id = self._acked[destination] = max(last_id, self._acked[destination])
            for one in asides:
                self._unwritten.set_aside(destination, one)
            self._unwritten.drop_through(min(self._acked.values()))
            with self._transaction() as sql:
                sql.execute("UPDATE destination SET acked = ? WHERE name = ?", (last_id, destination))
                self._drop_what_nobody_waits_for(sql)

    def trim(self, before_clock: int, most_bytes: int) -> None:
        """Gives up, oldest first, what is older than `before_clock` and what exceeds `most_bytes`.

        Of what exceeds them, first what is set aside: a server has said no to it.
        """
        with self._transaction() as sql:
            # What nobody waits for, left from a time when the disk took no deletion, is no loss.
            self._drop_what_nobody_waits_for(sql)
            lost = tables.trim(sql, before_clock, most_bytes)
        with self._lock:
            self._lost += lost

    def take_lost(self) -> Lost:
        """What was given up since this was last asked."""
        with self._lock:
            damages, self._damages = self.disk.damages - self._damages, self.disk.damages
            # How much was in a damaged file cannot be told; what waited when it was last looked at is near.
            lost, self._lost = self._lost + Lost(damaged=damages * max(1, self._waiting)), Lost()
            return lost

    def backlog(self) -> tuple[Backlog, ...]:
        """What waits, one row a destination."""
        with self._reading() as sql:
            rows = []
            for name, acked in self._acked.items():
                row = tables.waiting(sql, name, acked) if sql else Backlog(name, 0, 0, 0, None)
                held = list(self._unwritten.rows(acked))
                clocks = [row.oldest_clock, *(one.clock for one in held)]
                rows.append(
                    replace(
                        row,
                        values=row.values + sum(one.values for one in held),
                        pushes=row.pushes + len(held),
                        size_bytes=row.size_bytes + sum(len(one.body) for one in held),
                        oldest_clock=min((clock for clock in clocks if clock is not None), default=None),
                    )
                )
            self._waiting = max((row.values for row in rows), default=0)
            return tuple(rows)

    def note(self, destination: str, trouble: str, clock: int) -> None:
        """Keeps why delivery fails since `clock` (empty: it works), for whoever reads the backlog."""
        with self._transaction() as sql:
            sql.execute(
                "UPDATE destination SET trouble = ?, trouble_clock = ? WHERE name = ?",
                (trouble, clock, destination),
            )

    def size_bytes(self) -> int:
        """Bytes in use; the file may be larger, room that was freed is used again."""
        with self._reading() as sql:
            return tables.size_bytes(sql) if sql else 0

    def close(self) -> int:
        """Gives the file back; returns how many values the disk did not take, which are lost."""
        with self._lock:
            if self._unwritten:
                with suppress(SpoolError), self._transaction():
                    pass
            self.disk.close()
            return self._unwritten.values()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The file, under the lock; None where it could not be opened so far."""
        with self.disk.reading() as sql:
            if sql is not None and self._opening != self.disk.openings:
                self._get_to_know(sql)
            yield sql

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; along with it goes what had to wait in memory."""
        with self._lock:
            self.disk.open()
            # Positions are read even if nothing can be written.
            with self._reading(), self.disk.transaction() as sql:
                forgotten = self._catch_up(sql)
                yield sql
            self._lost += Lost(refused=forgotten)
            self._in_step = True
            self._unwritten.clear()

    def _get_to_know(self, sql: sqlite3.Connection) -> None:
        if not self._opening:
            # Rows that came before the file could be seen come after those in it. Ids only grow
            # (AUTOINCREMENT), so 0 lies below every row that still waits.
            last_id, known, latest = tables.read(sql)
            # A file that took a damaged one's place knows positions above any id of its own.
            last_id = max([last_id, *known.values()])
            self._unwritten.shift(last_id)
            self._last_id += last_id
            self._acked = {name: max(known.get(name, 0), acked) for name, acked in self._acked.items()}
            self._latest = self._latest or latest
        self._opening = self.disk.openings
        self._in_step = False

    def _catch_up(self, sql: sqlite3.Connection) -> int:
        """Writes what the file does not have yet; returns how many values it gives up on the way."""
        forgotten = 0
        if not self._in_step:
            forgotten = tables.direct(sql, self._acked)
        if self._unwritten:
            tables.append(sql, self._unwritten.rows(min(self._acked.values())))
            for destination, one in self._unwritten.asides():
                if destination in self._acked:
                    tables.keep_aside(sql, destination, one)
            if self._latest is not None:
                tables.keep_latest(sql, *self._latest)
        return forgotten

    def _drop_what_nobody_waits_for(self, sql: sqlite3.Connection) -> None:
        sql.execute("DELETE FROM push WHERE id <= ?", (min(self._acked.values()),))

    def _decoded(self, row: Row) -> list[Value]:
        """The values of a row. One that cannot be read is passed over, said and counted, once."""
        decoded = row.decoded()
        if decoded is None and row.row_id not in self._unreadable:
            self._unreadable.add(row.row_id)
            self._lost += Lost(damaged=row.values)
            log.error("the spool %s: a row of %d values is damaged, and given up", self.disk.path, row.values)
        return decoded or []


def _holds_something(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
