"""SQL of the spool: what is read from and written to its tables.

Each function takes an open database, within a transaction where it writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from tcpwatchd.model.backlog_level import Backlog, Lost
from tcpwatchd.model.batch import Aside, Doubt
from tcpwatchd.model.clock import Stamp
from tcpwatchd.spool.schema import Row

MOST_ID = 2**63 - 1


def read(sql: sqlite3.Connection) -> tuple[int, dict[str, int], tuple[Stamp, int] | None]:
    """The last id ever given, each destination's position, and stamp and epoch of the last push."""
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


def keep_latest(sql: sqlite3.Connection, stamp: Stamp, epoch: int) -> None:
    """Writes what `read` reads."""
    sql.execute(
        "INSERT OR REPLACE INTO latest (rowid, clock, ns, life) VALUES (1, ?, ?, ?)",
        (stamp.clock, stamp.ns, epoch),
    )


def rows(sql: sqlite3.Connection, after_id: int, through_id: int) -> Iterator[Row]:
    """The rows behind one id and up to another, oldest first."""
    found = sql.execute("SELECT * FROM push WHERE id > ? AND id <= ? ORDER BY id", (after_id, through_id))
    return map(Row._make, found)


def ack(sql: sqlite3.Connection, moved: Mapping[str, int], lowest: int) -> None:
    """Writes the positions that have `moved`, and removes what no destination waits for: up to `lowest`."""
    sql.executemany(
        "UPDATE destination SET acked = ? WHERE name = ?", [(acked, name) for name, acked in moved.items()]
    )
    sql.execute("DELETE FROM push WHERE id <= ?", (lowest,))


def note(sql: sqlite3.Connection, name: str, trouble: str, clock: int) -> None:
    """Writes why delivery fails since `clock` (empty: it works)."""
    sql.execute(
        "UPDATE destination SET trouble = ?, trouble_clock = ? WHERE name = ?", (trouble, clock, name)
    )


def waiting(sql: sqlite3.Connection, name: str, acked: int, through_id: int = MOST_ID) -> Backlog:
    """What lies behind the position `acked` of the destination `name`, in rows up to `through_id`."""
    trouble, trouble_clock = sql.execute(
        "SELECT trouble, trouble_clock FROM destination WHERE name = ?", (name,)
    ).fetchone() or ("", 0)
    pushes, values, oldest, size_bytes = sql.execute(
        "SELECT count(*), coalesce(sum(count), 0), min(clock), coalesce(sum(length(body)), 0) "
        "FROM push WHERE id > ? AND id <= ?",
        (acked, through_id),
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


def doubts(sql: sqlite3.Connection, destination: str) -> tuple[Doubt, ...]:
    """The batches in doubt, oldest first."""
    found = sql.execute(
        "SELECT id, refused FROM doubt WHERE destination = ? ORDER BY id", (destination,)
    ).fetchall()
    keys = "SELECT key FROM aside WHERE destination = ? AND doubt = ? ORDER BY id"
    return tuple(
        Doubt(doubt_id, tuple(key for (key,) in sql.execute(keys, (destination, doubt_id))), refused)
        for doubt_id, refused in found
    )


def trim(sql: sqlite3.Connection, before_clock: int, most_bytes: int) -> tuple[Lost, int]:
    """Gives up, oldest first, what is older and what exceeds the size; of that, first what is set aside.
    Returns what was lost, and the id of the last row that was given up, 0 for none.
    """
    refused = sql.execute("DELETE FROM aside WHERE clock < ?", (before_clock,)).rowcount
    by_age = by_size = last_id = 0
    while (row := _oldest(sql)) is not None and row.clock < before_clock:
        by_age += _give_up(sql, row)
        last_id = row.row_id
    while size_bytes(sql) > most_bytes:
        if gone := sql.execute(
            "DELETE FROM aside WHERE id IN (SELECT id FROM aside ORDER BY id LIMIT 1000)"
        ).rowcount:
            refused += gone
        elif (row := _oldest(sql)) is not None:
            by_size += _give_up(sql, row)
            last_id = row.row_id
        else:
            break
    if refused:
        drop_empty_doubts(sql)
    return Lost(by_age=by_age, by_size=by_size, refused=refused), last_id


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
