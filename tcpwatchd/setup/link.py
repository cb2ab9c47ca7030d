"""Links the template to hosts that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcpwatchd.setup.api import SetupError
from tcpwatchd.setup.autoregistration import template_id
from tcpwatchd.setup.changes import Changes
from tcpwatchd.template.render import TEMPLATE_NAME


def hosts_of(changes: Changes, names: Sequence[str], group: str | None) -> list[dict[str, Any]]:
    """The hosts of these names, and those of a group. SetupError where one is not there."""
    asked = {"output": ["hostid", "host"], "selectParentTemplates": ["templateid"]}
    found: list[dict[str, Any]] = []
    if names:
        found += changes.ask("host.get", filter={"host": list(names)}, **asked)
        if missing := sorted(set(names) - {host["host"] for host in found}):
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise SetupError(
                f"{len(missing)} of {len(names)} hosts are not in Zabbix: {', '.join(missing[:5])}{more}",
                "",
                "the names are those of the field Host name",
            )
    if group is not None:
        there = changes.only(
            f"the host group {group}", "hostgroup.get", filter={"name": [group]}, output=["groupid"]
        )
        if there is None:
            raise SetupError(f"the host group {group} is not in Zabbix")
        found += changes.ask("host.get", groupids=there["groupid"], **asked)
    return sorted({host["hostid"]: host for host in found}.values(), key=lambda host: str(host["host"]))


def link(changes: Changes, names: Sequence[str], group: str | None) -> None:
    """Links the template to each of these hosts that does not have it."""
    template = template_id(changes)
    hosts = hosts_of(changes, names, group)
    without = [
        host
        for host in hosts
        if template not in [str(parent["templateid"]) for parent in host["parentTemplates"]]
    ]
    if linked := len(hosts) - len(without):
        changes.fine(f"{linked} hosts have the template {TEMPLATE_NAME}")
    changes.many(
        [f"link {TEMPLATE_NAME} to {host['host']}" for host in without],
        "host.massadd",
        [{"hostid": host["hostid"]} for host in without],
        lambda some: {"templates": [{"templateid": template}], "hosts": some},
    )
