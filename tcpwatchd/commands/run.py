"""Runs the daemon in the foreground."""

from __future__ import annotations

import argparse
import logging
import sys

from tcpwatchd.commands.invocation import GOOD, config_of
from tcpwatchd.daemon.daemon import Daemon
from tcpwatchd.daemon.journal import formatter
from tcpwatchd.daemon.notify import Notifier
from tcpwatchd.kernel.background import BackgroundThread
from tcpwatchd.kernel.sampler import open_sampler
from tcpwatchd.model.clock import Clock
from tcpwatchd.spool.spool import Spool


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    config = config_of(arguments, required=True)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(sys.stderr.fileno()))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("tcpwatchd").setLevel(config.log_level.upper())
    clock = Clock()
    sampler = open_sampler(config.backend, clock, config.mode, BackgroundThread(clock.thread_cpu_s))
    spool = Spool(config.spool_path, config.servers)
    Daemon(config, sampler, spool, clock, Notifier(), lambda: config_of(arguments, required=True)).run()
    return GOOD
