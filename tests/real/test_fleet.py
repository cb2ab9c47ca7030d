"""Fifty hosts come back to one real Zabbix 6.0 server after an outage, each with an hour of backlog."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tcpwatchd.config.config import parse
from tcpwatchd.delivery.destination import open_sender
from tcpwatchd.delivery.shipping import ShipLoop, Shipment
from tcpwatchd.model.batch import Batch, Deferred, Outcome, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.model.sockets import State
from tcpwatchd.spool.spool import Spool
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.disks import open_spool
from tests.lab.processes import wait_for
from tests.lab.zabbix_stand import Stand, database

HOSTS, PUSHES, OUTAGE_S, DELAY_S = 50, 60, 12.0, 5.0
KEYS = [
    f"tcpwatchd.sockets{statistic}[{state.parameter}]"
    for state in State
    for statistic in ("", ".delta", ".min", ".max")
]


class Host:
    """The ship loop of a daemon, its spool with a backlog, and what came of each delivery."""

    def __init__(self, name: str, directory: Path, destination: str, began_clock: int) -> None:
        self.name, self.destination = name, destination
        self.deferred: list[str] = []
        self.answered_s: list[float] = []
        self.spool: Spool = open_spool(directory / f"{name}.db", (destination,))
        for minute in range(PUSHES):
            stamp = Stamp(began_clock + 60 * minute, 1)
            self.spool.append(name, [Value(key, str(minute), stamp) for key in KEYS], 4)
        clock, defaults = Clock(), parse("", "no file")
        shipment = Shipment(
            self._watched(open_sender(destination, defaults, clock).deliver),
            name,
            defaults.batch_size,
            defaults.replay_rate,
            DELAY_S,
        )
        self.loop = ShipLoop(destination, shipment, self.spool, clock)

    def _watched(self, deliver: Callable[[Batch], Outcome]) -> Callable[[Batch], Outcome]:
        def watched(batch: Batch) -> Outcome:
            outcome = deliver(batch)
            if isinstance(outcome, Deferred):
                self.deferred.append(outcome.reason)
            else:
                self.answered_s.append(time.monotonic())
            return outcome

        return watched

    def waiting(self) -> int:
        (one,) = self.spool.backlog()
        return one.values


def test_fifty_hosts_return_without_a_time_out_and_no_host_waits_twice_the_median(
    stand: Stand, tmp_path: Path
) -> None:
    names = [f"fleet-{number:02}" for number in range(HOSTS)]
    for name in names:
        stand.create_host(name, TEMPLATE_NAME)
    stand.wait_until_known(names[-1])
    began_clock = int(time.time()) - 60 * PUSHES
    destination = f"127.0.0.1:{stand.server_port}"
    hosts = [Host(name, tmp_path, destination, began_clock) for name in names]
    with ExitStack() as stack:
        for host in hosts:
            stack.callback(host.spool.close)
        stand.stop_server()
        for host in hosts:
            host.loop.start()
            stack.callback(host.loop.join, 5.0)
            stack.callback(host.loop.finish)
        time.sleep(OUTAGE_S)
        assert not any(host.answered_s for host in hosts)
        refused = [len(host.deferred) for host in hosts]
        returned_s = time.monotonic()
        stand.start_server()
        wait_for(lambda: not any(host.waiting() for host in hosts), "that all is delivered", 180.0)
    took_s = sorted(host.answered_s[-1] - returned_s for host in hosts)
    print(f"caught up after: median {statistics.median(took_s):.0f} s, slowest {took_s[-1]:.0f} s")
    assert all(refused), "the outage was not seen by everyone"
    late = [reason for host in hosts for reason in host.deferred if "timed out" in reason]
    assert late == []
    assert took_s[-1] <= 2 * statistics.median(took_s)
    everything = {name: PUSHES * len(KEYS) for name in names}
    wait_for(lambda: stored_rows(stand) == everything, "all in history", 60.0)


def stored_rows(stand: Stand) -> dict[str, int]:
    """Rows of history for each host of the fleet."""
    union = " UNION ALL ".join(
        f"SELECT itemid FROM {table}"  # noqa: S608 - ours
        for table in ("history", "history_uint")
    )
    rows = database.select(
        stand.directory,
        f"SELECT host, count(*) FROM ({union}) AS history JOIN items USING (itemid) "  # noqa: S608 - ours
        "JOIN hosts USING (hostid) WHERE host LIKE 'fleet-%' GROUP BY host",
    )
    return {host: int(count) for host, count in rows}
