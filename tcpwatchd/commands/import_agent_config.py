"""Prints a configuration made from that of a Zabbix agent."""

from __future__ import annotations

import argparse

from tcpwatchd.commands.invocation import GOOD, complain
from tcpwatchd.config import config
from tcpwatchd.config.agent_config import import_agent_config


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    translation = import_agent_config(arguments.file)
    print(translation.yaml, end="", flush=True)
    for sentence in translation.missed:
        complain(f"not taken over: {sentence}")
    for line in translation.remove:
        complain(f"remove when its values come from tcpwatchd: {line}")
    config.parse(translation.yaml, str(arguments.file))
    return GOOD
