"""The open file of a spool, for one thread: a transaction is written whole or not at all; a damaged file is
replaced.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tcpwatchd.model.errors import SpoolError
from tcpwatchd.spool import spool_file
from tcpwatchd.spool.spool_file import DamagedError

log = logging.getLogger(__name__)


class Disk:
    """`openings` counts how often the file was opened, `damages` how often one was put aside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.openings = self.damages = 0
        self._owner: IO[bytes] | None = None
        self._database: sqlite3.Connection | None = None
        self._closed = False

    def open(self) -> None:
        """Opens or makes the file if it is not open; puts a damaged one aside; SpoolError if it cannot."""
        if self._database is not None or self._closed:
            return
        self._owner = self._owner or spool_file.own(self.path)
        try:
            self._database = spool_file.connect(self.path)
        except DamagedError as error:
            self._put_aside(error)
            self._database = spool_file.connect(self.path)
        self.openings += 1

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The file, opened if it is not open."""
        self.open()
        if self._database is None:
            raise SpoolError(f"the spool {self.path} is closed")
        try:
            yield self._database
        except sqlite3.Error as error:
            known = spool_file.spool_error(self.path, error)
            if isinstance(known, DamagedError):
                self._put_aside(known)
            raise known from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The file; what is done within counts as a whole or not at all."""
        with self.reading() as sql:
            sql.execute("BEGIN IMMEDIATE")
            try:
                yield sql
                sql.execute("COMMIT")
            except BaseException:
                # After a disk error SQLite may have rolled back already.
                if sql.in_transaction:
                    sql.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Gives the file back, for good."""
        self._closed = True
        self._let_go()
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def _let_go(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _put_aside(self, error: DamagedError) -> None:
        self._let_go()
        new_path = spool_file.put_aside(self.path)
        self.damages += 1
        log.error("%s: %s; it is kept as %s, and a new one is started", error.what, error.why, new_path)
