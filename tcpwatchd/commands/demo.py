"""Runs the whole daemon against a trapper in the same process, on this host's real sockets.

It passes if the trapper accepted every value that was sent. Netlink, window, spool and py-zabbix are those
of `run`.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tcpwatchd.commands.console import (
    BOLD,
    DIM,
    HOME_AND_CLEAR,
    ROWS,
    paint,
)
from tcpwatchd.commands.invocation import FAILED, GOOD
from tcpwatchd.commands.trapper import Request, Trapper
from tcpwatchd.config.config import parse
from tcpwatchd.daemon.daemon import Daemon
from tcpwatchd.daemon.notify import Notifier
from tcpwatchd.kernel.background import BackgroundThread
from tcpwatchd.kernel.sampler import open_sampler
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.metrics.self_metrics import BY_DELIVERY
from tcpwatchd.metrics.state_metrics import STATISTICS
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.states import STATE_TEXTS
from tcpwatchd.model.window import Window
from tcpwatchd.spool.backlog import read_backlog
from tcpwatchd.spool.spool import Spool

_YAML = """
intervals: {sample: 1s, push: 2s, urgent: off}
zabbix: {timeout: 2s}
"""


class _Show:
    """What is on the screen and what it adds up to. Two threads tell it: the daemon's and the trapper's."""

    def __init__(self, host: str, seconds: float) -> None:
        self._host = host
        self._seconds = seconds
        self._began_s = time.monotonic()
        self._accepted: dict[str, str] = {}
        self.samples = self.pushes = self.sent = self.accepted = self.refused = 0

    def pushed(self, window: Window, values: tuple[Value, ...]) -> None:
        self.samples += window.samples
        self.pushes += 1
        self.sent += len(values)

    def answered(self, request: Request) -> None:
        # The delivery adds some that are not of any push.
        self.accepted += sum(value.key not in BY_DELIVERY for value in request.accepted)
        self.refused += request.refused
        self._accepted.update({value.key: value.text for value in request.accepted})
        if sys.stdout.isatty():
            passed_s = time.monotonic() - self._began_s
            last = f"{self.summary()}\n{passed_s:.0f} of {self._seconds:g} s, Ctrl-C ends it"
            colours = "NO_COLOR" not in os.environ
            print(HOME_AND_CLEAR + demo_table(self._host, self._accepted, last, colours), flush=True)
        else:
            now = time.strftime("%H:%M:%S")
            states = demo_line(self._accepted)
            print(
                f"{now}  {len(request.accepted)} values accepted, {request.refused} refused; {states}",
                flush=True,
            )

    def summary(self) -> str:
        """One line: what went in and what came out."""
        return (
            f"{self.samples} samples, {self.pushes} pushes, {self.sent} values sent, "
            f"{self.accepted} accepted, {self.refused} refused"
        )


def demo(seconds: float) -> bool:
    """Runs for `seconds`, or until Ctrl-C, and prints a summary; True if every value was accepted."""
    logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stderr, level=logging.WARNING)
    clock = Clock()
    items = {key: metric.value_type for key, metric in CATALOGUE.items()}
    with tempfile.TemporaryDirectory(prefix="tcpwatchd-demo-") as directory:
        spool_path = Path(directory) / "spool.db"
        config = dataclasses.replace(parse(_YAML, "demo"), spool_path=spool_path)
        show = _Show(config.host, seconds)
        with Trapper(config.host, items, show.answered) as trapper:
            config = dataclasses.replace(config, servers=(trapper.address,))
            print(
                f"A trapper listens at {trapper.address}; the daemon samples every second and pushes every "
                f"two, for {seconds:g} s (Ctrl-C ends it earlier).",
                flush=True,
            )
            spool = Spool(spool_path, config.servers)
            Daemon(
                config,
                open_sampler(config.backend, clock, config.mode, BackgroundThread(clock.thread_cpu_s)),
                spool,
                clock,
                Notifier({}),
                lambda: config,
                show.pushed,
            ).run(seconds)
        waiting = sum(row.values for row in read_backlog(spool_path)[0])
    passed = 0 < show.sent == show.accepted and not show.refused and not waiting
    print(f"\n{'passed' if passed else 'FAILED'}: {show.summary()}, {waiting} waiting on disk")
    return passed


def demo_table(host: str, accepted: Mapping[str, str], summary: str, colours: bool) -> str:
    """What a trapper accepted last, by item key, a row a state."""
    shown = [statistic for statistic in STATISTICS if f"{STATISTICS[statistic].key}[established]" in accepted]
    lines = [
        paint(f"TCP sockets on {host}, as the trapper has them", BOLD, colours),
        "",
        paint(f"{'STATE':<12}" + "".join(f"{name.upper():>9}" for name in shown), DIM, colours),
    ]
    for state in ROWS:
        texts = [accepted.get(f"{STATISTICS[name].key}[{state.parameter}]", "-") for name in shown]
        line = f"{state.name:<12}" + "".join(f"{text:>9}" for text in texts)
        idle = all(text in ("0", "-") for text in texts)
        lines.append(paint(line, DIM, colours) if idle else f"{line}  {STATE_TEXTS[state].summary}")
    return "\n".join([*lines, "", summary])


def demo_line(accepted: Mapping[str, str]) -> str:
    """The same in one line, for a log: the states that are not zero."""
    texts = ((state, accepted.get(f"{STATISTICS['value'].key}[{state.parameter}]", "0")) for state in ROWS)
    return ", ".join(f"{state.parameter} {text}" for state, text in texts if text != "0") or "no sockets"


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    return GOOD if demo(arguments.seconds) else FAILED
