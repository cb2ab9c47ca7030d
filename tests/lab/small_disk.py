"""A spool on a disk of a few KiB, which becomes full, read-only or damaged. Needs root."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tcpwatchd.spool.spool import Spool
from tests.unit.spool.test_spool import push, texts

WIDE = 100  # values a push, so that a small disk is soon full


class Disk:
    """A file system of its own at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spool_path = path / "spool.db"

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.path)], check=True)

    def fill(self) -> None:
        free = os.statvfs(self.path)
        with open(self.path / "filler", "wb", 0) as filler:
            os.posix_fallocate(filler.fileno(), 0, free.f_bavail * free.f_frsize)

    def empty(self) -> None:
        (self.path / "filler").unlink()


def drained(spool: Spool, destination: str) -> list[str]:
    """Delivers everything; the number of each push, in the order of delivery."""
    numbers = []
    while (batch := spool.peek(destination, 250)) is not None:
        numbers += list(dict.fromkeys(texts(batch)))
        spool.ack(destination, batch.last_id)
    return numbers


def append(spool: Spool, *numbers: int) -> int:
    """Appends pushes; how many the disk did not take."""
    refused = 0
    for number in numbers:
        spool.append("h", push(number, WIDE), 250)
        refused += not spool.flush()
    return refused


def numbers(*ranges: range) -> list[str]:
    return [str(number) for one in ranges for number in one]
