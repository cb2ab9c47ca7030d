"""`make pictures`: the pictures in docs/pictures, of real Zabbix 6.0 and 7.0 servers with 40 simulated hosts.

One host has a whole day, the others half an hour; of both the last minutes come live, so that alarms and what
looks at the last value are as on any day. What `tcpwatchd setup all` makes is what is shown. Debian 12, root;
chromium, and Pillow to make the files small; half an hour.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from tcpwatchd.config.config import parse
from tcpwatchd.metrics.catalogue import selected
from tcpwatchd.model.batch import Batch, Delivered, Value
from tcpwatchd.model.clock import Clock
from tcpwatchd.setup.autoregistration import group_id
from tcpwatchd.setup.changes import Changes
from tcpwatchd.setup.fleet_dashboard import NAME, fleet_dashboard
from tcpwatchd.template.generations import generation_of
from tcpwatchd.template.render import TEMPLATE_NAME, template
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.generated import ROOT
from tests.lab.browser import fold_periods, take_picture
from tests.lab.simulated_day import FULL, MINUTES, Host, values_of
from tests.lab.stands import SevenStand, brought_up
from tests.lab.zabbix_stand import Stand

PICTURES = ROOT / "docs" / "pictures"
SHOWN = "web-01"
SILENT = "cache-31"  # for twenty minutes
GROUP = "tcpwatchd"
# To fill the servers takes some of them; ten and more are left.
LIVE_MINUTES = 20
_AT_ONCE = 2000
_COLOURS = 128


def hosts() -> Iterator[Host]:
    """One that has a leak and a full queue, and 39 of which a few have something."""
    yield Host(SHOWN, leaks=True, full=FULL)
    luck = random.Random(7)  # noqa: S311 - no secret
    for number in range(2, 41):
        name = ("web", "api", "db", "cache")[number % 4]
        busy = luck.uniform(0.2, 2.5)
        full = range(MINUTES - 12, MINUTES) if number == 13 else range(0)
        version = "0.0.9" if number % 9 == 0 else "0.1.0"
        yield Host(f"{name}-{number:02}", busy, number in (7, 22), full, version, number)


def pushes_of(host: Host, end_clock: int) -> list[tuple[Value, ...]]:
    """All that a host sends until then."""
    pushes = list(values_of(host, end_clock, MINUTES if host.leaks else 30 + LIVE_MINUTES))
    return pushes[:-20] if host.name == SILENT else pushes


def send(stand: Stand, host: str, pushes: Iterable[tuple[Value, ...]]) -> None:
    """In requests of a size that a server likes."""
    deliver = Sender(parse_nodes(f"127.0.0.1:{stand.server_port}"), 60.0, Clock()).deliver
    waiting = [value for values in pushes for value in values]
    for begin in range(0, len(waiting), _AT_ONCE):
        outcome = deliver(Batch(host, tuple(waiting[begin : begin + _AT_ONCE]), 0))
        assert isinstance(outcome, Delivered), outcome


def fill(stand: Stand, end_clock: int) -> None:
    """Template, hosts with the items of their services, and the fleet dashboard."""
    changes = Changes(stand.api, print)
    config = parse("", "defaults")
    stand.import_template(template(selected(config), config.push_s, generation_of(stand.version)))
    (found,) = stand.api("template.get", {"filter": {"host": [TEMPLATE_NAME]}, "output": ["templateid"]})
    group = group_id(changes, GROUP)
    fleet_dashboard(changes, GROUP)
    made: list[dict[str, Any]] = [
        {
            "host": host.name,
            "groups": [{"groupid": group}],
            "templates": [{"templateid": found["templateid"]}],
        }
        for host in hosts()
    ]
    stand.api("host.create", made)
    stand.wait_until_known(made[-1]["host"])
    # First Zabbix has to make the items of services.
    for host in hosts():
        push = pushes_of(host, end_clock)[-1]
        send(stand, host.name, [tuple(value for value in push if value.key.endswith("discovery"))])
    time.sleep(20)


def live(stands: Sequence[Stand], end_clock: int) -> None:
    """What is past by now at once, then push by push as the minutes go by."""
    courses = {host.name: pushes_of(host, end_clock) for host in hosts()}
    sent_clock = 0
    while sent_clock < end_clock:
        now_clock = int(time.time())
        for stand in stands:
            for name, pushes in courses.items():
                send(stand, name, [push for push in pushes if sent_clock < push[0].stamp.clock <= now_clock])
        print(f"{max(0, end_clock - now_clock)} s to go", flush=True)
        sent_clock = now_clock
        time.sleep(max(0.0, end_clock - time.time()) % 60 + 1)  # until just after the next


def pages(stand: Stand) -> Iterator[tuple[str, str]]:
    """Each page as the first of the host's dashboard: its name, and the address of the dashboard."""
    config = parse("", "defaults")
    export = yaml.safe_load(template(selected(config), config.push_s, generation_of(stand.version)))
    (shown,) = export["zabbix_export"]["templates"][0]["dashboards"]
    (host,) = stand.api("host.get", {"filter": {"host": [SHOWN]}, "output": ["hostid"]})
    for _ in list(shown["pages"]):
        stand.import_template(yaml.safe_dump(export, sort_keys=False))
        (found,) = stand.api("templatedashboard.get", {"filter": {"name": shown["name"]}})
        query = f"hostid={host['hostid']}&dashboardid={found['dashboardid']}&from=now-1d&to=now"
        yield shown["pages"][0]["name"].lower(), f"zabbix.php?action=host.dashboard.view&{query}"
        shown["pages"].append(shown["pages"].pop(0))


def save(stand: Stand, page: str, name: str) -> None:
    """The picture of a page under this name."""
    with tempfile.TemporaryDirectory() as directory:
        taken = Path(directory) / "page.png"
        take_picture(stand, page, taken)
        with Image.open(taken) as image:
            image.convert("RGB").quantize(_COLOURS).save(PICTURES / f"{name}.png", optimize=True)
    print(f"docs/pictures/{name}.png", flush=True)


def show(stand: Stand) -> None:
    """The fleet, and each page of one host."""
    version = generation_of(stand.version)
    fold_periods(stand)
    (found,) = stand.api("dashboard.get", {"filter": {"name": NAME}, "output": ["dashboardid"]})
    save(stand, f"zabbix.php?action=dashboard.view&dashboardid={found['dashboardid']}", f"fleet-{version}")
    for name, page in pages(stand):
        save(stand, page, f"{name}-{version}")


def main() -> int:
    """Of both servers."""
    with ExitStack() as held:
        stands = [held.enter_context(brought_up(kind, push_s=None)) for kind in (Stand, SevenStand)]
        end_clock = int(time.time()) + 60 * LIVE_MINUTES
        for stand in stands:
            fill(stand, end_clock)
        live(stands, end_clock)
        for stand in stands:
            show(stand)
    return 0


if __name__ == "__main__":
    sys.exit(main())
