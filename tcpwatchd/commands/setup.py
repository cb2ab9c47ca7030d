"""Sets a Zabbix server up over its API, from any machine."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from types import MappingProxyType

from tcpwatchd.commands.in_chinese import spoken
from tcpwatchd.commands.invocation import GOOD
from tcpwatchd.config.config import load, parse
from tcpwatchd.config.pattern_readers import read_pattern
from tcpwatchd.metrics.catalogue import selected
from tcpwatchd.metrics.key_patterns import KeyPattern
from tcpwatchd.setup.api import SetupError, open_api, read_token
from tcpwatchd.setup.autoregistration import autoregistration
from tcpwatchd.setup.changes import Changes
from tcpwatchd.setup.convert import convert
from tcpwatchd.setup.fleet_dashboard import fleet_dashboard
from tcpwatchd.setup.import_template import import_template
from tcpwatchd.setup.link import link
from tcpwatchd.template.generations import generation_of
from tcpwatchd.template.render import template


def _template(changes: Changes, arguments: argparse.Namespace) -> None:
    config = load(arguments.config) if arguments.config else parse("", "")
    generation = generation_of(changes.zabbix_version())
    import_template(changes, template(selected(config), config.push_s, generation))


def _autoregistration(changes: Changes, arguments: argparse.Namespace) -> None:
    autoregistration(changes, arguments.metadata, arguments.host_group)


def _dashboard(changes: Changes, arguments: argparse.Namespace) -> None:
    fleet_dashboard(changes, arguments.host_group)


def _link(changes: Changes, arguments: argparse.Namespace) -> None:
    if not arguments.hosts and arguments.group is None:
        raise SetupError("link: no hosts are named", "", "--hosts NAME… or --group GROUP")
    link(changes, arguments.hosts, arguments.group)


def _convert(changes: Changes, arguments: argparse.Namespace) -> None:
    if arguments.pattern is None:
        raise SetupError("convert: no keys are named", "", "--pattern 'tcp.status[STATE]'")
    try:
        pattern = KeyPattern(read_pattern(arguments.pattern), arguments.spelling)
    except ValueError as error:
        raise SetupError(f"--pattern {arguments.pattern} {error}") from error
    convert(changes, pattern, arguments.hosts, arguments.group, arguments.back)


_ACTIONS: Mapping[str, Callable[[Changes, argparse.Namespace], None]] = MappingProxyType(
    {
        "template": _template,
        "autoregistration": _autoregistration,
        "dashboard": _dashboard,
        "link": _link,
        "convert": _convert,
    }
)
_ALL = ("template", "autoregistration", "dashboard")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    call = open_api(arguments.url, read_token(arguments.token_file), arguments.ca_file)
    changes = Changes(call, lambda line: print(spoken(line), flush=True), arguments.dry_run)
    for action in _ALL if arguments.actions == ["all"] else arguments.actions:
        _ACTIONS[action](changes, arguments)
    if arguments.dry_run:
        print(spoken(f"dry run: {changes.made} changes, none made"))
    return GOOD
