"""A server that refuses some keys, with its history, and a destination that delivers to it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tcpwatchd.delivery.refused_values import RefusedValues
from tcpwatchd.delivery.shipping import ShipLoop, Shipment
from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome, Value
from tcpwatchd.model.clock import Stamp
from tests.lab.disks import open_spool
from tests.lab.fakes import FakeTime

Item = tuple[str, str, Stamp]  # key, text, stamp


class History:
    """A Zabbix: what it refuses can change at any time; it may be down, or its answer may be lost."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.known = True
        self.down = False
        self.loses_answers = 0
        self.sent: Counter[Item] = Counter()
        self.stored: dict[str, list[tuple[Stamp, str]]] = {}
        self.requests = 0

    def __call__(self, batch: Batch) -> Outcome:
        if self.down:
            return Deferred("a", "is down", "")
        self.requests += 1
        taken = 0
        for value in batch.values:
            if not batch.question:
                self.sent[(value.key, value.text, value.stamp)] += 1
            if not self.known or value.key in self.refused:
                continue
            taken += 1
            if batch.question:
                continue
            rows = self.stored.setdefault(value.key, [])
            if all(stamp != value.stamp for stamp, _ in rows):
                rows.append((value.stamp, value.text))
        if self.loses_answers:
            self.loses_answers -= 1
            return Deferred("a", "closed the connection without an answer", "")
        return Delivered("a", taken, len(batch.values) - taken)


class Site:
    """A host with so many keys, its spool on a real disk, and the server."""

    def __init__(self, directory: Path, keys: int, batch_size: int) -> None:
        self.keys = [f"k[{nth}]" for nth in range(keys)]
        self.batch_size = batch_size
        self.path = directory / "spool.db"
        self.time = FakeTime()
        self.server = History()
        self.number = 0
        self.expected: dict[str, list[tuple[Stamp, str]]] = {key: [] for key in self.keys}
        self.open()

    def open(self) -> None:
        self.spool = open_spool(self.path, ("a",))
        shipment = Shipment(self.server, "h", self.batch_size, 1e9, 0.0)
        self.loop = ShipLoop("a", shipment, self.spool, self.time.clock, luck=lambda: 0.0)

    def push(self) -> None:
        self.number += 1
        stamp = Stamp(1_700_000_000 + self.number, 1)
        values = tuple(Value(key, f"{self.number}", stamp) for key in self.keys)
        self.spool.append("h", values, self.batch_size)
        for value in values:
            self.expected[value.key].append((stamp, value.text))

    def ship(self, steps: int = 10_000) -> None:
        """Until nothing waits or something failed."""
        for _ in range(steps):
            wait_s = self.loop.step(at_once=True)
            if wait_s != 0.0:
                return

    def push_and_ship(self, pushes: int = 1) -> None:
        for _ in range(pushes):
            self.push()
            self.ship()
            self.time.pass_s(60)

    def aside(self) -> dict[str, int]:
        return dict(RefusedValues(self.spool, "a").refused_keys())

    def missing(self) -> dict[str, int]:
        stored = self.server.stored
        return {
            key: len(rows) - len(stored.get(key, []))
            for key, rows in self.expected.items()
            if rows != stored.get(key, [])
        }
