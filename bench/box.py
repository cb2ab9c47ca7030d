"""Where all of it happens: network and mount namespaces of the bench's own.

Whatever it starts from then on is in there too, and with the last process they are gone. Source: unshare(2),
mount_namespaces(7).
"""

from __future__ import annotations

import ctypes
import os
import subprocess

from .errors import BenchError

_CLONE_NEWNS, _CLONE_NEWNET = 0x00020000, 0x40000000


def enter() -> None:
    """Moves this process, which must not have threads yet, into namespaces of its own; loopback is up."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS | _CLONE_NEWNET):
        raise BenchError(f"No namespace can be made here: {os.strerror(ctypes.get_errno())}.")
    # Without this, what is mounted in here would be seen by the whole machine.
    _run("mount", "--make-rprivate", "/")
    _run("ip", "link", "set", "lo", "up")


def mount_bpf(directory: str) -> None:
    """A file system for BPF programs, for the bench alone."""
    _run("mount", "-t", "bpf", "bpf", directory)


def unmount(directory: str) -> None:
    """Takes it away again."""
    _run("umount", directory)


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise BenchError(f"{' '.join(command)} failed: {ran.stderr.strip()}")
