"""Logs when something begins to fail and when it works again: one line for each reason, not for each
failure.
"""

from __future__ import annotations

import logging
import re

# A server that gives ever new reasons is heard so often, and then only when it works again.
_MOST_REASONS = 10


class TransitionLog:
    """The two states of one thing that can fail. `subject` opens each line about it."""

    def __init__(self, log: logging.Logger, subject: str) -> None:
        self._log = log
        self._subject = subject
        self._said: set[str] = set()

    @property
    def failing(self) -> bool:
        """Whether the last word was a failure."""
        return bool(self._said)

    def failed(self, reason: str, todo: str = "", error: Exception | None = None) -> None:
        """One line the first time for this `reason`, numbers in it aside; with the traceback of `error`."""
        kind = re.sub(r"\d+", "#", reason)
        if kind in self._said or len(self._said) >= _MOST_REASONS:
            return
        self._said.add(kind)
        hint = f" -> {todo}" if todo else ""
        self._log.warning("%s: %s%s", self._subject, reason, hint, exc_info=error)

    def worked(self, again: str = "works again") -> None:
        """One line (`again`) if it had failed."""
        if self._said:
            self._said.clear()
            self._log.warning("%s: %s", self._subject, again)
