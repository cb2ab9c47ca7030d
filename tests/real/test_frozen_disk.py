"""The spool's disk hangs under the daemon (fsfreeze): values arrive all the time, each of them once."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.spool.backlog import read_backlog
from tests.lab.frozen import FileSystem, file_system
from tests.lab.processes import Service, tcpwatchd, wait_for
from tests.lab.requirements import require

FROZEN_S = 15.0
TYPES = {key: metric.value_type for key, metric in CATALOGUE.items()}
UPTIME = "tcpwatchd.self[uptime]"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FileSystem]:
    require(os.geteuid() == 0, "needs root, to mount and freeze a file system")
    with file_system(tmp_path) as mounted:
        yield mounted


def config(disk: FileSystem, *servers: str) -> str:
    return f"""\
zabbix: {{servers: {json.dumps(servers)}, host: web-01}}
intervals: {{sample: 1s, push: 1s}}
budget: {{cpu_percent: 100}}
spool: {{path: {disk.path}/spool.db}}
replay: {{rate: 1000000, delay: 0s}}
"""


def stamps(trapper: Trapper) -> list[tuple[int, int]]:
    """Of every push that has arrived, in the order of arrival."""
    values = [value for request in trapper.requests for value in request.accepted]
    return [(value.stamp.clock, value.stamp.ns) for value in values if value.key == UPTIME]


def test_values_arrive_while_the_disk_hangs_and_each_stamp_once(disk: FileSystem, tmp_path: Path) -> None:
    with ExitStack() as stack:
        trapper = stack.enter_context(Trapper("web-01", TYPES))
        service = stack.enter_context(Service(tmp_path, config(disk, trapper.address)))
        service.ready()
        wait_for(lambda: len(stamps(trapper)) >= 3, "the first pushes")
        disk.freeze()
        before = len(stamps(trapper))
        time.sleep(FROZEN_S)
        arrived = len(stamps(trapper)) - before
        wait_for(lambda: "has not answered for 5 s" in service.log(), "a line on the disk", 1)
        disk.thaw()
        wait_for(lambda: "answers again, after" in service.log(), "a line on its answer")
        service.stop()
        assert service.process.returncode == 0
        came = stamps(trapper)
    # Of fifteen pushes at one a second, as many arrived as a busy machine has time for.
    assert arrived >= 10, service.log()
    assert len(set(came)) == len(came), "a value was sent twice"
    assert came == sorted(came)
    seconds = [clock for clock, _ in came]
    assert max(after - one for one, after in zip(seconds, seconds[1:])) <= 2, seconds
    assert {one.destination: one.values for one in read_backlog(disk.path / "spool.db")[0]} == {
        trapper.address: 0
    }
    for word in ("lost", "a bug in", "Traceback", "damaged", "hangs"):
        assert word not in service.log()


def test_it_ends_within_five_seconds_and_says_what_is_lost(disk: FileSystem, tmp_path: Path) -> None:
    """The process itself is gone when the disk answers: what waits for it cannot be killed, by nobody."""
    with Service(tmp_path, config(disk, "127.0.0.1:1")) as service:
        service.ready()
        wait_for((disk.path / "spool.db").exists, "a spool")
        disk.freeze()
        wait_for((tmp_path / "memory.json").exists, "a note of what memory holds", 10)
        told = tcpwatchd(
            "backlog", "-c", str(service.config), environment={"RUNTIME_DIRECTORY": str(tmp_path)}
        )
        began_s = time.monotonic()
        service.process.terminate()
        wait_for(lambda: "stopped" in service.log(), "its end", 10)
        ended_s = time.monotonic() - began_s
        disk.thaw()
        service.process.wait(10)
    assert ended_s < 5.5, service.log()
    assert told.returncode == 1
    assert re.match(r"memory: \d+ values are in memory alone and are sent from there\n", told.stdout)
    assert "on disk    cannot be read before the disk answers" in told.stdout
    assert not (tmp_path / "memory.json").exists()
    assert "values were only in memory because the disk is not writable, and are lost" in service.log()


def test_it_starts_on_a_disk_that_hangs_and_delivers_from_memory(disk: FileSystem, tmp_path: Path) -> None:
    with ExitStack() as stack:
        trapper = stack.enter_context(Trapper("web-01", TYPES))
        disk.freeze()
        service = stack.enter_context(Service(tmp_path, config(disk, trapper.address)))
        service.ready()
        wait_for(lambda: len(stamps(trapper)) >= 3, "the first pushes")
        disk.thaw()
        wait_for((disk.path / "spool.db").exists, "a spool")
        service.stop()
        came = stamps(trapper)
    assert service.process.returncode == 0, service.log()
    assert len(set(came)) == len(came)
