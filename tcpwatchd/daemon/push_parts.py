"""Runs the parts of a push so that an error in one of them costs that part alone.

A part is an inspection, a reader of /proc, or a single value. A failure is counted, and logged once until
the part works again; an unexpected error with its traceback.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from tcpwatchd.model.errors import TcpwatchdError
from tcpwatchd.model.transition_log import TransitionLog

_Answer = TypeVar("_Answer")


class PushParts:
    """Of one daemon; for its main thread."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._edges: dict[str, TransitionLog] = {}
        self._failures = 0

    def attempt(self, part: str, work: Callable[[], _Answer]) -> _Answer | None:
        """What `work` returns; None where it fails."""
        try:
            answer = work()
        except Exception as error:  # whatever it is: one part's failure is that part's
            self.failed(part, error)
            return None
        self.worked(part)
        return answer

    def failed(self, part: str, error: Exception) -> None:
        """Counts and logs a failure."""
        self._failures += 1
        edge = self._edges.setdefault(part, TransitionLog(self._log, part))
        if isinstance(error, (TcpwatchdError, OSError)):
            edge.failed(str(error))
        else:
            reason = f"a bug in tcpwatchd ({type(error).__name__}), left out of this push"
            edge.failed(reason, "please report it", error)

    def worked(self, part: str) -> None:
        """It did not fail this time."""
        if edge := self._edges.get(part):
            edge.worked()

    def take_failures(self) -> int:
        """How many there were since this was last asked."""
        failures, self._failures = self._failures, 0
        return failures
