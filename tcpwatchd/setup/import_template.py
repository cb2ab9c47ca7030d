"""Imports the template, or brings it up to date. Source: Zabbix manual, API, configuration.importcompare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tcpwatchd.setup.changes import Changes

_ALL = {"createMissing": True, "updateExisting": True}
# Nothing is deleted: an item that a host's own configuration has added to the template stays.
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
_KINDS = ("items", "triggers", "graphs", "discovery_rules", "dashboards", "valuemaps")


def import_template(changes: Changes, text: str) -> None:
    """`text` is the template's YAML."""
    version = tuple(int(part) for part in changes.ask("apiinfo.version").split(".")[:2])
    groups = (
        {"template_groups": _ALL, "host_groups": _ALL}
        if version >= (6, 2)
        else {"groups": {"createMissing": True}}
    )
    params = {"format": "yaml", "source": text, "rules": {**_RULES, **groups}}
    differs = changes.ask("configuration.importcompare", **params)
    if not differs:
        changes.fine("the template is up to date")
        return
    counted = _counted(differs)
    new = bool(differs.get("templates", {}).get("added"))
    verb = "import" if new else "update"
    changes.change(f"{verb} the template{': ' if counted else ''}{counted}", "configuration.import", params)


def _counted(differs: Mapping[str, Any]) -> str:
    """How many of each kind are added and updated: `items 3 added, 1 updated`."""
    counts: Counter[tuple[str, str]] = Counter()

    def walk(part: Mapping[str, Any]) -> None:
        for kind, by_what in part.items():
            if not isinstance(by_what, dict):
                continue
            for what, entries in by_what.items():
                if what not in ("added", "updated") or not isinstance(entries, list):
                    continue
                counts[kind, what] += len(entries)
                for entry in entries:
                    walk({name: inner for name, inner in entry.items() if name not in ("before", "after")})
                    if what == "added":
                        counts.update({(name, what): n for name, n in _inside(entry).items()})

    walk(differs)
    words = []
    for kind in _KINDS:
        numbers = [f"{counts[kind, what]} {what}" for what in ("added", "updated") if counts[kind, what]]
        if numbers:
            words.append(f"{kind.replace('_', ' ')} {', '.join(numbers)}")
    return "; ".join(words)


def _inside(entry: Mapping[str, Any]) -> Mapping[str, int]:
    """What a template that is new has in it."""
    after = entry.get("after", {})
    return {name: len(after[name]) for name in _KINDS if isinstance(after.get(name), list)}
