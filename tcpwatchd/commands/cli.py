"""Command-line parser and dispatch. Exit codes: 0 good, 1 failed, 2 usage, 78 bad configuration.

A command is imported when it runs, so that `explain` does not load a database nor `sample` a sender.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tcpwatchd import __version__
from tcpwatchd.commands.in_chinese import spoken
from tcpwatchd.commands.invocation import BAD_CONFIG, FAILED, GOOD, complain, open_closed_streams
from tcpwatchd.metrics.spellings import DIALECTS, SPELLINGS
from tcpwatchd.model.errors import ConfigError, TcpwatchdError

_EPILOG = "exit codes: 0 good, 1 failed, 2 usage, 78 bad configuration"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. Errors meant for a person become one line on stderr."""
    open_closed_streams()
    arguments = parser().parse_args(argv)
    command = importlib.import_module(f"tcpwatchd.commands.{arguments.command.replace('-', '_')}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without block characters still gets its numbers
    # What `run` says is a log, which is searched: it stays English.
    say = str if arguments.command == "run" else spoken
    try:
        code: int = command.run(arguments)
        sys.stdout.flush()
    except ConfigError as error:
        for line in error.lines():
            complain(say(line))
        return BAD_CONFIG
    except TcpwatchdError as error:
        complain(say(f"tcpwatchd: {error}"))
        return FAILED
    except BrokenPipeError:
        # The reader of our output has gone (`tcpwatchd explain | head`): nothing is wrong. What is still
        # buffered must go somewhere, or the interpreter complains at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except OSError as error:
        complain(say(f"tcpwatchd: {error.strerror or error}"))
        return FAILED
    except KeyboardInterrupt:
        return 130
    return code


def parser() -> argparse.ArgumentParser:
    """All commands and options."""
    whole = argparse.ArgumentParser(
        prog="tcpwatchd",
        description="TCP socket states of this host, sampled from the kernel and pushed to Zabbix.",
        epilog=_EPILOG,
    )
    whole.add_argument("--version", action="version", version=f"tcpwatchd {__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, words: str, configured: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=words, description=words, epilog=_EPILOG)
        sub.set_defaults(command=name)
        if configured:
            sub.add_argument(
                "-c",
                dest="config",
                metavar="FILE",
                type=Path,
                help="configuration (default: /etc/tcpwatchd/config.yaml)",
            )
        return sub

    add("run", "run the daemon in the foreground; SIGTERM and SIGINT stop it, SIGHUP reloads")
    sample = add("sample", "print one sample of this host as a table")
    form = sample.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON for other programs")
    form.add_argument("--watch", action="store_true", help="sample every intervals.sample until Ctrl-C")
    check = add("check", "check the configuration and print every problem")
    check.add_argument(
        "--connect",
        action="store_true",
        help="also check this host, and whether each server accepts the values; stores nothing",
    )
    template = add("template", "print the Zabbix template for this configuration")
    template.add_argument(
        "--lang", choices=("en", "zh"), default="en", help="the language of descriptions (names stay English)"
    )
    template.add_argument(
        "--zabbix",
        choices=("6.0", "7.0"),
        default="6.0",
        help="the version of Zabbix; 7.0: also its newer widgets (default: 6.0, which later versions import)",
    )
    template.add_argument(
        "--dialect",
        choices=DIALECTS,
        help="print a template with the keys of another script or agent instead",
    )
    template.add_argument(
        "--patterns",
        action="store_true",
        help="print a template with the keys of keys.pattern and keys.patterns instead",
    )
    explain = add("explain", "explain a state, an item key or an alarm, and what to do", configured=False)
    explain.add_argument("subject", nargs="?", metavar="STATE|KEY", help="such as close_wait or TIME-WAIT")
    explain.add_argument("--lang", choices=("en", "zh"), help="language; zh: Chinese (default: from LANG)")
    _add_setup(add("setup", "set a Zabbix server up over its API; needs the extra tcpwatchd[setup]"))
    add("backlog", "show the values that wait on disk, for each destination")
    imported = add(
        "import-agent-config",
        "print a configuration made from that of a Zabbix agent: servers, host, TLS, source address",
        configured=False,
    )
    imported.add_argument("file", type=Path, metavar="FILE", help="such as /etc/zabbix/zabbix_agentd.conf")
    demo = add("demo", "run the whole daemon against a trapper in this process", configured=False)
    demo.add_argument("--seconds", type=_seconds, default=20.0, metavar="N", help="how long (default: 20)")
    return whole


def _add_setup(setup: argparse.ArgumentParser) -> None:
    setup.add_argument(
        "actions",
        nargs="+",
        metavar="ACTION",
        choices=("template", "autoregistration", "dashboard", "link", "convert", "all"),
        help="template: import or update it; autoregistration: the action for hosts that register "
        "themselves; dashboard: the hosts with the largest numbers; link: the template to hosts; convert: "
        "items with keys of another script to trapper items; all: the first three",
    )
    setup.add_argument("--url", required=True, metavar="URL", help="of the frontend, as in the browser")
    setup.add_argument(
        "--token-file", required=True, type=Path, metavar="FILE", help="with an API token, and nothing else"
    )
    setup.add_argument("--ca-file", type=Path, metavar="FILE", help="authority of the frontend's certificate")
    setup.add_argument("--dry-run", action="store_true", help="print what would be changed, change nothing")
    setup.add_argument(
        "--metadata",
        default="tcpwatchd",
        metavar="TEXT",
        help="autoregistration: what zabbix.host_metadata contains (default: tcpwatchd)",
    )
    setup.add_argument(
        "--host-group",
        default="tcpwatchd",
        metavar="NAME",
        help="autoregistration, dashboard: the group of the hosts (default: tcpwatchd)",
    )
    setup.add_argument(
        "--hosts", nargs="+", default=[], metavar="NAME", help="link, convert: these hosts or templates"
    )
    setup.add_argument("--group", metavar="NAME", help="link, convert: the hosts of this group")
    setup.add_argument("--pattern", metavar="P", help="convert: such as 'tcp.status[STATE]'")
    setup.add_argument(
        "--spelling", choices=SPELLINGS, default="netstat", help="convert: of STATE (default: netstat)"
    )
    setup.add_argument("--back", action="store_true", help="convert: back to what the items were")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 86400")
    return seconds
