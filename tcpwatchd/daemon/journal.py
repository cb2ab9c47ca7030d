"""Formats log lines: with a priority for systemd's journal, otherwise with the time.

Sources: systemd.exec(5) on $JOURNAL_STREAM, sd-daemon(3) on the prefixes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from tcpwatchd.model.printable import MESSAGE_CHARACTERS, printable

# syslog's numbers, which the journal keeps.
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


class LineFormatter(logging.Formatter):
    """One printable line a message. Only a traceback, which is ours, has several."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """The line, whatever is in the message."""
        return printable(super().formatMessage(record), MESSAGE_CHARACTERS)

    def formatException(self, *exception: Any) -> str:  # noqa: N802 - logging's own name
        """The traceback; the text of an exception may quote what came from outside."""
        lines = super().formatException(*exception).splitlines()
        return "\n".join(printable(line, MESSAGE_CHARACTERS) for line in lines)


class JournalFormatter(LineFormatter):
    """`<4>WARNING …`, each line of it: the journal takes the time itself, and the number off again."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines of one record."""
        priority = next((number for level, number in _PRIORITIES if record.levelno >= level), _DEBUG)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def formatter(descriptor: int, environment: Mapping[str, str] = os.environ) -> logging.Formatter:
    """What suits a stream: the journal's if it leads there."""
    words = "%(levelname)s %(message)s"
    if _leads_to_journal(descriptor, environment.get("JOURNAL_STREAM", "")):
        return JournalFormatter(words)
    return LineFormatter(f"%(asctime)s {words}")


def _leads_to_journal(descriptor: int, stream: str) -> bool:
    # Set for a whole tree of processes, of which some send their output elsewhere.
    try:
        here = os.fstat(descriptor)
    except OSError:
        return False
    return stream == f"{here.st_dev}:{here.st_ino}"
