"""A real Zabbix 7.0 whose hosts are with a group of two proxies: history held against what was committed.

Alone knows how the two are compared: of a destination that is never up the spool keeps every push, so that
at the end its file says what has to be in history. Needs Debian 12 and root. The stand is brought up once for
this file, in about fifteen seconds; Zabbix takes more than ten to move a host.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tcpwatchd.catalogue import CATALOGUE, HEARTBEAT, ValueType
from tcpwatchd.render import TEMPLATE_NAME, template
from tests.processes import Service, wait_for
from tests.requirements import require
from tests.zabbix_stand import GroupStand, StandError, packages, programs

Rows = dict[str, list[tuple[int, int, "float | str"]]]


@pytest.fixture(scope="module")
def stand() -> Iterator[GroupStand]:
    require(os.geteuid() == 0, "a real Zabbix server needs root")
    try:
        packages.install()
        programs.unpack()
    except StandError as error:
        require(False, str(error))
    # Not pytest's own directory: its parents are closed to the users that PostgreSQL and Zabbix run as.
    directory = Path(tempfile.mkdtemp(prefix="tcpwatchd-test-", dir="/tmp"))
    made = GroupStand.up(directory)
    try:
        made.import_template(template(CATALOGUE.values(), 1.0))
        yield made
    finally:
        made.down()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def dead() -> Iterator[int]:
    """A port that refuses every connection, and that nobody else can get."""
    with socket.socket() as never_listens:
        never_listens.bind(("127.0.0.1", 0))
        yield never_listens.getsockname()[1]


class Watched:
    """A host of the group, and what its daemon has committed in `directory`."""

    def __init__(self, stand: GroupStand, host: str, directory: Path, dead: int) -> None:
        self.stand = stand
        self.host = host
        self.directory = directory
        self.spool = directory / "spool" / "spool.db"
        self.dead = dead
        stand.create_host(host, TEMPLATE_NAME)
        stand.wait_until_known(host)
        self.owner = stand.owner(host)

    def service(self, port: int) -> Service:
        return Service(
            self.directory,
            f"""\
zabbix: {{servers: ["127.0.0.1:{port}", "127.0.0.1:{self.dead}"], host: {self.host}}}
intervals: {{sample: 100ms, push: 500ms}}
spool: {{path: {self.spool}}}
replay: {{delay: 0s}}
statistics: {{all: [value, delta, min, max, avg]}}
""",
        )

    def pushes(self) -> int:
        return len(self.stand.history(self.host, HEARTBEAT))

    def committed(self) -> Rows:
        rows: Rows = {}
        with closing(sqlite3.connect(self.spool)) as spool:
            for (body,) in spool.execute("SELECT body FROM push ORDER BY id"):
                for key, text, clock, ns in json.loads(body):
                    rows.setdefault(key, []).append((clock, ns, _comparable(key, text)))
        return rows

    def history(self) -> Rows:
        return {
            key: [(value.clock, value.ns, _comparable(key, value.text)) for value in values]
            for key, values in self.stand.whole_history(self.host).items()
        }

    @contextmanager
    def paused(self, service: Service) -> Iterator[None]:
        """The daemon stands still, and all that it has committed is in history.

        Otherwise Zabbix itself might lose some: when a host moves away from a proxy that has stopped, what
        that one had taken in its last second and not passed on yet never reaches history.
        """
        service.process.send_signal(signal.SIGSTOP)
        try:
            while not self._idle():
                service.process.send_signal(signal.SIGCONT)
                time.sleep(0.05)
                service.process.send_signal(signal.SIGSTOP)
            wait_for(lambda: self.history() == self.committed(), "all that was taken in history")
            yield
        finally:
            service.process.send_signal(signal.SIGCONT)

    def _idle(self) -> bool:
        """Whether the daemon has been told that everything committed was taken."""
        with closing(sqlite3.connect(self.spool)) as spool:
            ((acked, newest),) = spool.execute(
                "SELECT (SELECT max(acked) FROM destination), (SELECT max(id) FROM push)"
            )
        return bool(acked == newest)

    def wait_until_nothing_waits(self) -> None:
        so_far = len(self.committed()[HEARTBEAT])
        wait_for(lambda: self.pushes() >= so_far, "the backlog in history")

    def hold_to_what_was_committed(self) -> None:
        """Every value is in history once, and history's order is the one in which it was committed."""
        committed = self.committed()
        assert committed.keys() == CATALOGUE.keys()
        # A proxy passes on what it has taken within a second or two.
        with suppress(AssertionError):  # what is missing is said below
            wait_for(lambda: self.history() == committed, "all values in history")
        history = self.history()
        for key, rows in committed.items():
            assert history[key] == rows, key


def _comparable(key: str, text: str) -> float | str:
    return text if CATALOGUE[key].value_type is ValueType.CHAR else float(text)


def test_the_template_is_taken_by_7_0_and_a_second_import_changes_nothing(stand: GroupStand) -> None:
    stand.create_host("import", TEMPLATE_NAME)
    before = stand.items("import")
    assert stand.version == (7, 0)
    assert before.keys() == CATALOGUE.keys()
    stand.import_template(template(CATALOGUE.values(), 1.0))
    assert {key: item["itemid"] for key, item in stand.items("import").items()} == {
        key: item["itemid"] for key, item in before.items()
    }


@pytest.mark.parametrize("asked", ["server", "wrong-proxy"])
def test_whoever_is_configured_values_arrive_by_the_proxy_that_the_host_is_with(
    stand: GroupStand, tmp_path: Path, dead: int, asked: str
) -> None:
    watched = Watched(stand, f"asks-{asked}", tmp_path, dead)
    other = stand.proxy_port(3 - watched.owner)
    port = stand.server_port if asked == "server" else other
    with watched.service(port) as service:
        service.ready()
        wait_for(lambda: watched.pushes() >= 4, "values in history")
        service.stop()
    assert f"values taken by 127.0.0.1:{stand.proxy_port(watched.owner)}" in service.log()
    watched.hold_to_what_was_committed()


def test_a_proxy_that_stops_loses_nothing(stand: GroupStand, tmp_path: Path, dead: int) -> None:
    watched = Watched(stand, "moves", tmp_path, dead)
    with watched.service(stand.server_port) as service:
        service.ready()
        wait_for(lambda: watched.pushes() >= 3, "values in history")
        with watched.paused(service):
            stand.stop_proxy(watched.owner)
        try:
            wait_for(lambda: "delivers again" in service.log(), "delivery by the other proxy", 90)
            assert stand.owner("moves") == 3 - watched.owner
        finally:
            stand.start_proxy(watched.owner)
        watched.wait_until_nothing_waits()
        service.stop()
    assert "refused the connection" in service.log()
    watched.hold_to_what_was_committed()


def test_a_group_that_is_away_and_comes_back_loses_nothing(
    stand: GroupStand, tmp_path: Path, dead: int
) -> None:
    watched = Watched(stand, "waits", tmp_path, dead)
    with watched.service(stand.server_port) as service:
        service.ready()
        wait_for(lambda: watched.pushes() >= 3, "values in history")
        with watched.paused(service):
            for number in (1, 2):
                stand.stop_proxy(number)
        try:
            wait_for(lambda: not stand.group_online(), "the group offline", 60)
        finally:
            for number in (1, 2):
                stand.start_proxy(number)
        wait_for(lambda: "delivers again" in service.log(), "delivery after the outage", 90)
        watched.wait_until_nothing_waits()
        service.stop()
    assert "refused the connection; values wait on disk" in service.log()
    watched.hold_to_what_was_committed()
