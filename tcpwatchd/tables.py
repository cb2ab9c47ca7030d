"""What is read from and written to the tables of a spool, in SQL.

Alone knows their columns, beside `schema`. Each function takes an open file, within a transaction where it
writes; must not know who opened it, nor when.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from tcpwatchd.levels import Backlog, Lost
from tcpwatchd.model import Aside, Stamp
from tcpwatchd.row import Row


def read(sql: sqlite3.Connection) -> tuple[int, dict[str, int], tuple[Stamp, int] | None]:
    """The last id ever given, each destination's position, and stamp and life of the last push."""
    last_id = sql.execute("SELECT seq FROM sqlite_sequence WHERE name = 'push'").fetchone() or (0,)
    latest = sql.execute("SELECT clock, ns, life FROM latest").fetchone()
    return (
        int(last_id[0]),
        dict(sql.execute("SELECT name, acked FROM destination")),
        (Stamp(*latest[:2]), latest[2]) if latest else None,
    )


def direct(sql: sqlite3.Connection, acked: Mapping[str, int]) -> int:
    """Writes the destinations and their positions; any other is forgotten.

    What was set aside for one that is gone goes to one that is new: it was renamed, as a rule. If none is, it
    is given up; returns how many values that was.
    """
    known = [name for (name,) in sql.execute("SELECT name FROM destination")]
    new = [name for name in acked if name not in known]
    forgotten = 0
    for name in known:
        if name in acked:
            continue
        sql.execute("DELETE FROM destination WHERE name = ?", (name,))
        if new:
            sql.execute("UPDATE aside SET destination = ? WHERE destination = ?", (new[0], name))
            sql.execute("UPDATE doubt SET destination = ? WHERE destination = ?", (new[0], name))
        else:
            forgotten += sql.execute("DELETE FROM aside WHERE destination = ?", (name,)).rowcount
            drop_empty_doubts(sql)
    sql.executemany(
        "INSERT INTO destination (name, acked) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET acked = excluded.acked",
        acked.items(),
    )
    return forgotten


def append(sql: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Adds rows, under their own ids."""
    sql.executemany("INSERT INTO push (id, host, clock, count, body) VALUES (?, ?, ?, ?, ?)", rows)


def keep_latest(sql: sqlite3.Connection, stamp: Stamp, life: int) -> None:
    """Writes what `read` reads."""
    sql.execute(
        "INSERT OR REPLACE INTO latest (rowid, clock, ns, life) VALUES (1, ?, ?, ?)",
        (stamp.clock, stamp.ns, life),
    )


def waiting(sql: sqlite3.Connection, name: str, acked: int) -> Backlog:
    """What lies behind the position `acked` of the destination `name`."""
    trouble, trouble_clock = sql.execute(
        "SELECT trouble, trouble_clock FROM destination WHERE name = ?", (name,)
    ).fetchone() or ("", 0)
    pushes, values, oldest, size_bytes = sql.execute(
        "SELECT count(*), coalesce(sum(count), 0), min(clock), coalesce(sum(length(body)), 0) "
        "FROM push WHERE id > ?",
        (acked,),
    ).fetchone()
    return Backlog(
        name,
        values,
        pushes,
        size_bytes,
        oldest,
        trouble,
        trouble_clock,
        refused_keys(sql, name),
        doubted(sql, name),
    )


def size_bytes(sql: sqlite3.Connection) -> int:
    """Bytes of the pages in use; pages once freed stay in the file and are used again."""
    pages, free, page_bytes = (
        sql.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page_bytes)


def keep_aside(sql: sqlite3.Connection, destination: str, aside: Aside) -> None:
    """Adds it."""
    doubt = 0
    if aside.refused is not None:
        row = sql.execute(
            "INSERT INTO doubt (destination, refused) VALUES (?, ?)", (destination, aside.refused)
        )
        doubt = row.lastrowid or 0
    sql.executemany(
        "INSERT INTO aside (destination, doubt, host, key, clock, ns, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (destination, doubt, aside.host, value.key, value.stamp.clock, value.stamp.ns, value.text)
            for value in aside.values
        ],
    )


def refused_keys(sql: sqlite3.Connection, destination: str) -> Mapping[str, int]:
    """The keys that are refused, each with the number of its values."""
    return dict(
        sql.execute(
            "SELECT key, count(*) FROM aside WHERE destination = ? AND doubt = 0 GROUP BY key ORDER BY key",
            (destination,),
        )
    )


def doubted(sql: sqlite3.Connection, destination: str) -> int:
    """How many values are in doubt."""
    (count,) = sql.execute(
        "SELECT count(*) FROM aside WHERE destination = ? AND doubt != 0", (destination,)
    ).fetchone()
    return int(count)


def trim(sql: sqlite3.Connection, before_clock: int, most_bytes: int) -> Lost:
    """Gives up, oldest first, what is older and what exceeds the size; of that, first what is set aside."""
    refused = sql.execute("DELETE FROM aside WHERE clock < ?", (before_clock,)).rowcount
    by_age = by_size = 0
    while (row := _oldest(sql)) is not None and row.clock < before_clock:
        by_age += _give_up(sql, row)
    while size_bytes(sql) > most_bytes:
        if gone := sql.execute(
            "DELETE FROM aside WHERE id IN (SELECT id FROM aside ORDER BY id LIMIT 1000)"
        ).rowcount:
            refused += gone
        elif (row := _oldest(sql)) is not None:
            by_size += _give_up(sql, row)
        else:
            break
    if refused:
        drop_empty_doubts(sql)
    return Lost(by_age=by_age, by_size=by_size, refused=refused)


def _oldest(sql: sqlite3.Connection) -> Row | None:
    """The row that leaves first."""
    row = sql.execute("SELECT * FROM push ORDER BY id LIMIT 1").fetchone()
    return Row(*row) if row else None


def _give_up(sql: sqlite3.Connection, row: Row) -> int:
    sql.execute("DELETE FROM push WHERE id = ?", (row.row_id,))
    return row.values


def drop_empty_doubts(sql: sqlite3.Connection) -> None:
    """A doubt without values is none."""
    sql.execute("DELETE FROM doubt WHERE id NOT IN (SELECT doubt FROM aside)")
