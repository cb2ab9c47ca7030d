"""Explains a state, an item key or an alarm."""

from __future__ import annotations

import argparse
import sys

from tcpwatchd.commands.in_chinese import speaks_chinese
from tcpwatchd.commands.invocation import GOOD, USAGE
from tcpwatchd.template.explain import explain


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    chinese = speaks_chinese() if arguments.lang is None else arguments.lang == "zh"
    text, found = explain(arguments.subject, chinese)
    print(text, file=sys.stdout if found else sys.stderr)
    return GOOD if found else USAGE
