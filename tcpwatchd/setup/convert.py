"""Makes items of other scripts trapper items in place, so that their ids and history stay; and back.

What an item was before is kept in a tag of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tcpwatchd.metrics.key_patterns import PORT, SERVICE, STATE, KeyPattern
from tcpwatchd.metrics.spellings import SPELLINGS
from tcpwatchd.setup.api import SetupError
from tcpwatchd.setup.changes import Changes
from tcpwatchd.setup.link import hosts_of

WAS = "tcpwatchd was"
_TRAPPER = "2"
_KEPT = ("type", "delay", "interfaceid", "master_itemid", "trapper_hosts")
_ITEM = ["itemid", "name", "key_", "hostid", *_KEPT]


def regex_of(pattern: KeyPattern) -> re.Pattern[str]:
    """The keys that a pattern stands for, whatever the services are."""
    words = [re.escape(word) for word in SPELLINGS[pattern.spelling].values()]
    if pattern.total:
        words.append(re.escape(pattern.total))
    alternatives = {STATE: f"(?:{'|'.join(words)})", SERVICE: r"[^\],]+", PORT: r"\d+"}
    parts = re.split(rf"\b({STATE}|{SERVICE}|{PORT})\b", pattern.pattern)
    return re.compile("".join(alternatives.get(part) or re.escape(part) for part in parts))


def convert(
    changes: Changes, pattern: KeyPattern, names: Sequence[str], group: str | None, back: bool = False
) -> None:
    """The items with keys of this pattern, of these hosts; of all hosts and templates if none is named."""
    items = _items(changes, pattern, names, group)
    chosen = [item for item in items if (_was(item) is not None) is back and (back or not _is_trapper(item))]
    if not items:
        raise SetupError(
            f"no item has a key such as {pattern.pattern} (spelling {pattern.spelling})",
            "",
            f"spellings are {', '.join(SPELLINGS)}",
        )
    if done := len(items) - len(chosen):
        changes.fine(f"{done} items are {'not converted' if back else 'trapper items'}")
    verb = "restore" if back else "convert"
    where = _owners(changes, chosen)
    changes.many(
        [f"{verb} {item['key_']} of {where[item['hostid']]}" for item in chosen],
        "item.update",
        [_restored(item) if back else _converted(item) for item in chosen],
        lambda some: some,
    )


def _items(
    changes: Changes, pattern: KeyPattern, names: Sequence[str], group: str | None
) -> list[dict[str, Any]]:
    wanted = regex_of(pattern)
    beginning = re.split(rf"\b(?:{STATE}|{SERVICE}|{PORT})\b", pattern.pattern)[0]
    of_hosts: dict[str, Any] = {}
    if names or group is not None:
        of_hosts["hostids"] = [host["hostid"] for host in hosts_of(changes, names, group)]
    found = changes.ask(
        "item.get",
        output=_ITEM,
        selectTags="extend",
        search={"key_": beginning},
        startSearch=True,
        inherited=False,  # what comes of a template is changed there
        **of_hosts,
    )
    return [item for item in found if wanted.fullmatch(item["key_"])]


def _owners(changes: Changes, items: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    ids = sorted({item["hostid"] for item in items})
    hosts = changes.ask("host.get", hostids=ids, output=["hostid", "host"], templated_hosts=True)
    return {host["hostid"]: host["host"] for host in hosts}


def _is_trapper(item: Mapping[str, Any]) -> bool:
    return str(item["type"]) == _TRAPPER


def _was(item: Mapping[str, Any]) -> Mapping[str, str] | None:
    """What the item was before it was converted; None if it was not."""
    for tag in item["tags"]:
        if tag["tag"] == WAS:
            return dict(part.split("=", 1) for part in tag["value"].split(" ") if "=" in part)
    return None


def _converted(item: Mapping[str, Any]) -> dict[str, Any]:
    was = " ".join(
        f"{name}={item[name]}" for name in _KEPT if str(item.get(name) or "0") != "0" or name == "type"
    )
    return {
        "itemid": item["itemid"],
        "type": int(_TRAPPER),
        "tags": [*_plain(item), {"tag": WAS, "value": was}],
    }


def _restored(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "itemid": item["itemid"],
        **(_was(item) or {}),
        "tags": [tag for tag in _plain(item) if tag["tag"] != WAS],
    }


def _plain(item: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"tag": tag["tag"], "value": tag["value"]} for tag in item["tags"]]
