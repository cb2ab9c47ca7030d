"""A contender that is a daemon: started once, stopped (SIGSTOP) outside of its turns.

Source: prctl(2) PR_SET_PDEATHSIG by setpriv(1), kill(2).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable

from . import accounting
from .errors import ContenderError, last_line

_START_S = 30.0
_END_S = 5.0


class Resident:
    """One that runs. `log` has what it says."""

    def __init__(self, command: Sequence[str], log: Path, cwd: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def wait_until(self, ready: Callable[[], bool], what: str, patience_s: float = _START_S) -> None:
        """Until it holds; ContenderError when the process ends or the patience does."""
        deadline = time.monotonic() + patience_s
        while not ready():
            if self._process.poll() is not None:
                raise ContenderError(f"it ended with {self._process.returncode}: {last_line(self._log)}")
            if time.monotonic() > deadline:
                raise ContenderError(f"after {patience_s:g} s still not: {what}; {last_line(self._log)}")
            time.sleep(0.02)

    def pause(self) -> None:
        """No CPU from now on."""
        self._signal(signal.SIGSTOP)

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """It runs within the block."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.pause()

    def cpu_s(self) -> float:
        """CPU time so far, its children's included."""
        return accounting.cpu_s(accounting.family(self.pid))

    def peak_bytes(self) -> int:
        """Of the largest of its processes."""
        return accounting.peak_bytes(accounting.family(self.pid))

    def end(self) -> None:
        """Asks it to stop, then makes it."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)
