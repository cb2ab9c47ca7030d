"""Standard input, output and error, where whoever started the process has closed some of them (`>&-`)."""

from __future__ import annotations

import os
import sys

from tcpwatchd.model.printable import MESSAGE_CHARACTERS, printable


def open_closed_streams() -> None:
    """Opens /dev/null in place of standard streams that are closed: else a file that is opened later takes
    their number, and what is printed is written into it.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for good
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as above


def complain(sentence: str) -> None:
    """One line for a person, to standard error; it may quote a file or a server."""
    sys.stderr.write(f"{printable(sentence, MESSAGE_CHARACTERS)}\n")
