"""The whole way of a value, from datagrams to the bytes of a request: compared with committed requests.

The kernel is a list of answers and time is moved by hand; window, spool, py-zabbix and the TCP connection
are the real ones. To accept a change on purpose: python -m tests.unit.template.test_golden
"""

from __future__ import annotations

import itertools
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.config.config import parse
from tcpwatchd.daemon.sampling import SampleLoop
from tcpwatchd.delivery.shipping import ShipLoop, Shipment
from tcpwatchd.kernel.sampler import Sampler
from tcpwatchd.kernel.state_count import CountedDump
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.model.sockets import Walk
from tcpwatchd.model.window import Limit
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.disks import open_spool
from tests.lab.fakes import IPV4, IPV6, SEQUENCE, FakeTime, ListBackend, done, row

GOLDEN = Path(__file__).parent / "golden" / "requests.json"
YAML = """\
intervals: {sample: 1s, push: 3s, limits: 6s, unchanged: off}
statistics: {open: [value, delta, min, max, avg]}
"""
# What differs from host to host or from version to version, not from change to change.
ANY = {"tcpwatchd.self[rss]", "tcpwatchd.self[spool_size]", "tcpwatchd.self[version]"}


def kernel(*sockets: tuple[int, int]) -> Walk:
    """What the codec makes of these sockets (family, state)."""
    dump = CountedDump(SEQUENCE)
    assert dump.feed(b"".join(row(*socket) for socket in sockets) + done())
    return dump.walk()


def requests() -> list[dict[str, object]]:
    """The requests of three pushes: the first, one with churn, and one after a server was away for two."""
    time = FakeTime()
    listen, web, stuck = (IPV4, 10), (IPV6, 1), (IPV4, 8)
    backend = ListBackend(
        kernel(listen, web),
        kernel(listen, web, web, web),
        kernel(listen, web, stuck),
        kernel(listen, stuck, stuck),
        kernel(listen),
    )
    items = {key: metric.value_type for key, metric in CATALOGUE.items()}
    with tempfile.TemporaryDirectory() as directory, Trapper("web-01", items) as trapper:
        config = replace(parse(YAML, "golden"), host="web-01", servers=("golden",))
        spool = open_spool(Path(directory) / "spool.db", config.servers)
        sender = Sender(parse_nodes(trapper.address), 10.0, time.clock)
        ship = ShipLoop(
            "golden", Shipment(sender.deliver, config.host, config.batch_size, 1000, 0), spool, time.clock
        )
        sampler = Sampler(backend, time.clock, unconnected=lambda: 4)
        overflows = itertools.count(70, 2)
        loop = SampleLoop(
            config,
            sampler,
            spool,
            time.clock,
            ship.take_refused,
            lambda _window, _values: None,
            lambda: {"ListenOverflows": next(overflows)},
            lambda: {"time_wait": Limit(3, 8)},
        )
        for second in range(10):
            loop.step()
            if second in (0, 9):
                while ship.step() == 0.0:
                    pass
            time.pass_s(1.0)
        spool.close()
    return [
        {"data": [{**row, "value": "*"} if row["key"] in ANY else row for row in request.rows]}
        for request in trapper.requests
    ]


def test_requests_are_the_golden_ones() -> None:
    assert requests() == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_nothing_in_them_was_refused_and_the_backlog_came_as_one_request_a_batch() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert [len(request["data"]) for request in golden] == [69, 240]


if __name__ == "__main__":
    lines = ",\n".join(
        '{"data": [\n' + ",\n".join(json.dumps(row) for row in request["data"]) + "\n]}"  # type: ignore[attr-defined]
        for request in requests()
    )
    GOLDEN.write_text(f"[{lines}]\n", encoding="utf-8")
    print(f"wrote {GOLDEN}")
