"""Checks the configuration, and with --connect whether each server accepts this host's values.

For each destination: connect; ask about all keys at once; where some are refused, ask about each key alone.
These requests carry no value, so the server stores nothing and evaluates no trigger.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tcpwatchd.commands.console import CheckResult
from tcpwatchd.commands.host_check import look_at_host
from tcpwatchd.commands.in_chinese import spoken
from tcpwatchd.commands.invocation import FAILED, GOOD, config_of
from tcpwatchd.config.config import Config
from tcpwatchd.daemon.sampling import SampleLoop
from tcpwatchd.delivery.destination import open_exchange, open_sender
from tcpwatchd.delivery.refused_key_search import HOST_TODO, KEY_TODO, host_refused
from tcpwatchd.kernel.sampler import open_sampler
from tcpwatchd.metrics.catalogue import is_discovered, selected
from tcpwatchd.model.batch import Batch, Deferred, Value
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.errors import SpoolError
from tcpwatchd.spool.spool import Spool
from tcpwatchd.zabbix.addresses import Node, parse_nodes
from tcpwatchd.zabbix.channel import ExchangeError
from tcpwatchd.zabbix.sender import Sender
from tcpwatchd.zabbix.tls import warnings

# Two samples and two pushes: the first is an audit, and only the second has deltas.
_INTERVAL_S = 0.1
_SCRATCH = "tcpwatchd-check-"


def try_servers(config: Config) -> Iterator[CheckResult]:
    """The verdicts on each destination, as they are found."""
    clock = Clock()
    batch = _question(config, clock)
    for destination in config.servers:
        nodes = parse_nodes(destination)
        verdicts = [_connect(node, config, clock) for node in nodes]
        reached = not all(verdict.failed for verdict in verdicts)
        for verdict in verdicts:
            # The standby node of a cluster does not listen: that is as it should be.
            standby = verdict.failed and reached
            yield dataclasses.replace(verdict, level="warn") if standby else verdict
        if reached:
            sender = open_sender(destination, config, clock)
            yield from _send(destination, sender, batch, config.host_metadata)


def _question(config: Config, clock: Clock) -> Batch:
    """About all that the daemon would send of this host now, put together in a spool that is thrown away."""
    # The budget is for the intervals that are configured, and would warn of these.
    quick = dataclasses.replace(config, sample_s=_INTERVAL_S, push_s=86400.0, cpu_percent=100.0)
    pushes: list[tuple[Value, ...]] = []
    with _scratch(config) as directory:
        spool = Spool(Path(directory) / "spool.db", ("check",))
        sampler = open_sampler(config.backend, clock, config.mode)
        loop = SampleLoop(
            quick, sampler, spool, clock, lambda: 0, lambda _window, values: pushes.append(values)
        )
        time.sleep(loop.step())
        loop.step()
        loop.inspect()
        loop.push()
        spool.close()
    if len(pushes) < 2:
        raise SpoolError("this host's values could not be put together", "no room for a temporary file?")
    last = {value.key: value for push in pushes for value in push if not is_discovered(value.key)}
    # What cannot be told at this moment is sent another time.
    stamp = pushes[-1][-1].stamp
    for metric in selected(config) if config.own_keys else ():
        last.setdefault(metric.key, Value(metric.key, "0", stamp))
    return Batch(config.host, tuple(last.values()), 0, question=True)


def _scratch(config: Config) -> tempfile.TemporaryDirectory[str]:
    """A directory for a moment: beside the spool where nothing else can be written, as in a container."""
    try:
        return tempfile.TemporaryDirectory(prefix=_SCRATCH)
    except FileNotFoundError:
        return tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=config.spool_path.parent)


def _connect(node: Node, config: Config, clock: Clock) -> CheckResult:
    began_s = clock.steady_s()
    exchange = open_exchange(config, clock)
    try:
        exchange.connect((node.host, node.port))
        words = [f"connects in {1000 * (clock.steady_s() - began_s):.1f} ms", exchange.described()]
    except ExchangeError as error:
        return CheckResult("FAIL", str(node), error.what, error.todo)
    finally:
        exchange.close()
    return CheckResult("ok", str(node), ", ".join(filter(None, words)))


def _send(destination: str, sender: Sender, batch: Batch, metadata: str) -> Iterator[CheckResult]:
    outcome = sender.deliver(batch)
    if isinstance(outcome, Deferred):
        yield CheckResult("FAIL", destination, outcome.reason, outcome.todo)
        return
    if not outcome.processed and metadata:
        # Nothing is asked for here: a request with the metadata would register the host.
        yield CheckResult(
            "warn",
            destination,
            f"{host_refused(batch.host)}; `tcpwatchd run` will tell it of the host, with metadata {metadata}",
            "an autoregistration action for this metadata has to add the host and link the template",
        )
        return
    if not outcome.processed:
        yield CheckResult("FAIL", destination, host_refused(batch.host), HOST_TODO)
        return
    yield CheckResult(
        "ok",
        destination,
        f"knows host {batch.host}; takes {outcome.processed} of {len(batch.values)} keys, asked without "
        "values",
    )
    if not outcome.refused:
        return
    for value in batch.values:
        alone = sender.deliver(dataclasses.replace(batch, values=(value,)))
        if isinstance(alone, Deferred):
            yield CheckResult(
                "FAIL", destination, f"{value.key} could not be asked for: {alone.reason}", alone.todo
            )
            return
        if alone.refused:
            yield CheckResult("FAIL", destination, f"refuses {value.key}", KEY_TODO)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    config = config_of(arguments, required=True)
    print(
        spoken(
            f"ok    configuration: host {config.host} to {', '.join(config.servers)}, "
            f"a sample every {config.sample_s:g}s, a push every {config.push_s:g}s, spool {config.spool_path}"
        )
    )
    for sentence in warnings(config.tls):
        print(spoken(f"warn  {sentence}"))
    if not arguments.connect:
        return GOOD

    verdicts = []
    for verdict in chain(look_at_host(config), try_servers(config)):
        print(spoken(str(verdict)), flush=True)
        verdicts.append(verdict)
    return FAILED if any(verdict.failed for verdict in verdicts) else GOOD
