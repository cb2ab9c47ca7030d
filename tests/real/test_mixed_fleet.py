"""Hosts that are not all alike under one template: fewer values, an older daemon, an older template.

Needs Debian 12 and root.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.model.batch import Batch, Delivered, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.template.render import TEMPLATE_NAME
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.import_over import FORMER
from tests.lab.processes import Service, wait_for
from tests.lab.stands import SevenStand, brought_up
from tests.lab.zabbix_stand import Stand

FEW = """\
statistics: {all: [value]}
counters: []
culprits: {states: []}
"""
PUSHES = 12
NODATA_S = 60  # of a template for pushes each second


@pytest.fixture(scope="module", params=[Stand, SevenStand], ids=["6.0", "7.0"])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with brought_up(request.param) as made:
        yield made


def yaml(stand: Stand, host: str, directory: Path, more: str = "") -> str:
    return f"""\
zabbix: {{servers: ["127.0.0.1:{stand.server_port}"], host: {host}}}
intervals: {{sample: 200ms, push: 1s, limits: 1s}}
spool: {{path: {directory}/spool/spool.db}}
{more}"""


def made(stand: Stand, host: str) -> None:
    stand.create_host(host, TEMPLATE_NAME)
    stand.wait_until_known(host)


def unknown(stand: Stand, host: str) -> list[Any]:
    asked = {"host": host, "output": ["description", "error"], "filter": {"state": 1}}
    return [one["error"] for one in stand.api("trigger.get", asked)]


def problems(stand: Stand, host: str) -> list[str]:
    """But those of what is on this machine: other tests fill accept queues."""
    names = [problem["name"] for problem in stand.problems(host)]
    return [name for name in names if not name.startswith("TCP: Accept queue")]


def test_a_host_that_sends_less_than_the_template_has_raises_nothing(stand: Stand, tmp_path: Path) -> None:
    made(stand, "few")
    with Service(tmp_path, yaml(stand, "few", tmp_path, FEW)) as service:
        service.ready()
        wait_for(lambda: len(stand.history("few", UPTIME)) >= PUSHES, "some pushes", 60, 0.5)
        service.stop()
    assert (problems(stand, "few"), unknown(stand, "few")) == ([], [])
    assert stand.history("few", "tcpwatchd.sockets.max[established]") == []
    assert stand.history("few", "tcpwatchd.sockets[established]") != []


def test_an_older_daemon_without_a_heartbeat_is_watched_by_its_uptime(stand: Stand) -> None:
    """It raises no alarm while it sends, and one when it does not."""
    made(stand, "older")
    deliver = Sender(parse_nodes(f"127.0.0.1:{stand.server_port}"), 10.0, Clock()).deliver

    def send() -> None:
        now = int(time.time())
        values = {UPTIME: str(now), "tcpwatchd.sockets[established]": "7", "tcpwatchd.self[samples]": "5"}
        batch = Batch("older", tuple(Value(key, text, Stamp(now, 1)) for key, text in values.items()), 0)
        outcome = deliver(batch)
        assert isinstance(outcome, Delivered)
        assert not outcome.refused

    until = time.monotonic() + NODATA_S + 40
    while time.monotonic() < until:
        send()
        time.sleep(2)
    assert (stand.problems("older"), unknown(stand, "older")) == ([], [])
    wait_for(lambda: bool(stand.problems("older")), "silence is an alarm", NODATA_S + 60, 1)
    (problem,) = stand.problems("older")
    assert "sends nothing" in problem["name"]


def test_under_a_former_template_no_key_of_today_is_refused(stand: Stand, tmp_path: Path) -> None:
    """So daemons may be upgraded before the template is."""
    stand.import_template(gzip.decompress(FORMER.read_bytes()).decode())
    made(stand, "newer")
    with Service(tmp_path, yaml(stand, "newer", tmp_path)) as service:
        service.ready()
        wait_for(lambda: len(stand.history("newer", UPTIME)) >= PUSHES, "some pushes", 60, 0.5)
        service.stop()
    assert "refuses" not in service.log()
    assert (problems(stand, "newer"), unknown(stand, "newer")) == ([], [])
