"""The backlog on disk: append, peek, ack, trim.

Alone knows how it is kept: one row a push (a long push is cut into several, in one transaction), one
position a destination. A row leaves when every destination has it, or when the bounds force it out. Must
not know who sends what where, nor read a clock.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tcpwatchd import spool_file
from tcpwatchd.errors import SpoolError
from tcpwatchd.model import Backlog, Batch, Stamp, Value


class Spool:
    """One file, one daemon; any thread may call. Every method raises SpoolError when the disk will not."""

    def __init__(self, path: Path, destinations: Sequence[str]) -> None:
        """Opens or makes the file, and refuses (SpoolError) one that another daemon has open.

        A destination that is new here starts with all that still waits; one that is gone from the
        configuration is forgotten, and what waited for it alone goes with the next ack or trim.
        """
        self._path = path
        self._lock = threading.Lock()
        self._acked: dict[str, int] = {}
        try:
            path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._owner = spool_file.own(path)
        except OSError as error:
            raise SpoolError(
                f"cannot open the spool {path}",
                os.strerror(error.errno or 0),
                "the daemon's user needs a writable directory there; or set spool.path",
            ) from error
        try:
            self._database = spool_file.connect(path)
        except SpoolError:
            self._owner.close()
            raise
        try:
            self.direct(destinations)
        except SpoolError:
            self.close()
            raise

    def direct(self, destinations: Sequence[str]) -> None:
        """Sets the destinations; positions of those already known stay."""
        with self._transaction() as sql:
            known = dict(sql.execute("SELECT name, acked FROM destination"))
            # Ids only grow (AUTOINCREMENT), so 0 lies below every row that still waits.
            acked = {name: max(known.get(name, 0), self._acked.get(name, 0)) for name in destinations}
            sql.execute("DELETE FROM destination")
            sql.executemany("INSERT INTO destination VALUES (?, ?)", acked.items())
            self._acked = acked  # under the lock, as every use of it

    def append(self, host: str, values: Sequence[Value], at_most: int) -> None:
        """Adds one push for every destination; all of it is on the disk when this returns.

        It is cut into rows of `at_most` values, the most one request holds.
        """
        rows = [values[begin : begin + at_most] for begin in range(0, len(values), at_most)]
        with self._transaction() as sql:
            sql.executemany(
                "INSERT INTO push (host, clock, count, body) VALUES (?, ?, ?, ?)",
                [(host, row[0].stamp.clock, len(row), _encode(row)) for row in rows],
            )

    def peek(self, destination: str, at_most: int) -> Batch | None:
        """The oldest values that wait for a destination, of one host: whole rows, while they fit.

        At least one row, whatever its length. None when nothing waits, or for one not configured (any more).
        """
        with self._reading() as sql:
            if destination not in self._acked:
                return None
            rows = sql.execute(
                "SELECT id, host, count, body FROM push WHERE id > ? ORDER BY id",
                (self._acked[destination],),
            )
            host, values, last_id = "", list[Value](), 0
            for row_id, row_host, count, body in rows:
                if values and (row_host != host or len(values) + count > at_most):
                    break
                host, last_id = row_host, row_id
                values += _decode(body)
            return Batch(host, tuple(values), last_id) if values else None

    def ack(self, destination: str, last_id: int) -> None:
        """Moves a destination's position to `last_id`, and removes what no destination waits for.

        The position holds from now on in this process even where the disk does not take it (SpoolError):
        on a full disk a deletion fails too, and the same batch must not be sent for ever.
        """
        with self._lock:
            if destination not in self._acked:
                return  # taken out of the configuration while its last batch was on the way
            # Never back: a loop that was retired and replaced may be late with its last batch.
            last_id = self._acked[destination] = max(last_id, self._acked[destination])
        with self._transaction() as sql:
            sql.execute("UPDATE destination SET acked = ? WHERE name = ?", (last_id, destination))
            sql.execute("DELETE FROM push WHERE id <= ?", (min(self._acked.values()),))

    def trim(self, before_clock: int, most_bytes: int) -> tuple[int, int]:
        """Gives up, oldest first, what is older than `before_clock` and what exceeds `most_bytes`.

        Returns how many values that was: by age, by size.
        """
        with self._transaction() as sql:
            # First what nobody waits for, left from a time when the disk took no deletion: it is no loss.
            sql.execute("DELETE FROM push WHERE id <= ?", (min(self._acked.values()),))
            (by_age,) = sql.execute(
                "SELECT coalesce(sum(count), 0) FROM push WHERE clock < ?", (before_clock,)
            ).fetchone()
            if by_age:
                sql.execute("DELETE FROM push WHERE clock < ?", (before_clock,))
            by_size = 0
            while spool_file.size_bytes(sql) > most_bytes:
                oldest = sql.execute("SELECT id, count FROM push ORDER BY id LIMIT 1").fetchone()
                if oldest is None:
                    break
                sql.execute("DELETE FROM push WHERE id = ?", oldest[:1])
                by_size += oldest[1]
        return by_age, by_size

    def backlog(self) -> tuple[Backlog, ...]:
        """What waits, one row a destination."""
        with self._reading() as sql:
            return tuple(spool_file.waiting(sql, name, acked) for name, acked in self._acked.items())

    def size_bytes(self) -> int:
        """Bytes in use; the file may be larger, room that was freed is used again."""
        with self._reading() as sql:
            return spool_file.size_bytes(sql)

    def close(self) -> None:
        """Gives the file back. Nothing is written that was not already."""
        with self._lock, suppress(sqlite3.Error):
            self._database.close()
        self._owner.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._database
            except sqlite3.Error as error:
                raise spool_file.spool_error(self._path, error) from error
            except (ValueError, TypeError) as error:
                raise SpoolError(
                    f"the spool {self._path} is damaged", str(error), "move the file away and restart"
                ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as sql:
            sql.execute("BEGIN IMMEDIATE")
            try:
                yield sql
                sql.execute("COMMIT")
            except BaseException:
                # After a disk error SQLite may have rolled back already.
                if sql.in_transaction:
                    sql.execute("ROLLBACK")
                raise


def read_backlog(path: Path) -> tuple[tuple[Backlog, ...], int]:
    """What waits in a spool that a daemon may have open, and the bytes in use; takes and changes nothing."""
    try:
        os.stat(path)
    except PermissionError as error:
        raise SpoolError(f"cannot read the spool {path}", "Permission denied", "try as root") from error
    except OSError as error:
        raise SpoolError(
            f"there is no spool at {path}", "", "has the daemon run here? its spool.path says where"
        ) from error
    database = spool_file.connect(path, read_only=True)
    try:
        known = database.execute("SELECT name, acked FROM destination ORDER BY name").fetchall()
        return tuple(
            spool_file.waiting(database, name, acked) for name, acked in known
        ), spool_file.size_bytes(database)
    except sqlite3.Error as error:
        raise spool_file.spool_error(path, error) from error
    finally:
        database.close()


def _encode(values: Iterable[Value]) -> bytes:
    rows = [[value.key, value.text, value.stamp.clock, value.stamp.ns] for value in values]
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()


def _decode(body: bytes) -> list[Value]:
    return [Value(key, text, Stamp(clock, ns)) for key, text, clock, ns in json.loads(body)]
