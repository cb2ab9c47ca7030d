"""Values that are left out while they do not change, over six days in real servers: alarms and last values
are right after housekeeping, after restarts of the server, and after those of the daemon.

Needs Debian 12 and root.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tcpwatchd.daemon.change_filter import ChangeFilter
from tcpwatchd.metrics.catalogue import CATALOGUE, UPTIME
from tcpwatchd.model.batch import Batch, Delivered, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.template.render import TEMPLATE_NAME, template
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.processes import wait_for
from tests.lab.stands import SevenStand, brought_up
from tests.lab.zabbix_stand import Stand, database
from tests.lab.zabbix_stand.stored import stored

HOST, DAYS, REPEAT_S = "repeats", 6, 600.0
BACKEND, DRAWN, LIMIT = "tcpwatchd.self[backend]", "tcpwatchd.sockets[closing]", "tcpwatchd.limit.max[files]"
LASTING = {BACKEND: "psutil", DRAWN: "3", LIMIT: "9000"}
_AT_ONCE = 3000


@pytest.fixture(scope="module", params=[Stand, SevenStand], ids=["6.0", "7.0"])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with brought_up(request.param, push_s=60.0) as made:
        yield made


class Sends:
    """A daemon that says the same each minute, as far as its filter lets it."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._deliver = Sender(parse_nodes(f"127.0.0.1:{stand.server_port}"), 60.0, Clock()).deliver
        (item,) = stand.api("item.get", {"host": HOST, "filter": {"key_": UPTIME}, "output": ["itemid"]})
        self._itemid = item["itemid"]
        self.restart()

    def restart(self) -> None:
        """What was sent is forgotten."""
        self._filter = ChangeFilter(REPEAT_S)

    def push(self, *clocks: int, **texts: str) -> int:
        """Pushes at these times, in seconds; returns how many values went, when they are judged."""
        waiting: list[Value] = []
        sent = 0
        for clock in clocks:
            said = {UPTIME: str(clock), **LASTING, **texts}
            waiting += self._filter.changed(
                tuple(Value(key, text, Stamp(clock, 1)) for key, text in said.items())
            )
            if len(waiting) >= _AT_ONCE or clock == clocks[-1]:
                outcome = self._deliver(Batch(HOST, tuple(waiting), 0))
                assert isinstance(outcome, Delivered), outcome
                sent += outcome.processed
                waiting = []
                wait_for(partial(self._is_judged, clock), "it is judged", 120, 0.2)
        return sent

    def _is_judged(self, clock: int) -> bool:
        """The API would not show what is older than the item keeps."""
        query = f"SELECT max(clock) FROM history_uint WHERE itemid = {self._itemid}"  # noqa: S608 - a number
        return database.select(self._stand.directory, query) == [[str(clock)]]


def rows(stand: Stand, key: str) -> list[tuple[int, str]]:
    return [(value.stamp.clock, value.text) for value in stored(stand, HOST) if value.key == key]


def unknown(stand: Stand) -> list[Any]:
    """Why expressions cannot be evaluated; but that of silence, as no heartbeat is sent here."""
    asked = {"host": HOST, "output": ["description", "error"], "filter": {"state": 1}}
    errors = [one["error"] for one in stand.api("trigger.get", asked)]
    return [error for error in errors if "nodata(" not in error]


def last_values(stand: Stand) -> dict[str, str]:
    items = stand.items(HOST)
    return {key: items[key]["lastvalue"] for key in LASTING}


def test_six_days_of_the_same_are_one_problem_whatever_restarts(stand: Stand) -> None:
    stand.create_host(HOST, TEMPLATE_NAME)
    stand.wait_until_known(HOST)
    daemon = Sends(stand)
    now = int(time.time())
    begin = now - DAYS * 86400
    sent = daemon.push(*range(begin, now - 600, 60))
    assert sent < 1.2 * DAYS * 1440, "hardly more than the uptime of each push"
    (problem,) = stand.problems(HOST)
    assert "psutil" in problem["name"]
    assert len(rows(stand, BACKEND)) == pytest.approx(DAYS * 24, abs=2)
    assert len(rows(stand, DRAWN)) == pytest.approx(DAYS * 144, abs=2)

    before = rows(stand, BACKEND)
    # A server stores no value that is older than its item keeps; so it is told to keep less now.
    text = template(CATALOGUE.values(), 60.0)
    stand.import_template(text.replace("history: 7d", "history: 2d"))
    stand.wait_until_read()
    stand.housekeep()
    wait_for(lambda: len(rows(stand, BACKEND)) < len(before), "the oldest are deleted", 90, 0.5)
    assert rows(stand, BACKEND)[-1] == before[-1]
    assert last_values(stand) == LASTING

    stand.stop_server()
    stand.start_server()  # with nothing in its memory
    assert daemon.push(now - 540, now - 480) <= 3, "the uptimes, and what is due after ten minutes"
    assert ([one["eventid"] for one in stand.problems(HOST)], unknown(stand)) == ([problem["eventid"]], [])
    assert last_values(stand) == LASTING

    daemon.restart()
    assert daemon.push(now - 420) == 1 + len(LASTING), "all is sent once"
    assert [one["eventid"] for one in stand.problems(HOST)] == [problem["eventid"]]
    daemon.push(now - 360, now - 300)
    daemon.push(now - 240, **{BACKEND: "netlink", DRAWN: "0"})
    wait_for(lambda: not stand.problems(HOST), "it ends with the first value that is another", 30)
    assert rows(stand, DRAWN)[-2:] == [(now - 300, "3"), (now - 240, "0")], "a step, and no slope"
    assert unknown(stand) == []
