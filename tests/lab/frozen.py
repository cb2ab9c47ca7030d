"""A file system in a file, which can be frozen as the backup of a virtual machine does it. Needs root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SIZE_BYTES = 32 * 1024**2


class FileSystem:
    """Mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def freeze(self) -> None:
        """From now on whoever writes here waits, and cannot be killed."""
        subprocess.run(["fsfreeze", "-f", str(self.path)], check=True)

    def thaw(self) -> None:
        subprocess.run(["fsfreeze", "-u", str(self.path)], check=False, stderr=subprocess.DEVNULL)


@contextmanager
def file_system(directory: Path, name: str = "frozen") -> Iterator[FileSystem]:
    """A file system of its own at `name` in `directory`; thawed and gone at the end."""
    path, image = directory / name, directory / f"{name}.img"
    path.mkdir()
    with image.open("wb") as file:
        file.truncate(_SIZE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(path)], check=True)
    mounted = FileSystem(path)
    try:
        yield mounted
    finally:
        mounted.thaw()
        subprocess.run(["umount", "--lazy", str(path)], check=True)
