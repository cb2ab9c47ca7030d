"""`tcpwatchd` as the user nobody: python -m bench.as_nobody ARGUMENTS…

An interpreter in root's home cannot be started by nobody, but one that runs already can go on as nobody, if
it can still reach its modules: through directories that were opened before. Source: credentials(7),
proc_pid_fd(5); prctl(2) PR_SET_DUMPABLE and PR_SET_PDEATHSIG, both of which the kernel resets when the user
changes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterable

from tcpwatchd.commands.cli import main

NOBODY = 65534
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4


def keep_modules_in_reach() -> None:
    """What is imported later is found in the same directories, whatever stands above them."""
    sys.path[:] = _doors(sys.path)
    for module in list(sys.modules.values()):
        if getattr(module, "__path__", None):
            module.__path__ = _doors(module.__path__)
    sys.path_importer_cache.clear()


def _doors(directories: Iterable[str]) -> list[str]:
    """The same directories under names that lead through no other."""
    opened = [os.open(path, os.O_PATH | os.O_DIRECTORY) for path in directories if os.path.isdir(path)]
    return [f"/proc/self/fd/{descriptor}" for descriptor in opened]


def drop_privileges() -> None:
    """From now on this process is nobody, without a group or capability, as if it had been started so."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_DUMPABLE, 1)
    prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


if __name__ == "__main__":
    keep_modules_in_reach()
    drop_privileges()
    sys.exit(main())
