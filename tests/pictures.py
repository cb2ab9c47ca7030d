"""`make pictures`: the pictures in docs/pictures, of real Zabbix 6.0 and 7.0 servers with 40 simulated hosts.

One host has a whole day, the others half an hour. What `tcpwatchd setup all` makes is what is shown. Debian
12, root; chromium, and Pillow to make the files small.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
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


def send(stand: Stand, host: Host, now_clock: int, keys: str = "") -> None:
    """All values of a host, or those whose keys end so."""
    deliver = Sender(parse_nodes(f"127.0.0.1:{stand.server_port}"), 60.0, Clock()).deliver
    minutes = MINUTES if host.leaks else 30

    def batches(pushes: Iterable[tuple[Value, ...]]) -> Iterator[tuple[Value, ...]]:
        waiting: list[Value] = []
        for values in pushes:
            waiting += [value for value in values if value.key.endswith(keys)]
            if len(waiting) >= _AT_ONCE:
                yield tuple(waiting)
                waiting = []
        if waiting:
            yield tuple(waiting)

    pushes = list(values_of(host, now_clock, minutes))
    for values in batches(pushes[:-20] if host.name == SILENT else pushes):
        outcome = deliver(Batch(host.name, values, 0))
        assert isinstance(outcome, Delivered), outcome


def fill(stand: Stand) -> None:
    """Template, hosts with values, and the fleet dashboard."""
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
    now_clock = int(time.time())
    for keys in ("discovery", ""):  # first Zabbix has to make the items of services
        for host in hosts():
            send(stand, host, now_clock, keys)
        time.sleep(20)


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


def main() -> int:
    """Of both servers, one after the other."""
    for kind in (Stand, SevenStand):
        with brought_up(kind, push_s=None) as stand:
            version = generation_of(stand.version)
            fill(stand)
            fold_periods(stand)
            (found,) = stand.api("dashboard.get", {"filter": {"name": NAME}, "output": ["dashboardid"]})
            save(
                stand,
                f"zabbix.php?action=dashboard.view&dashboardid={found['dashboardid']}",
                f"fleet-{version}",
            )
            for name, page in pages(stand):
                save(stand, page, f"{name}-{version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
