"""The spool's file: opened, owned, versioned, measured; and its errors in words.

Alone knows the schema and how SQLite is set up for it: a write-ahead log, and every commit on the disk
before it counts. Must not know what a position means. Source: sqlite.org/wal.html, sqlite.org/pragma.html.
"""

from __future__ import annotations

import fcntl
import sqlite3
from pathlib import Path
from typing import IO

from tcpwatchd.errors import SpoolError
from tcpwatchd.model import Backlog

_FORMAT = 1  # PRAGMA user_version; a file with a higher one was written by a newer tcpwatchd

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE push (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    clock INTEGER NOT NULL,
    count INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE destination (name TEXT PRIMARY KEY, acked INTEGER NOT NULL);
PRAGMA user_version = {_FORMAT};
COMMIT;
"""


def connect(path: Path, read_only: bool = False) -> sqlite3.Connection:
    """The file as a database of this format; made if it is not there. SpoolError leaves nothing open."""
    try:
        database = sqlite3.connect(
            f"{path.as_uri()}?mode={'ro' if read_only else 'rwc'}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=1.0,
        )
    except sqlite3.Error as error:
        raise spool_error(path, error, read_only) from error
    try:
        version = _version(path, database, read_only)
        if not read_only:
            _set_up(database, version)
    except sqlite3.Error as error:
        database.close()
        raise spool_error(path, error, read_only) from error
    except SpoolError:
        database.close()
        raise
    return database


def _version(path: Path, database: sqlite3.Connection, read_only: bool) -> int:
    """The format of the file, 0 for a new one; SpoolError if it is not for us."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > _FORMAT:
        raise SpoolError(
            f"the spool {path} was written by a newer tcpwatchd",
            f"format {version}, known is {_FORMAT}",
            "upgrade again, or set another spool.path",
        )
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version == 0 and (tables or read_only):
        raise SpoolError(
            f"{path} is no spool of tcpwatchd",
            "it is some other program's database" if tables else "it is empty",
            "set another spool.path" if tables else "has the daemon run here?",
        )
    return int(version)


def _set_up(database: sqlite3.Connection, version: int) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    # FULL: a push that was appended survives a power cut, not only a killed process.
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA journal_size_limit = 4194304")
    # Each page is written once and read once: a cache of 2 MB, the default, would only take memory.
    database.execute("PRAGMA cache_size = -256")
    if version == 0:
        # One transaction: a disk that is full in the middle of it leaves nothing half made.
        database.executescript(_SCHEMA)


def own(path: Path) -> IO[bytes]:
    """Takes the file for this process. The lock is the kernel's: it ends with the process in any case."""
    owner = open(f"{path}.lock", "ab")  # noqa: SIM115 - held until close()
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner.close()
        raise SpoolError(
            f"the spool {path} is in use",
            "another tcpwatchd has it open",
            "stop that one (`systemctl stop tcpwatchd`), or give this one its own spool.path",
        ) from error
    return owner


def waiting(sql: sqlite3.Connection, name: str, acked: int) -> Backlog:
    """What lies behind the position `acked` of the destination `name`."""
    pushes, values, oldest, size_bytes = sql.execute(
        "SELECT count(*), coalesce(sum(count), 0), min(clock), coalesce(sum(length(body)), 0) "
        "FROM push WHERE id > ?",
        (acked,),
    ).fetchone()
    return Backlog(name, values, pushes, size_bytes, oldest)


def size_bytes(sql: sqlite3.Connection) -> int:
    """Bytes of the pages in use; pages once freed stay in the file and are used again."""
    pages, free, page_bytes = (
        sql.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page_bytes)


def spool_error(path: Path, error: sqlite3.Error, read_only: bool = False) -> SpoolError:
    """SQLite's error in words, with what helps."""
    text = str(error)
    todo = ""
    if "full" in text:
        todo = "free some room on that file system"
    elif "not a database" in text or "malformed" in text:
        todo = "move the file away; a new one is made at the next start"
    elif read_only and ("readonly" in text or "open" in text):
        todo = "it belongs to the daemon's user: try as root"
    elif "readonly" in text or "open" in text:
        todo = "the daemon's user needs write access to the file and its directory"
    return SpoolError(f"the spool {path} failed", text, todo)
