"""The backlog as another process sees it: the values on disk, and a note of the values in memory.

Reading takes and changes nothing. SQLite may leave its empty side files. The note is in the service's
runtime directory, which is in memory: `RuntimeDirectory=` of systemd.exec(5).
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from tcpwatchd.model.backlog_level import Backlog, Held
from tcpwatchd.model.errors import SpoolError
from tcpwatchd.spool import queries, spool_file


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
        _, known, _ = queries.read(database)
        return tuple(
            queries.waiting(database, name, acked) for name, acked in sorted(known.items())
        ), queries.size_bytes(database)
    except sqlite3.Error as error:
        raise spool_file.spool_error(path, error) from error
    finally:
        database.close()


# The unit's RuntimeDirectory.
_DIRECTORY = "/run/tcpwatchd"
_NAME = "memory.json"


def runtime_file(name: str, environment: Mapping[str, str]) -> Path | None:
    """A file of this name in the service's runtime directory; None if the environment names no directory."""
    directory = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(directory) / name if directory else None


def write_whole(path: Path, text: str) -> None:
    """Puts the text there so that a reader finds all of it, or what was there before; OSError."""
    made = path.with_suffix(".new")
    made.write_text(text, encoding="utf-8")
    made.replace(path)


class MemoryNote:
    """Keeps the note up to date, if the environment names a directory for it."""

    def __init__(self, spool: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._spool = str(spool)
        self._path = runtime_file(_NAME, environment)
        self._told: Held | None = None
        self.remove()  # a daemon that was killed may have left one

    def tell(self, values: int, hangs: bool, now_clock: int) -> None:
        """How it stands. Where no value is in memory alone and the disk answers, there is no note."""
        if values == 0 and not hangs:
            if self._told is not None:
                self.remove()
            return
        held = Held(self._spool, values, hangs, self._told.since_clock if self._told else now_clock)
        if held == self._told or self._path is None:  # told each second, written when it is new
            return
        self._told = held
        with suppress(OSError):
            write_whole(self._path, json.dumps(asdict(held)))

    def remove(self) -> None:
        """Nothing is in memory alone, or this process ends."""
        self._told = None
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()


def read_note(spool: Path, environment: Mapping[str, str] = os.environ) -> Held | None:
    """The note about a spool; None where there is none, or none that can be read."""
    directory = environment.get("RUNTIME_DIRECTORY") or _DIRECTORY
    try:
        held = Held(**json.loads((Path(directory) / _NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return held if held.spool == str(spool) else None
