"""The unit as it is shipped, its watchdog of a minute included, while the disk hangs for 90 seconds."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.deb import build
from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.metrics.catalogue import CATALOGUE, UPTIME
from tests.lab.booted_tree import BootedTree, make_tree
from tests.lab.frozen import FileSystem, file_system
from tests.lab.processes import wait_for

FROZEN_S = 90.0
INSIDE = "/srv/frozen"  # where the tree has the disk; /var/tmp of a service is its own
TYPES = {key: metric.value_type for key, metric in CATALOGUE.items()}


@pytest.fixture
def disk(directory: Path) -> Iterator[FileSystem]:
    with file_system(directory) as mounted:
        mounted.path.chmod(0o777)  # the service has a user of its own, made at its start
        yield mounted


def test_a_disk_that_hangs_is_no_reason_to_restart(directory: Path, disk: FileSystem) -> None:
    package = build(directory)
    tree = make_tree("bookworm", directory)
    shutil.copy(package, tree / "root")
    with Trapper("frozen", TYPES) as trapper, BootedTree(tree, {disk.path: INSIDE}) as booted:
        booted.do("apt-get", "install", "--yes", f"/root/{package.name}")
        (tree / "etc/tcpwatchd/config.yaml").write_text(
            f'zabbix: {{servers: ["{trapper.address}"], host: frozen}}\n'
            "intervals: {sample: 1s, push: 1s}\nbudget: {cpu_percent: 100}\n"
            f"spool: {{path: {INSIDE}/spool.db}}\n",
            encoding="utf-8",
        )
        drop_in = tree / "etc/systemd/system/tcpwatchd.service.d/disk.conf"
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text(f"[Service]\nReadWritePaths={INSIDE}\n", encoding="utf-8")
        booted.do("systemctl", "daemon-reload")
        assert booted.run("systemctl", "start", "tcpwatchd").returncode == 0, booted.journal()
        assert booted.show("WatchdogUSec") == "1min"
        wait_for(lambda: len(stamps(trapper)) > 3, "the first pushes")
        pid, before = booted.show("MainPID"), len(stamps(trapper))
        disk.freeze()
        time.sleep(FROZEN_S)
        arrived = len(stamps(trapper)) - before
        status = booted.show("StatusText")
        looked = booted.run("tcpwatchd", "backlog")
        disk.thaw()
        wait_for(lambda: "answers again, after 1m" in booted.journal(), "the disk's answer")
        assert booted.show("MainPID") == pid, booted.journal()
        assert booted.show("NRestarts") == "0"
        assert "has not answered for 5 s" in booted.journal()
        booted.do("systemctl", "stop", "tcpwatchd")
        assert booted.show("Result") == "success"
        came = stamps(trapper)
    assert arrived > FROZEN_S * 2 / 3  # of one push a second, on a busy machine
    assert "in memory" in status
    assert looked.returncode == 1
    assert f"the disk of {INSIDE}/spool.db has not answered since" in looked.stdout
    assert len(set(came)) == len(came), "a value was sent twice"
    assert came == sorted(came)
    seconds = [clock for clock, _ in came]
    assert max(after - one for one, after in zip(seconds, seconds[1:])) <= 3, seconds


def stamps(trapper: Trapper) -> list[tuple[int, int]]:
    """Of every push that has arrived, in the order of arrival."""
    values = [value for request in trapper.requests for value in request.accepted]
    return [(value.stamp.clock, value.stamp.ns) for value in values if value.key == UPTIME]
