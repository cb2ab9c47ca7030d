"""The man page: made of the command line, and of all of it."""

from __future__ import annotations

import re

from release.manpage import manpage
from tcpwatchd import __version__
from tcpwatchd.commands.cli import parser
from tests.unit.commands.test_cli import COMMANDS


def test_every_command_and_option_stands_in_it() -> None:
    page = manpage(parser()).replace("\\-", "-")
    assert f'"tcpwatchd {__version__}"' in page
    assert tuple(re.findall(r"^\.B ([a-z][a-z-]+)$", page, re.MULTILINE)[1:]) == tuple(
        name for name in re.findall(r"^    ([a-z][a-z-]+)\s", parser().format_help(), re.MULTILINE)
    )
    for name in COMMANDS:
        assert f"\n.B {name}\n" in page
    for option in ("--json", "--watch", "--connect", "--dialect", "--lang", "--seconds N", "-c FILE"):
        assert f"\n.B {option}\n" in page
    for words in ("/etc/tcpwatchd/config.yaml", "78 bad configuration"):
        assert words in page


def test_no_line_is_taken_for_a_request_that_is_none() -> None:
    known = {".TH", ".SH", ".TP", ".B", ".I", ".BR", ".RS", ".RE"}
    for line in manpage(parser()).splitlines():
        assert not line.startswith("'")
        assert not line.startswith(".") or line.split()[0] in known
