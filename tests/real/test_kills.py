"""kill -9 at a hundred random moments under load: every push that was ever committed arrives, once, in order.

The daemon starts each time on the same spool, delivers through a relay that refuses connections at times and
lets answers die, and is killed somewhere between its start, its first commit and its tenth push.
"""

from __future__ import annotations

import json
import random
import sqlite3
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.model.batch import Value
from tcpwatchd.spool.backlog import read_backlog
from tests.lab.ledger import as_history, committed, compare, dead_destination
from tests.lab.processes import Service, wait_for
from tests.lab.relay import Relay

KILLS = 50
# Some kills come soon after the start, all others up to so long after the daemon is ready, when it is well
# under load: it says when it is, however long a loaded machine takes to start it.
EARLIEST_S, UNREADY, UNDER_LOAD_S = 0.05, 0.25, 0.35
TYPES = {key: metric.value_type for key, metric in CATALOGUE.items()}


def config(directory: Path, *servers: str) -> str:
    return f"""\
zabbix: {{servers: {json.dumps(servers)}, host: web-01}}
intervals: {{sample: 100ms, push: 100ms}}
budget: {{cpu_percent: 100}}
spool: {{path: {directory}/spool/spool.db}}
replay: {{rate: 1000000, delay: 0s}}
"""


def kill_again_and_again(directory: Path, yaml: str, relay: Relay, luck: random.Random) -> list[Service]:
    """So many kills, then one run to the end of all that waits. Returns all that was started."""
    began = time.monotonic()
    with Service(directory, yaml) as service:  # its end is SIGKILL
        service.ready()
    start_s = time.monotonic() - began
    services = [service]
    for _ in range(KILLS - 1):
        if luck.random() < 0.4:
            relay.go()
        with Service(directory, yaml) as service:
            if luck.random() < UNREADY:
                time.sleep(luck.uniform(EARLIEST_S, start_s))
            else:
                service.ready()
                time.sleep(luck.uniform(0, UNDER_LOAD_S))
            assert service.process.poll() is None, service.log()
        services.append(service)
        relay.go()
        relay.come()
    relay.loses = lambda: False
    spool = directory / "spool" / "spool.db"
    with Service(directory, yaml) as service:
        service.ready()
        wait_for(lambda: waiting(spool, relay.address) < 500, "the backlog delivered", 60)
        service.stop()
    assert waiting(spool, relay.address) == 0, service.log()
    return [*services, service]


def waiting(spool: Path, destination: str) -> int:
    return {one.destination: one.values for one in read_backlog(spool)[0]}[destination]


def pushes_ever_committed(spool: Path) -> int:
    """Ids are given once: the last one ever given counts the rows, also those that have left."""
    with closing(sqlite3.connect(spool)) as sql:
        return int(sql.execute("SELECT seq FROM sqlite_sequence WHERE name = 'push'").fetchone()[0])


@pytest.mark.parametrize("keeps", [True, False], ids=["nothing leaves the spool", "what is delivered leaves"])
def test_every_push_committed_before_a_kill_arrives_once_and_in_order(tmp_path: Path, keeps: bool) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # shown where this fails
    luck = random.Random(seed)  # noqa: S311 - a seed to repeat, no secret
    spool = tmp_path / "spool" / "spool.db"
    with ExitStack() as stack:
        trapper = stack.enter_context(Trapper("web-01", TYPES))
        port = int(trapper.address.rpartition(":")[2])
        relay = stack.enter_context(Relay(port, loses=lambda: luck.random() < 0.2))
        servers = [relay.address, *([stack.enter_context(dead_destination())] if keeps else [])]
        services = kill_again_and_again(tmp_path, config(tmp_path, *servers), relay, luck)
    sent = [value for request in trapper.requests for value in request.accepted]
    assert not any(request.refused for request in trapper.requests)
    arrived = as_history(sent)
    pushes = as_pushes(arrived)
    log = "\n".join(service.log() for service in services)
    assert not [word for word in ("damaged", "a bug in", "Traceback") if word in log], log
    assert not list(spool.parent.glob("*.damaged*"))
    # Where rows leave, this is what is known of them: how many there were.
    assert len(pushes) == pushes_ever_committed(spool)
    assert [*pushes] == sorted(pushes)
    taken = committed(spool) if keeps else arrived
    verdict = compare(taken, arrived)
    assert verdict, f"seed {seed}: {verdict}"
    # The load was one: some died before they were ready and most at work, answers died, values came again.
    unready = sum("READY=1" not in service.told for service in services)
    print(f"{len(pushes)} pushes, {len(sent) - len(arrived)} values again, {unready} killed before ready")
    assert 0 < unready < KILLS
    assert len(pushes) > KILLS / 2
    assert relay.lost
    assert len(sent) > len(arrived)


def as_pushes(values: tuple[Value, ...]) -> dict[tuple[int, int], set[str]]:
    """The keys of each push, in the order in which they came."""
    pushes: dict[tuple[int, int], set[str]] = {}
    for value in values:
        pushes.setdefault((value.stamp.clock, value.stamp.ns), set()).add(value.key)
    return pushes
