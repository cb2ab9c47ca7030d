"""What a push costs, how fast a backlog follows, and what a command takes: python -m bench.push.

The daemon's own parts run in this process, one after the other, so that CPU time is measured for each. The
receiver is a sink in another process, or a real Zabbix server on Debian 12 as root.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tcpwatchd.config.config import Config, parse
from tcpwatchd.daemon.sampling import SampleLoop
from tcpwatchd.delivery.shipping import ShipLoop, Shipment
from tcpwatchd.diagnosis.inspector import open_inspector
from tcpwatchd.kernel.sampler import open_sampler
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.model.window import Window
from tcpwatchd.spool.spool import Spool
from tcpwatchd.template.render import TEMPLATE_NAME, template
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.zabbix_stand import Stand, StandError, packages

from .sink import sink

PUSHES = 100
BACKLOG_PUSHES = 1440  # a day
BACKLOG_KEYS = 80
STARTS = 20
_HOST = "bench"
_YAML = "{intervals: {sample: 100ms, push: 1d}, statistics: {all: [value, delta, max, avg, min]}}"


@dataclass
class Daemon:
    """Spool, sample loop and ship loop, to be stepped by hand."""

    spool: Spool
    ship: ShipLoop
    samples: SampleLoop
    config: Config
    pushed: int = 0


@contextmanager
def daemon(address: str) -> Iterator[Daemon]:
    """All but its threads, with a spool on this machine's disk."""
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="tcpwatchd-bench-", dir="/var/tmp") as directory:
        config = replace(
            parse(_YAML, "bench"), host=_HOST, servers=(address,), spool_path=Path(directory) / "spool.db"
        )
        spool = Spool(config.spool_path, config.servers)
        sender = Sender(parse_nodes(address), config.timeout_s, clock)
        ship = ShipLoop(address, Shipment(sender.deliver, _HOST, config.batch_size, 1e6, 0.0), spool, clock)

        def pushed(_window: Window, values: tuple[Value, ...]) -> None:
            made.pushed = len(values)

        sampler = open_sampler(config.backend, clock, config.mode)
        inspector = open_inspector(sampler.backend)
        samples = SampleLoop(
            config,
            sampler,
            spool,
            clock,
            ship.take_refused,
            pushed,
            open_inspector=lambda _backend: inspector,
        )
        made = Daemon(spool, ship, samples, config)
        yield made
        if inspector is not None:
            inspector.close()
        sampler.backend.close()
        spool.close()


def empty(ship: ShipLoop) -> None:
    """Until nothing waits."""
    while ship.step(at_once=True) == 0.0:
        pass


def push(address: str, pushes: int = PUSHES) -> list[str]:
    """CPU of one push, from the open window to the answer that it has arrived."""
    rendered, sent = [], []
    with daemon(address) as one:
        for _ in range(pushes):
            time.sleep(one.samples.step())
            one.samples.step()
            one.spool.flush()
            empty(one.ship)  # the push that comes with the first sample
            began_s = time.process_time()
            one.samples.push()
            one.spool.flush()
            between_s = time.process_time()
            empty(one.ship)
            rendered.append(between_s - began_s)
            sent.append(time.process_time() - between_s)
    make_ms, send_ms = (statistics.median(costs) * 1000 for costs in (rendered, sent))
    return [
        f"a push of {one.pushed} values: {make_ms + send_ms:.1f} ms of CPU "
        f"({make_ms:.1f} to render it and put it on the disk, {send_ms:.1f} to deliver it)"
    ]


def replay(address: str, to_whom: str, pushes: int = BACKLOG_PUSHES) -> list[str]:
    """How fast a day's backlog follows, by the clock, and what of that is our CPU."""
    keys = list(CATALOGUE)[:BACKLOG_KEYS]
    count = pushes * len(keys)
    first = int(time.time()) - pushes * 60
    with daemon(address) as one:
        for number in range(pushes):
            stamp = Stamp(first + number * 60, 1)
            values = [Value(key, f"{number}", stamp) for key in keys]
            one.spool.append(_HOST, values, one.config.batch_size)
        one.spool.flush(60)
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        empty(one.ship)
        took_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
        (left,) = one.spool.backlog()
        kept = left.values + sum(left.aside.values()) + left.doubted
    return [
        f"a backlog of {count:,} values to {to_whom}: {(count - kept) / took_s:,.0f} values a second "
        f"({100 * cpu_s / took_s:.0f}% of that time on the CPU){f'; {kept:,} NOT TAKEN' if kept else ''}"
    ]


def real_server() -> list[str]:
    """The same to a Zabbix server that stores every value."""
    if os.geteuid() != 0:
        return ["a backlog to a real Zabbix server: not measured, that needs root"]
    try:
        packages.install()
        stand = Stand.up(Path(tempfile.mkdtemp(prefix="tcpwatchd-bench-", dir="/tmp")))
        try:
            stand.import_template(template(CATALOGUE.values(), 1.0))
            stand.create_host(_HOST, TEMPLATE_NAME)
            stand.wait_until_known(_HOST)
            return replay(f"127.0.0.1:{stand.server_port}", "a real Zabbix server")
        finally:
            stand.down()
    except StandError as error:
        return [f"a backlog to a real Zabbix server: not measured: {error}"]


def command(*arguments: str) -> float:
    """CPU seconds of a whole process of this interpreter, user and kernel; the median."""
    costs = []
    for _ in range(STARTS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(costs)


def starts() -> list[str]:
    """What a command takes that looks once and ends."""
    sample_s = command("-m", "tcpwatchd", "sample", "-c", os.devnull)
    return [f"tcpwatchd sample: {sample_s:.2f} s of CPU; python3 -c pass: {command('-c', 'pass'):.2f} s"]


def main() -> int:
    """Prints a line as soon as it is known."""
    with sink() as address:
        parts: tuple[Callable[[], list[str]], ...] = (
            lambda: push(address),
            lambda: replay(address, "a server that keeps nothing"),
            real_server,
            starts,
        )
        for part in parts:
            print(*part(), sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
