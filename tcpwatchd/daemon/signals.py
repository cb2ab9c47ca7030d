"""Turns signals into events that the main thread waits for.

A handler may run between any two bytecodes, so no handler does anything. The interpreter writes the number
of each signal into a pipe (signal.set_wakeup_fd), and `wait` reads it there.
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType, TracebackType

STOP = frozenset({signal.SIGTERM, signal.SIGINT})
RELOAD = frozenset({signal.SIGHUP})


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler must exist for the number to reach the pipe."""


class Signals:
    """Between `with` and its end, SIGTERM, SIGINT and SIGHUP come out of `wait`. Main thread only."""

    def __enter__(self) -> Signals:
        self._read_fd, self._write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)
        self._wakeup_before = signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _nothing) for number in STOP | RELOAD}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._read_fd)
        os.close(self._write_fd)

    def wait(self, seconds: float) -> set[int]:
        """The signals that came, as soon as one has; empty after `seconds` without any."""
        ready, _, _ = select.select([self._read_fd], [], [], seconds)
        return set(os.read(self._read_fd, 512)) if ready else set()

    @staticmethod
    def let_the_next_one_kill() -> None:
        """From now on a second SIGTERM or SIGINT ends the process at once."""
        for number in STOP:
            signal.signal(number, signal.SIG_DFL)
