"""Opens the spool's file: ownership, lock, format, damage, and SQLite's errors as sentences.

The file has a write-ahead log, and a commit counts when it is on the disk. Source: sqlite.org/wal.html,
sqlite.org/pragma.html, sqlite.org/rescode.html.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import IO

from tcpwatchd.model.errors import SpoolError
from tcpwatchd.spool.schema import FORMAT, UPGRADES

# States of a disk, not of a configuration: it is worth waiting for them to pass.
_PASSING = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO, errno.ENFILE, errno.EMFILE}
_MOST_DAMAGED = 4


class DamagedError(SpoolError):
    """The file is no database, or a broken one."""


class PassingError(SpoolError):
    """The disk takes nothing just now."""


def connect(path: Path, read_only: bool = False) -> sqlite3.Connection:
    """The file as a database of this format; made if it is not there. SpoolError leaves nothing open."""
    try:
        database = sqlite3.connect(
            f"{path.as_uri()}?mode={'ro' if read_only else 'rwc'}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=0.05,  # whoever else has it open, a sample must not wait for him
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
    if version > FORMAT:
        raise SpoolError(
            f"the spool {path} was written by a newer tcpwatchd",
            f"format {version}, known is {FORMAT}",
            "upgrade again, or set another spool.path",
        )
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version == 0 and (tables or read_only):
        raise SpoolError(
            f"{path} is no spool of tcpwatchd",
            "it is some other program's database" if tables else "it is empty",
            "set another spool.path" if tables else "has the daemon run here?",
        )
    if version != FORMAT and read_only:
        raise SpoolError(
            f"the spool {path} was written by an older tcpwatchd",
            "",
            "start the daemon, it brings it up to date",
        )
    return int(version)


def _set_up(database: sqlite3.Connection, version: int) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    # FULL: a push that was appended survives a power cut, not only a killed process.
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA journal_size_limit = 4194304")
    # Each page is written once and read once: a cache of 2 MB, the default, would only take memory.
    database.execute("PRAGMA cache_size = -256")
    if version != FORMAT:
        # One transaction: a disk that is full in the middle of it leaves nothing half made.
        database.executescript(
            f"BEGIN IMMEDIATE; {UPGRADES[version]} PRAGMA user_version = {FORMAT}; COMMIT;"
        )
    else:
        # What a crash of the machine left broken is found now, and not in the middle of an outage.
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"malformed: {verdict}")


def put_aside(path: Path) -> Path:
    """Renames a damaged file and what belongs to it, and returns its new name: nothing is deleted.

    Of more than a few, only the first ones and the last are kept.
    """
    for nth in range(1, _MOST_DAMAGED + 1):
        aside_path = Path(f"{path}.damaged{'' if nth == 1 else f'-{nth}'}")
        if not aside_path.exists():
            break
    try:
        os.replace(path, aside_path)
        with suppress(FileNotFoundError):
            os.replace(f"{path}-wal", f"{aside_path}-wal")
        with suppress(FileNotFoundError):
            os.unlink(f"{path}-shm")
    except OSError as error:
        raise os_error(path, error) from error
    return aside_path


def own(path: Path) -> IO[bytes]:
    """Takes the file for this process. The lock is the kernel's: it ends with the process in any case."""
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        # For this user alone; SQLite's own files get the mode of the first.
        for name in (path, f"{path}.lock"):
            os.close(os.open(name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        owner = open(f"{path}.lock", "ab")  # noqa: SIM115 - held until close()
    except OSError as error:
        raise os_error(path, error) from error
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner.close()
        if not isinstance(error, BlockingIOError):
            raise os_error(path, error) from error
        raise SpoolError(
            f"the spool {path} is in use",
            "another tcpwatchd has it open",
            "stop that one (`systemctl stop tcpwatchd`), or give this one its own spool.path",
        ) from error
    return owner


def in_use(path: Path) -> bool:
    """Whether a daemon has it open at this moment. Takes no lock itself, not even for a moment."""
    try:
        inode = os.stat(f"{path}.lock").st_ino
        with open("/proc/locks", encoding="ascii") as locks:
            # `1: FLOCK  ADVISORY  WRITE 4211 08:01:131073 0 EOF`, proc_locks(5)
            held = [line.split() for line in locks]
    except OSError:
        return False
    return any(
        lock[1] == "FLOCK" and lock[5].rpartition(":")[2] == str(inode) for lock in held if len(lock) > 5
    )


def spool_error(path: Path, error: sqlite3.Error, read_only: bool = False) -> SpoolError:
    """SQLite's error in words, with what helps."""
    text = str(error)
    if "not a database" in text or "malformed" in text:
        return DamagedError(
            f"the spool {path} is damaged", text, "the daemon puts it aside, and begins a new one"
        )
    if "locked" in text or "busy" in text:
        return PassingError(f"the spool {path} failed", text, f"another program has it open: fuser -v {path}")
    if "full" in text:
        return PassingError(f"the spool {path} failed", text, "free some room on that file system")
    if read_only and ("readonly" in text or "open" in text):
        return SpoolError(f"the spool {path} failed", text, "it belongs to the daemon's user: try as root")
    if "readonly" in text or "open" in text:
        if passing := _passing(path):
            return PassingError(
                f"the spool {path} failed", passing, "look after the disk of that file system"
            )
        return SpoolError(
            f"the spool {path} failed",
            text,
            "the daemon's user needs write access to the file and its directory",
        )
    if "I/O" in text:
        return PassingError(f"the spool {path} failed", text, "look after the disk: dmesg, df -h, df -i")
    return SpoolError(f"the spool {path} failed", text)


def os_error(path: Path, error: OSError) -> SpoolError:
    """The system's error about the file or its directory in words, with what helps."""
    why = os.strerror(error.errno or 0)
    if error.errno in _PASSING:
        return PassingError(f"cannot open the spool {path}", why, "look after the disk: dmesg, df -h, df -i")
    return SpoolError(
        f"cannot open the spool {path}",
        why,
        "the daemon's user needs a writable directory there; or set spool.path",
    )


def _passing(path: Path) -> str:
    """Why no process can write there now, whatever its rights; empty if that is not the reason."""
    try:
        disk = os.statvfs(path.parent)
    except OSError as error:
        return os.strerror(error.errno or 0) if error.errno in _PASSING else ""
    if disk.f_flag & os.ST_RDONLY:
        return os.strerror(errno.EROFS)
    return os.strerror(errno.ENOSPC) if disk.f_bavail == 0 or (disk.f_files and disk.f_favail == 0) else ""
