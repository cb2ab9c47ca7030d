"""What one destination refuses, on disk: values set aside until it takes them, and those still in doubt.

A doubt is a batch of which the server refused some values without saying which: all of them are kept until
the keys at fault are known. Alone knows how they are asked for and let go; must not know how keys are found,
nor send anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tcpwatchd import tables
from tcpwatchd.disk import Disk
from tcpwatchd.model import Batch, Doubt, Stamp, Value


class SetAside:
    """Of one destination. Every method is a transaction of its own, and raises SpoolError as Spool does."""

    def __init__(self, disk: Disk, destination: str) -> None:
        self._disk = disk
        self._destination = destination

    def refused_keys(self) -> Mapping[str, int]:
        """The keys that are refused, each with the number of its values."""
        with self._disk.reading() as sql:
            return tables.refused_keys(sql, self._destination) if sql else {}

    def doubts(self) -> tuple[Doubt, ...]:
        """The batches in doubt, oldest first."""
        with self._disk.reading() as sql:
            if sql is None:
                return ()
            rows = sql.execute(
                "SELECT id, refused FROM doubt WHERE destination = ? ORDER BY id", (self._destination,)
            ).fetchall()
            keys = "SELECT key FROM aside WHERE destination = ? AND doubt = ? ORDER BY id"
            return tuple(
                Doubt(
                    doubt_id,
                    tuple(key for (key,) in sql.execute(keys, (self._destination, doubt_id))),
                    refused,
                )
                for doubt_id, refused in rows
            )

    def peek(self, at_most: int, key: str | None = None, doubt_id: int = 0) -> tuple[Batch, list[int]] | None:
        """The oldest values of a refused key, or of a doubt, of one host; and what to forget them by."""
        with self._disk.reading() as sql:
            if sql is None:
                return None
            rows = sql.execute(
                "SELECT id, host, key, text, clock, ns FROM aside WHERE destination = ? AND doubt = ? "
                "AND (key = ? OR ? IS NULL) ORDER BY id LIMIT ?",
                (self._destination, doubt_id, key, key, at_most),
            ).fetchall()
        rows = [row for row in rows if row[1] == rows[0][1]]
        values = tuple(Value(key, text, Stamp(clock, ns)) for _, _, key, text, clock, ns in rows)
        return (Batch(rows[0][1], values, 0), [row[0] for row in rows]) if rows else None

    def forget(self, ids: Sequence[int]) -> None:
        """They were taken."""
        with self._disk.transaction() as sql:
            sql.executemany(
                "DELETE FROM aside WHERE id = ? AND destination = ?",
                [(row_id, self._destination) for row_id in ids],
            )
            tables.drop_empty_doubts(sql)

    def refuse(self, ids: Sequence[int]) -> None:
        """They were in doubt, and are refused."""
        with self._disk.transaction() as sql:
            sql.executemany(
                "UPDATE aside SET doubt = 0 WHERE id = ? AND destination = ?",
                [(row_id, self._destination) for row_id in ids],
            )
            tables.drop_empty_doubts(sql)

    def claim(self, keys: Collection[str]) -> None:
        """What is in doubt of these keys is refused: it takes its place among what was set aside of them."""
        with self._disk.transaction() as sql:
            for key in keys:
                row = (self._destination, key)
                sql.execute(
                    "UPDATE doubt SET refused = refused - (SELECT count(*) FROM aside "
                    "WHERE aside.doubt = doubt.id AND aside.destination = ? AND aside.key = ?)",
                    row,
                )
                sql.execute("UPDATE aside SET doubt = 0 WHERE destination = ? AND key = ?", row)
            tables.drop_empty_doubts(sql)

    def settle(self, doubt: Doubt, refused: Collection[str]) -> None:
        """Of a doubt, what is of a refused key is set aside, and the rest was taken."""
        with self._disk.transaction() as sql:
            for key in set(doubt.keys) & set(refused):
                sql.execute("UPDATE aside SET doubt = 0 WHERE doubt = ? AND key = ?", (doubt.doubt_id, key))
            sql.execute("DELETE FROM aside WHERE doubt = ?", (doubt.doubt_id,))
            tables.drop_empty_doubts(sql)
