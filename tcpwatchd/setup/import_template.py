"""Imports the template, or brings it up to date."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from tcpwatchd.setup.changes import Changes
from tcpwatchd.template.render import TEMPLATE_NAME, revision_of

_ALL = {"createMissing": True, "updateExisting": True}
# Nothing is deleted: an item that somebody has added to the template stays.
_RULES: Mapping[str, Mapping[str, bool]] = {
    "templates": _ALL,
    "items": _ALL,
    "triggers": _ALL,
    "graphs": _ALL,
    "discoveryRules": _ALL,
    "templateDashboards": _ALL,
    "valueMaps": _ALL,
    "templateLinkage": {"createMissing": True},
}
_GROUPS_BEFORE_6_2 = {"groups": {"createMissing": True}}
_GROUPS = {"template_groups": _ALL, "host_groups": _ALL}


def import_template(changes: Changes, text: str) -> None:
    """`text` is the template's YAML."""
    export = yaml.safe_load(text)["zabbix_export"]
    (described,) = export["templates"]
    items, triggers = len(described["items"]), len(export.get("triggers", ()))
    new = revision_of(described["description"])
    found = changes.only(
        "the template",
        "template.get",
        filter={"host": [TEMPLATE_NAME]},
        output=["description"],
        selectItems="count",
        selectTriggers="count",
    )
    if found is None:
        words = f"import the template: revision {new}, {items} items"
    else:
        before = revision_of(found["description"]) or "unknown"
        whole = int(found["items"]) >= items and int(found["triggers"]) >= triggers
        if before == new and whole:
            changes.fine(f"the template is revision {new}")
            return
        deleted = " with something deleted" if before == new else ""
        words = f"update the template: revision {new}, before {before}{deleted}"
    groups = _GROUPS if changes.zabbix_version() >= (6, 2) else _GROUPS_BEFORE_6_2
    rules = {**_RULES, **groups}
    changes.change(words, "configuration.import", {"format": "yaml", "source": text, "rules": rules})
