"""Reads files of /proc. procfs gives what fits in one read whole, so one read returns a consistent text.

A file that this kernel does not have raises FileNotFoundError; `optional_text` returns an empty text for it.
Source: proc(5).
"""

from __future__ import annotations

import os

_MOST_BYTES = 65536  # the largest one read here, netstat, has 4,000


class OtherFileError(OSError):
    """The path leads to another file than expected: its process has ended, or changed its namespace."""


def text(path: str, inode: int | None = None) -> str:
    """The text of a file; bytes that are not UTF-8 are replaced. Raises OSError.

    With an `inode`, raises OtherFileError if the file has another one. The file is opened for each read,
    because an open file of a network namespace would keep that namespace after its container has ended.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if inode is not None and os.fstat(file).st_ino != inode:
            raise OtherFileError(f"{path} is another file now")
        return os.read(file, _MOST_BYTES).decode("utf-8", "replace")
    finally:
        os.close(file)


def optional_text(path: str) -> str:
    """The same; empty if the kernel has no such file, for example without IPv6 or cgroups. Raises OSError."""
    try:
        return text(path)
    except FileNotFoundError:
        return ""


def sysctl(path: str) -> str:
    """A setting of the kernel, which may be longer than one read. Raises OSError, or ValueError."""
    with open(path, encoding="ascii") as file:
        return file.read()
