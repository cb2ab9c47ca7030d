"""The man page, from the command line as it is: `python -m release.manpage` prints it.

Source: man(7), argparse's own lists of what a parser knows.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from tcpwatchd import __version__
from tcpwatchd.commands.cli import parser
from tcpwatchd.config.config import DEFAULT_PATH

_FILES = (
    (str(DEFAULT_PATH), "the configuration; every key with its default stands in the example beside it"),
    ("/var/lib/tcpwatchd/spool.db", "what waits for a server"),
)


def manpage(command: argparse.ArgumentParser) -> str:
    """The page in roff."""
    lines = [
        f'.TH TCPWATCHD 8 "" "tcpwatchd {__version__}"',
        ".SH NAME",
        f"tcpwatchd \\- {_text(command.description or '')}",
        ".SH SYNOPSIS",
        ".B tcpwatchd",
        ".I COMMAND",
        "[OPTIONS]",
        ".SH COMMANDS",
    ]
    for name, sub in _commands(command):
        lines += [".TP", f".B {name}", _text(sub.description or "")]
        lines += [line for action in sub._actions for line in _option(action)]
    lines += [".SH FILES"]
    for path, words in _FILES:
        lines += [".TP", f".I {_text(path)}", _text(words)]
    lines += [".SH EXIT STATUS", _text((command.epilog or "").partition(": ")[2])]
    lines += [".SH SEE ALSO", ".BR ss (8),", ".BR systemctl (1),", ".BR zabbix_sender (1)"]
    return "\n".join(lines) + "\n"


def _commands(command: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in command._actions:  # argparse shows them nowhere else
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _option(action: argparse.Action) -> Iterator[str]:
    if action.dest == "help":
        return
    names = " ".join(action.option_strings) or str(action.metavar)
    value = f" {action.metavar}" if action.option_strings and action.metavar else ""
    yield ".RS"
    yield ".TP"
    yield f".B {_text(names)}{_text(value)}"
    yield _text(action.help or "")
    yield ".RE"


def _text(words: str) -> str:
    return words.replace("\\", "\\e").replace("-", "\\-")


if __name__ == "__main__":
    print(manpage(parser()), end="")
