"""The action that adds hosts which register themselves, with the template."""

from __future__ import annotations

from typing import Any

from tcpwatchd.setup.api import SetupError
from tcpwatchd.setup.changes import NEW, Changes
from tcpwatchd.template.render import TEMPLATE_NAME

ACTION = "tcpwatchd: register hosts"
# As Zabbix numbers them.
_AUTOREGISTRATION, _METADATA, _CONTAINS, _AND = 2, 24, 2, 1
_ADD_HOST, _ADD_TO_GROUP, _LINK_TEMPLATE = 2, 4, 6


def template_id(changes: Changes) -> str:
    """The template's. SetupError if it is not there."""
    found = changes.only(
        "the template", "template.get", filter={"host": [TEMPLATE_NAME]}, output=["templateid"]
    )
    if found is None and not changes.dry_run:
        raise SetupError(
            f"the template {TEMPLATE_NAME} is not in Zabbix", "", "run the action `template` first"
        )
    return str(found["templateid"]) if found else NEW


def group_id(changes: Changes, name: str) -> str:
    """The host group of this name, created where it is not there."""
    found = changes.only(
        f"the host group {name}", "hostgroup.get", filter={"name": [name]}, output=["groupid"]
    )
    if found is not None:
        return str(found["groupid"])
    return changes.create(f"create host group {name}", "hostgroup.create", {"name": name}, "groupids")


def autoregistration(changes: Changes, metadata: str, group: str) -> None:
    """Hosts with this metadata come into this host group."""
    template, hosts = template_id(changes), group_id(changes, group)
    wanted: dict[str, Any] = {
        "filter": {
            "evaltype": _AND,
            "conditions": [{"conditiontype": _METADATA, "operator": _CONTAINS, "value": metadata}],
        },
        "operations": [
            {"operationtype": _ADD_HOST},
            {"operationtype": _ADD_TO_GROUP, "opgroup": [{"groupid": hosts}]},
            {"operationtype": _LINK_TEMPLATE, "optemplate": [{"templateid": template}]},
        ],
    }
    words = f"action {ACTION!r}: metadata contains {metadata!r}, group {group}, template {TEMPLATE_NAME}"
    found = changes.only(
        f"the action {ACTION!r}",
        "action.get",
        filter={"name": [ACTION], "eventsource": _AUTOREGISTRATION},
        output=["actionid", "status"],
        selectFilter="extend",
        selectOperations="extend",
    )
    if found is None:
        new = {"name": ACTION, "eventsource": _AUTOREGISTRATION, **wanted}
        changes.create(f"create {words}", "action.create", new, "actionids")
    elif _shape(found) != _shape(wanted):
        changes.change(f"change {words}", "action.update", {"actionid": found["actionid"], **wanted})
    else:
        # Whoever has disabled it has done so on purpose.
        disabled = " (it is disabled)" if str(found["status"]) != "0" else ""
        changes.fine(f"{words}{disabled}")


def _shape(action: Any) -> object:
    """What counts of an action, as asked for or as Zabbix returns it."""
    conditions = sorted(
        (str(one["conditiontype"]), str(one["operator"]), one["value"])
        for one in action["filter"]["conditions"]
    )
    operations = sorted(
        (
            str(one["operationtype"]),
            tuple(sorted(str(group["groupid"]) for group in one.get("opgroup") or ())),
            tuple(sorted(str(template["templateid"]) for template in one.get("optemplate") or ())),
        )
        for one in action["operations"]
    )
    return conditions, operations
