"""Values on disk that one destination has refused, and batches in doubt.

A batch is in doubt when the server refused some of its values: all of them are kept until the refused keys
are known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from tcpwatchd.model.batch import Batch, Doubt, Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.spool import queries
from tcpwatchd.spool.spool import Spool


class RefusedValues:
    """Of one destination. What has to ask the disk raises SpoolError."""

    def __init__(self, spool: Spool, destination: str) -> None:
        self._spool = spool
        self._destination = destination

    def refused_keys(self) -> Mapping[str, int]:
        """The keys that are refused, each with the number of its values, as last seen."""
        return self._spool.set_aside(self._destination).refused

    def doubts(self) -> tuple[Doubt, ...]:
        """The batches in doubt, oldest first, as last seen."""
        return self._spool.set_aside(self._destination).doubts

    def peek(self, at_most: int, key: str | None = None, doubt_id: int = 0) -> tuple[Batch, list[int]] | None:
        """The oldest values of a refused key, or of a doubt, of one host; and what to forget them by.
        SpoolError.
        """
        rows = self._spool.ask(
            lambda sql: sql.execute(
                "SELECT id, host, key, text, clock, ns FROM aside WHERE destination = ? AND doubt = ? "
                "AND (key = ? OR ? IS NULL) ORDER BY id LIMIT ?",
                (self._destination, doubt_id, key, key, at_most),
            ).fetchall()
        )
        rows = [row for row in rows if row[1] == rows[0][1]]
        values = tuple(Value(key, text, Stamp(clock, ns)) for _, _, key, text, clock, ns in rows)
        return (Batch(rows[0][1], values, 0), [row[0] for row in rows]) if rows else None

    def forget(self, ids: Sequence[int]) -> None:
        """They were taken. SpoolError."""
        self._change("DELETE FROM aside WHERE id = ? AND destination = ?", ids)

    def refuse(self, ids: Sequence[int]) -> None:
        """They were in doubt, and are refused. SpoolError."""
        self._change("UPDATE aside SET doubt = 0 WHERE id = ? AND destination = ?", ids)

    def _change(self, statement: str, ids: Sequence[int]) -> None:
        def change(sql: sqlite3.Connection) -> None:
            sql.executemany(statement, [(row_id, self._destination) for row_id in ids])
            queries.drop_empty_doubts(sql)

        self._spool.change_aside(self._destination, change)

    def claim(self, keys: Collection[str]) -> None:
        """What is in doubt of these keys is refused: it takes its place among what was set aside of them.
        SpoolError.
        """

        def change(sql: sqlite3.Connection) -> None:
            for key in keys:
                row = (self._destination, key)
                sql.execute(
                    "UPDATE doubt SET refused = refused - (SELECT count(*) FROM aside "
                    "WHERE aside.doubt = doubt.id AND aside.destination = ? AND aside.key = ?)",
                    row,
                )
                sql.execute("UPDATE aside SET doubt = 0 WHERE destination = ? AND key = ?", row)
            queries.drop_empty_doubts(sql)

        self._spool.change_aside(self._destination, change)

    def settle(self, doubt: Doubt, refused: Collection[str]) -> None:
        """Of a doubt, what is of a refused key is set aside, and the rest was taken. SpoolError."""

        def change(sql: sqlite3.Connection) -> None:
            for key in set(doubt.keys) & set(refused):
                sql.execute("UPDATE aside SET doubt = 0 WHERE doubt = ? AND key = ?", (doubt.doubt_id, key))
            sql.execute("DELETE FROM aside WHERE doubt = ?", (doubt.doubt_id,))
            queries.drop_empty_doubts(sql)

        self._spool.change_aside(self._destination, change)
