"""What all commands share: exit codes, the configuration that -c names, and standard streams."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tcpwatchd.model.printable import MESSAGE_CHARACTERS, printable

if TYPE_CHECKING:
    from tcpwatchd.config.config import Config

GOOD, FAILED, USAGE, BAD_CONFIG = 0, 1, 2, 78  # 78 is EX_CONFIG of sysexits.h


def config_of(arguments: argparse.Namespace, required: bool = False) -> Config:
    """The configuration asked for; without -c, and where the default file is not required, the defaults.

    Where it is required, so are the files that it names: certificates and keys.
    """
    from tcpwatchd.config import config  # noqa: PLC0415 - `explain` needs no YAML

    path: Path | None = arguments.config
    if path is None and not required and not config.DEFAULT_PATH.exists():
        return config.parse("", "defaults")
    return config.load(path or config.DEFAULT_PATH, with_files=required)


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
