"""Says when something begins to fail and when it works again, and nothing in between.

Alone knows how often a failure is worth a line: once for each reason, until it works again.
"""

from __future__ import annotations

import logging


class Edge:
    """The two states of one thing that can fail. `subject` opens each line about it."""

    def __init__(self, log: logging.Logger, subject: str) -> None:
        self._log = log
        self._subject = subject
        self._said: set[str] = set()

    @property
    def failing(self) -> bool:
        """Whether the last word was a failure."""
        return bool(self._said)

    def failed(self, reason: str, todo: str = "") -> None:
        """One line the first time for this `reason`."""
        if reason not in self._said:
            self._said.add(reason)
            hint = f" -> {todo}" if todo else ""
            self._log.warning("%s: %s%s", self._subject, reason, hint)

    def worked(self, again: str = "works again") -> None:
        """One line (`again`) if it had failed."""
        if self._said:
            self._said.clear()
            self._log.warning("%s: %s", self._subject, again)
