"""The backlog as another process sees it, beside the daemon that has the spool open or after its end.

Alone knows how to look without taking or changing anything of it. (SQLite may leave its empty side files.)
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from tcpwatchd.model.backlog_level import Backlog
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
