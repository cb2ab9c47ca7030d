"""What systemd is told, and how lines look in its journal: by the daemon as a process, and part by part."""

from __future__ import annotations

import logging
import math
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpwatchd.daemon.journal import formatter
from tcpwatchd.daemon.notify import Notifier
from tcpwatchd.delivery.shipping import ShipLoop, Shipment
from tcpwatchd.model.batch import Batch, Delivered, Outcome
from tcpwatchd.spool.spool import Spool
from tests.lab.disks import open_spool
from tests.lab.fakes import FakeTime
from tests.lab.processes import TCPWATCHD, Service, wait_for
from tests.unit.spool.test_spool import push


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, math.inf),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"}, math.inf),
        ({"WATCHDOG_USEC": "0"}, math.inf),
        ({"WATCHDOG_USEC": "soon"}, math.inf),
    ],
)
def test_what_the_watchdog_allows(environment: dict[str, str], seconds: float) -> None:
    assert Notifier(environment).watchdog_s == seconds


def config(directory: Path, server: str = "127.0.0.1:1") -> str:
    return (
        f'zabbix: {{servers: ["{server}"], host: h}}\nspool: {{path: {directory}/spool/s.db}}\n'
        "intervals: {sample: 1h, push: 1h}\n"
    )


def test_a_daemon_at_rest_whose_server_is_dead_is_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "600000")
    with Service(tmp_path, config(tmp_path)) as service:
        service.ready()
        began_s = time.monotonic()
        wait_for(lambda: service.told.count("WATCHDOG=1") >= 6, "six words to the watchdog")
        # Three in each span that it allows, and not many more: at rest is at rest.
        assert service.told.count("WATCHDOG=1") <= 2 + (time.monotonic() - began_s) / 0.19
        service.stop()


def test_nobody_is_told_who_has_not_asked(tmp_path: Path) -> None:
    with Service(tmp_path, config(tmp_path)) as service:
        service.ready()
        service.stop()
    assert "WATCHDOG=1" not in service.told


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = open_spool(tmp_path / "spool.db", ("a",))
    yield opened
    opened.close()


def test_a_delivery_that_takes_longer_than_any_can_hangs(spool: Spool) -> None:
    fake, go_on = FakeTime(), threading.Event()

    def deliver(batch: Batch) -> Outcome:
        go_on.wait(30)
        return Delivered("a", len(batch.values), 0)

    loop = ShipLoop("a", Shipment(deliver, "h", 6, 1e9, 0.0, longest_s=60.0), spool, fake.clock)
    assert not loop.hangs(fake.steady_s + 1000)  # it has not begun
    spool.append("h", push(1), 250)
    loop.start()
    loop.news()
    wait_for(lambda: loop.hangs(fake.steady_s + 61), "the delivery has begun")
    assert not loop.hangs(fake.steady_s + 59)
    go_on.set()
    wait_for(lambda: not loop.hangs(fake.steady_s + 61), "the delivery has ended")
    loop.finish()
    assert loop.join(10)
    assert loop.hangs(fake.steady_s)  # a thread that is gone delivers nothing


# --- the journal -----------------------------------------------------------------------------------------


def record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord("tcpwatchd", level, "", 0, message, (), None)


def test_lines_for_the_journal_have_its_priorities_and_no_time() -> None:
    with tempfile.TemporaryFile() as stream:
        facts = os.fstat(stream.fileno())
        told = formatter(stream.fileno(), {"JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino}"})
    assert [told.format(record(level, "a\nb")) for level in (10, 20, 30, 40, 50)] == [
        "<7>DEBUG a\ufffdb",
        "<6>INFO a\ufffdb",
        "<4>WARNING a\ufffdb",
        "<3>ERROR a\ufffdb",
        "<3>CRITICAL a\ufffdb",
    ]


@pytest.mark.parametrize("stream", ["", "1:2", "nonsense"])
def test_a_stream_that_leads_elsewhere_has_the_time(stream: str) -> None:
    told = formatter(2, {"JOURNAL_STREAM": stream}).format(record(30, "a"))
    assert told.endswith(" WARNING a")
    assert told[:4].isdigit()


def test_the_daemon_writes_for_the_journal_where_its_output_leads_there(tmp_path: Path) -> None:
    """As systemd does it: a socket for standard error, named in the environment."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        facts = os.fstat(theirs.fileno())
        path = tmp_path / "c.yaml"
        path.write_text(config(tmp_path), encoding="utf-8")
        with subprocess.Popen(
            [*TCPWATCHD, "run", "-c", str(path)],
            stderr=theirs.fileno(),
            env={**os.environ, "JOURNAL_STREAM": f"{facts.st_dev}:{facts.st_ino}"},
        ) as daemon:
            ours.settimeout(20)
            assert ours.recv(4096).startswith(b"<6>INFO tcpwatchd ")
            daemon.terminate()
