"""Prints the Zabbix template for a configuration."""

from __future__ import annotations

import argparse

from tcpwatchd.commands.invocation import GOOD, config_of
from tcpwatchd.metrics.catalogue import selected
from tcpwatchd.template.render import dialect_template, patterns_template, template


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    if arguments.dialect:
        text = dialect_template(arguments.dialect)
    else:
        config = config_of(arguments)
        ours = template(selected(config), config.push_s, arguments.zabbix, arguments.lang)
        text = patterns_template(config.key_patterns, config.services) if arguments.patterns else ours
    print(text, end="")
    return GOOD
