"""What a host costs a Zabbix server a day: rows and bytes of history, from the tables of a real 6.0 server.

    python -m tests.server_cost

Each row of the table is one simulated day of one host in an empty server. Debian 12, root; some minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from tcpwatchd.config.config import parse
from tcpwatchd.metrics.catalogue import selected
from tcpwatchd.model.batch import Batch, Delivered
from tcpwatchd.model.clock import Clock
from tcpwatchd.template.render import TEMPLATE_NAME, template
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.processes import wait_for
from tests.lab.simulated_day import FULL, MINUTES, Host, values_of
from tests.lab.stands import brought_up
from tests.lab.zabbix_stand import Stand, database

TABLES = ("history", "history_uint", "history_str")
MANY = tuple(str(8000 + nth) for nth in range(30))
_AT_ONCE = 5000
BUSY, QUIET = Host("busy", leaks=True, full=FULL), Host("quiet", busy=0.01)


class Case(NamedTuple):
    """A host, the services that it counts, and the setting `intervals.unchanged` in seconds (None: off)."""

    title: str
    host: Host
    services: Sequence[str]
    unchanged_s: float | None


CASES = (
    Case("a busy host, `unchanged: off`", BUSY, (), None),
    Case("a busy host", BUSY, (), 600.0),
    Case("a quiet host, `unchanged: off`", QUIET, (), None),
    Case("a quiet host", QUIET, (), 600.0),
    Case("a busy host with 30 services", BUSY, MANY, 600.0),
)


def size(stand: Stand) -> tuple[int, int]:
    """Rows of history, and their bytes with indexes."""
    rows = " + ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)  # noqa: S608 - ours
    sizes = " + ".join(f"pg_total_relation_size('{table}')" for table in TABLES)
    ((count, size_bytes),) = database.select(stand.directory, f"SELECT {rows}, {sizes}")
    return int(count), int(size_bytes)


def measured(stand: Stand, case: Case) -> tuple[int, int]:
    """Rows and bytes of this day."""
    name = f"day-{CASES.index(case)}"
    stand.create_host(name, TEMPLATE_NAME)
    stand.wait_until_known(name)
    deliver = Sender(parse_nodes(f"127.0.0.1:{stand.server_port}"), 60.0, Clock()).deliver
    pushes = list(values_of(case.host, int(time.time()), MINUTES, case.services, case.unchanged_s))
    if case.services:  # its items are made first
        deliver(Batch(name, pushes.pop(0), 0))
        time.sleep(15)
    before = size(stand)
    values = [value for push in pushes for value in push]
    sent = 0
    for begin in range(0, len(values), _AT_ONCE):
        outcome = deliver(Batch(name, tuple(values[begin : begin + _AT_ONCE]), 0))
        assert isinstance(outcome, Delivered), outcome
        sent += outcome.processed
    found = sum(value.key.endswith("discovery") for value in values)  # has no history
    wait_for(lambda: size(stand)[0] - before[0] >= sent - found, "all in history", 300)
    after = size(stand)
    return after[0] - before[0], after[1] - before[1]


def main() -> int:
    """Prints the table."""
    config = parse("", "defaults")
    print("| host | values a minute | rows a day | bytes a day |\n| --- | --- | --- | --- |", flush=True)
    with brought_up(Stand, push_s=None) as stand:
        stand.import_template(template(selected(config), config.push_s))
        for case in CASES:
            rows, size_bytes = measured(stand, case)
            print(
                f"| {case.title} | {rows / MINUTES:.0f} | {rows:,} | {size_bytes / 1e6:.1f} MB |", flush=True
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
