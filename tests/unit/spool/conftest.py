"""What tests of the spool share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.requirements import require
from tests.lab.small_disk import Disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    require(os.geteuid() == 0, "a disk of a few KiB needs root, to mount one")
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)], check=True)
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
