"""The door: commands, options and exit codes.

Alone knows the command line. Each command imports only what it needs, so that `explain` does not pay for
a database nor `sample` for a sender. Exit codes: 0 good, 1 failed, 2 usage, 78 bad configuration.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tcpwatchd import __version__
from tcpwatchd.commands.standard_streams import complain, open_closed_streams
from tcpwatchd.metrics.spellings import DIALECTS
from tcpwatchd.model.errors import ConfigError, TcpwatchdError

if TYPE_CHECKING:
    from tcpwatchd.config.config import Config

GOOD, FAILED, USAGE, BAD_CONFIG = 0, 1, 2, 78  # 78 is EX_CONFIG of sysexits.h

_EPILOG = "exit codes: 0 good, 1 failed, 2 usage, 78 bad configuration"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. Errors meant for a person become one line on stderr."""
    open_closed_streams()
    arguments = parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without block characters still gets its numbers
    try:
        code = command(arguments)
        sys.stdout.flush()
    except ConfigError as error:
        for line in error.lines():
            complain(line)
        return BAD_CONFIG
    except TcpwatchdError as error:
        complain(f"tcpwatchd: {error}")
        return FAILED
    except BrokenPipeError:
        # The reader of our output has gone (`tcpwatchd explain | head`): nothing is wrong. What is still
        # buffered must go somewhere, or the interpreter complains at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except OSError as error:
        complain(f"tcpwatchd: {error.strerror or error}")
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

    def add(
        name: str, command: Callable[[argparse.Namespace], int], words: str, configured: bool = True
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=words, description=words, epilog=_EPILOG)
        sub.set_defaults(command=command)
        if configured:
            sub.add_argument(
                "-c",
                dest="config",
                metavar="FILE",
                type=Path,
                help="configuration (default: /etc/tcpwatchd/config.yaml)",
            )
        return sub

    add("run", _run, "the daemon, in the foreground; SIGTERM and SIGINT stop it, SIGHUP reloads")
    sample = add("sample", _sample, "one sample of this host as a table")
    form = sample.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON for other programs")
    form.add_argument("--watch", action="store_true", help="sample every intervals.sample until Ctrl-C")
    check = add("check", _check, "read the configuration and print every problem")
    check.add_argument(
        "--connect",
        action="store_true",
        help="also look at this host, and ask each server if it takes the values; stores nothing",
    )
    template = add("template", _template, "print the Zabbix template for this configuration")
    template.add_argument(
        "--dialect",
        choices=DIALECTS,
        help="instead, one with the states under the keys of another script or agent",
    )
    template.add_argument(
        "--patterns", action="store_true", help="instead, one with the keys of keys.pattern and keys.patterns"
    )
    explain = add("explain", _explain, "what a state or an item key means, and what to do", configured=False)
    explain.add_argument("subject", nargs="?", metavar="STATE|KEY", help="such as close_wait or TIME-WAIT")
    explain.add_argument("--lang", choices=("en", "zh"), help="zh: the states in Chinese (default: LANG)")
    add("backlog", _backlog, "what waits on disk, per destination")
    imported = add(
        "import-agent-config",
        _import_agent_config,
        "print a configuration made of a Zabbix agent's: servers, host, TLS, source address",
        configured=False,
    )
    imported.add_argument("file", type=Path, metavar="FILE", help="such as /etc/zabbix/zabbix_agentd.conf")
    demo = add("demo", _demo, "the whole daemon against a trapper in this process", configured=False)
    demo.add_argument("--seconds", type=_seconds, default=20.0, metavar="N", help="how long (default: 20)")
    return whole


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to 86400")
    return seconds


def _config(arguments: argparse.Namespace, required: bool = False) -> Config:
    """The configuration asked for; without -c, and where the default file is not required, the defaults.

    Where it is required, so are the files that it names: certificates and keys.
    """
    from tcpwatchd.config import config

    path: Path | None = arguments.config
    if path is None and not required and not config.DEFAULT_PATH.exists():
        return config.parse("", "defaults")
    return config.load(path or config.DEFAULT_PATH, with_files=required)


def _run(arguments: argparse.Namespace) -> int:
    import logging

    from tcpwatchd.daemon.daemon import Daemon
    from tcpwatchd.daemon.journal import formatter
    from tcpwatchd.daemon.notify import Notifier
    from tcpwatchd.kernel.sampler import open_sampler
    from tcpwatchd.model.clock import Clock
    from tcpwatchd.spool.spool import Spool

    config = _config(arguments, required=True)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(sys.stderr.fileno()))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("tcpwatchd").setLevel(config.log_level.upper())
    clock = Clock()
    sampler = open_sampler(config.backend, clock, config.mode)
    spool = Spool(config.spool_path, config.servers)
    Daemon(config, sampler, spool, clock, Notifier(), lambda: _config(arguments, required=True)).run()
    return GOOD


def _sample(arguments: argparse.Namespace) -> int:
    import json
    import shutil
    import time

    from tcpwatchd.commands.console import (
        HOME_AND_CLEAR,
        WIDE,
        found_table,
        limits_table,
        snapshot_json,
        snapshot_table,
    )
    from tcpwatchd.daemon.inspection_schedule import Looks
    from tcpwatchd.diagnosis.inspector import closer_look
    from tcpwatchd.kernel.counters import read_limits
    from tcpwatchd.kernel.sampler import open_sampler
    from tcpwatchd.model.clock import Clock

    config = _config(arguments)
    clock = Clock()
    sampler = open_sampler(config.backend, clock)
    looks = Looks(closer_look(sampler.backend), clock, config)
    if sampler.fallback:
        print(f"tcpwatchd: sampling with psutil: {sampler.fallback}", file=sys.stderr)
    on_terminal = sys.stdout.isatty()
    colours = on_terminal and "NO_COLOR" not in os.environ
    try:
        while True:
            columns = shutil.get_terminal_size().columns if on_terminal else WIDE  # it may be resized
            snapshot, limits = sampler.sample(), read_limits()
            found = looks.take(snapshot)
            if arguments.json:
                print(json.dumps(snapshot_json(snapshot, limits, found)))
            else:
                clear = HOME_AND_CLEAR if arguments.watch and on_terminal else ""
                tables = (
                    snapshot_table(snapshot, config.host, colours, columns),
                    limits_table(snapshot, limits, colours, found.ports, columns),
                    found_table(found, colours, columns),
                )
                print(clear + "\n\n".join(filter(None, tables)), flush=True)
            if not arguments.watch:
                return GOOD
            time.sleep(config.sample_s)
    except KeyboardInterrupt:
        return GOOD  # the way to end --watch


def _check(arguments: argparse.Namespace) -> int:
    from tcpwatchd.zabbix.tls_context import warnings

    config = _config(arguments, required=True)
    print(
        f"ok    configuration: host {config.host} to {', '.join(config.servers)}, "
        f"a sample every {config.sample_s:g}s, a push every {config.push_s:g}s, spool {config.spool_path}"
    )
    for sentence in warnings(config.tls):
        print(f"warn  {sentence}")
    if not arguments.connect:
        return GOOD
    from itertools import chain

    from tcpwatchd.commands.check import try_servers
    from tcpwatchd.commands.host_check import look_at_host

    verdicts = []
    for verdict in chain(look_at_host(config), try_servers(config)):
        print(verdict, flush=True)
        verdicts.append(verdict)
    return FAILED if any(verdict.failed for verdict in verdicts) else GOOD


def _template(arguments: argparse.Namespace) -> int:
    from tcpwatchd.metrics.catalogue import selected
    from tcpwatchd.template.render import dialect_template, patterns_template, template

    if arguments.dialect:
        text = dialect_template(arguments.dialect)
    else:
        config = _config(arguments)
        ours = template(selected(config), config.push_s)
        text = patterns_template(config.key_patterns, config.services) if arguments.patterns else ours
    print(text, end="")
    return GOOD


def _explain(arguments: argparse.Namespace) -> int:
    from tcpwatchd.template.explain import explain

    spoken = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    text, found = explain(arguments.subject, chinese=(arguments.lang or spoken[:2]) == "zh")
    print(text, file=sys.stdout if found else sys.stderr)
    return GOOD if found else USAGE


def _backlog(arguments: argparse.Namespace) -> int:
    import time

    from tcpwatchd.commands.console import backlog_text, held_text
    from tcpwatchd.spool.backlog import read_backlog
    from tcpwatchd.spool.memory_note import read_note
    from tcpwatchd.spool.spool_file import in_use

    config = _config(arguments)
    path, now_clock = config.spool_path, int(time.time())
    if held := read_note(path):
        print(held_text(held, now_clock), flush=True)
        if held.hangs:  # who looks now cannot be killed until the disk answers
            return FAILED
    backlog, size_bytes = read_backlog(path)
    print(backlog_text(str(path), backlog, size_bytes, config.spool_max_size_bytes, in_use(path), now_clock))
    return GOOD


def _import_agent_config(arguments: argparse.Namespace) -> int:
    from tcpwatchd.config import config
    from tcpwatchd.config.agent_config import import_agent_config

    translation = import_agent_config(arguments.file)
    print(translation.yaml, end="", flush=True)
    for sentence in translation.missed:
        complain(f"not taken over: {sentence}")
    for line in translation.remove:
        complain(f"remove when its values come from tcpwatchd: {line}")
    config.parse(translation.yaml, str(arguments.file))
    return GOOD


def _demo(arguments: argparse.Namespace) -> int:
    from tcpwatchd.commands.demo import demo

    return GOOD if demo(arguments.seconds) else FAILED
