"""An import over a template whose texts were different: what a host had stays, ids included."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.model.batch import Batch, Delivered, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.template.render import TEMPLATE_NAME, template
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.processes import wait_for
from tests.lab.zabbix_stand.api import Client

# As printed on 2026-11-28, before there was a template for each version of Zabbix.
FORMER = Path(__file__).with_name("former_template.yaml.gz")
PROBLEM_KEY, SILENT_KEY = "tcpwatchd.limit[files]", "tcpwatchd.sockets[established]"


@dataclass(frozen=True)
class Kept:
    """What must not change: ids by key or identity, open problems, and history."""

    items: dict[str, str]
    triggers: list[str]
    graphs: list[str]
    problems: list[str]
    history: list[Any]


def with_other_texts(text: str) -> str:
    """The template with other names of items and graphs, and other descriptions: as an older one has them."""
    export = yaml.safe_load(text)
    graphs = {graph["name"] for graph in export["zabbix_export"]["graphs"]}
    return str(yaml.safe_dump(_renamed(export, graphs), allow_unicode=True, sort_keys=False))


def _renamed(part: Any, graphs: set[str]) -> Any:
    if isinstance(part, list):
        return [_renamed(one, graphs) for one in part]
    if isinstance(part, str):
        return f"Former {part}" if part in graphs else part
    if not isinstance(part, dict):
        return part
    changed = {name: _renamed(one, graphs) for name, one in part.items()}
    if "description" in changed and "uuid" in changed:
        changed["description"] = "A former description."
    if "key" in changed and "value_type" in changed:
        changed["name"] = f"Former {changed['name']}"
    return changed


def seen(stand: Client, host: str) -> Kept:
    """What the host has now."""
    hostid = stand.api("host.get", {"filter": {"host": [host]}, "output": ["hostid"]})[0]["hostid"]
    asked = {"hostids": hostid, "output": ["triggerid", "graphid", "uuid"]}
    return Kept(
        {key: item["itemid"] for key, item in stand.items(host).items()},
        sorted(one["triggerid"] for one in stand.api("trigger.get", asked)),
        sorted(one["graphid"] for one in stand.api("graph.get", asked)),
        [problem["eventid"] for problem in stand.problems(host)],
        [*stand.history(host, PROBLEM_KEY), *stand.history(host, SILENT_KEY)],
    )


def raise_a_problem(stand: Client, host: str, port: int) -> Kept:
    """Sends values to this port until the host has a problem, and history all of them."""
    sender = Sender(parse_nodes(f"127.0.0.1:{port}"), 10.0, Clock())
    sent = []

    def raised() -> bool:
        """A server may know an item before its triggers."""
        stamp = Stamp(int(time.time()), 1)
        outcome = sender.deliver(
            Batch(host, (Value(PROBLEM_KEY, "99", stamp), Value(SILENT_KEY, "7", stamp)), 0)
        )
        if isinstance(outcome, Delivered) and not outcome.refused:
            sent.append(stamp.clock)
        time.sleep(1)
        return bool(stand.problems(host))

    wait_for(raised, "a problem", 60)
    wait_for(lambda: stand.history(host, SILENT_KEY)[-1].clock == sent[-1], "the values in history", 60)
    before = seen(stand, host)
    assert len(before.problems) == 1
    return before


def assert_an_import_changes_texts_alone(stand: Client, host: str, port: int) -> None:
    """Imports the former texts, gives the host values and a problem, imports today's texts, and compares.

    `port` is where values of this host are taken.
    """
    today = template(CATALOGUE.values(), 1.0)
    stand.import_template(with_other_texts(today))
    stand.create_host(host, TEMPLATE_NAME)
    names = {item["name"] for item in stand.items(host).values()}
    assert all(name.startswith("Former ") for name in names)
    before = raise_a_problem(stand, host, port)
    stand.import_template(today)
    assert seen(stand, host) == before
    assert {item["name"] for item in stand.items(host).values()} == {m.name for m in CATALOGUE.values()}
