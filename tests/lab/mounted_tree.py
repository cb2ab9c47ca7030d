"""Commands in a Debian tree that is not booted, on this host's network and with /proc and /dev of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

# Mounts of a namespace of its own end with the command. A tree has no resolver: nothing is to be fetched.
_SCRIPT = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
_TIMEOUT_S = 1800.0  # it may run with a low priority beside all other tests


def within(tree: Path, *command: str, directory: str = "/") -> list[str]:
    """What a command there is outside: each part becomes the next, so a signal reaches the command itself."""
    return [
        *("unshare", "--mount", "--propagation=private", "sh", "-ec", _SCRIPT, str(tree)),
        *("env", "-C", directory, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"),
        *command,
    ]


def done(tree: Path, *command: str, directory: str = "/") -> str:
    """One command, to its end; it has to work. What it says."""
    ran = subprocess.run(
        within(tree, *command, directory=directory),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        stdin=subprocess.DEVNULL,
    )
    assert ran.returncode == 0, f"{' '.join(command)}:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}"
    return ran.stdout
