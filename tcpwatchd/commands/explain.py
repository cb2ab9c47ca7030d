"""Explains a state, an item key or an alarm."""

from __future__ import annotations

import argparse
import os
import sys

from tcpwatchd.commands.invocation import GOOD, USAGE
from tcpwatchd.template.explain import explain


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    spoken = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    text, found = explain(arguments.subject, chinese=(arguments.lang or spoken[:2]) == "zh")
    print(text, file=sys.stdout if found else sys.stderr)
    return GOOD if found else USAGE
