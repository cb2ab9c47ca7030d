"""The catalogue as a Zabbix template, for Zabbix 6.0 or 7.0. Names and UUIDs are the same in both, so that
importing the other one changes the template in place. Versions after 7.0 import both.

Text only; two calls give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tcpwatchd.diagnosis.services import Service
from tcpwatchd.metrics.catalogue import CATALOGUE, RULES
from tcpwatchd.metrics.graphs import drawable
from tcpwatchd.metrics.key_patterns import KeyPattern, keys_of, of_dialect
from tcpwatchd.metrics.metric import Metric, Prototype, Rule, ValueType
from tcpwatchd.metrics.spellings import SPELLINGS
from tcpwatchd.metrics.trigger import MACROS, NODATA_MACRO, Trigger
from tcpwatchd.metrics.triggers import applicable, fitted
from tcpwatchd.model.sockets import State
from tcpwatchd.template.generations import GENERATIONS, OLDEST, Generation
from tcpwatchd.template.languages import ENGLISH, LANGUAGES, Language
from tcpwatchd.template.render_graphs import graph_export, stable_uuid

TEMPLATE_NAME = "tcpwatchd"
# Eight digits in the description stand for everything in a template: so Zabbix can be asked which it has.
_REVISION = re.compile(r"\bRevision ([0-9a-f]{8})\.")
# The group that Zabbix itself ships; its UUID is the same on every server.
_GROUP = {"uuid": "a571c0d144b14fd4a87a9d9b2aa9fcd6", "name": "Templates/Applications"}


def template(metrics: Iterable[Metric], push_s: float, zabbix: str = OLDEST, language: str = ENGLISH) -> str:
    """For these metrics and this generation of Zabbix; `push_s` sets when silence raises the alarm."""
    generation, words = GENERATIONS[zabbix], LANGUAGES[language]
    metrics = tuple(metrics)
    keys = frozenset(metric.key for metric in metrics)
    triggers, graphs = applicable(keys, push_s), drawable(keys)
    nodata = f"{max(60, math.ceil(5 * push_s))}s"
    macros = {
        NODATA_MACRO: (nodata, "How long a host may be silent: five pushes, at least a minute."),
        **MACROS,
    }
    used = frozenset().union(*(trigger.macros for trigger in triggers.values()))
    filters = {macro: words for rule in RULES for macro, words in rule.filters.items()}
    contents = {
        "items": [_item(metric, "item", words) for metric in metrics],
        "discovery_rules": [_rule(rule, push_s, words) for rule in RULES],
        "dashboards": [
            {
                "uuid": stable_uuid("dashboard"),
                "name": "TCP sockets",
                "auto_start": "NO",  # nobody who reads a page wants it to go away
                "pages": generation.pages(keys, graphs, TEMPLATE_NAME),
            }
        ],
        "macros": [
            {"macro": macro, "value": value, "description": words.macro(macro, description)}
            for macro, (value, description) in sorted({**macros, **filters}.items())
            if macro in used or macro in filters
        ],
    }
    beside = {
        "triggers": [_trigger(name, trigger, triggers, words) for name, trigger in triggers.items()],
        "graphs": [graph_export(name, graph, TEMPLATE_NAME) for name, graph in graphs.items()],
    }
    described = {
        "uuid": stable_uuid("template"),
        "template": TEMPLATE_NAME,
        "name": "TCP sockets by tcpwatchd",
        "description": _revised(words.template, contents, beside),
        **generation.described,
        "groups": [{"name": _GROUP["name"]}],
        "tags": [{"tag": "class", "value": "network"}, {"tag": "target", "value": "tcp"}],
        **contents,
    }
    return _export(described, generation, **beside)


def dialect_template(dialect: str) -> str:
    """A template with the states under the keys of another dialect, for hosts that have no such items yet."""
    items = [
        {**_item(CATALOGUE[ours], "item"), "uuid": stable_uuid(f"item of {dialect}", theirs), "key": theirs}
        for theirs, ours in of_dialect(dialect).items()
    ]
    return _export(
        {
            "uuid": stable_uuid("template", dialect),
            "template": f"{TEMPLATE_NAME} {dialect}",
            "name": f"TCP sockets by tcpwatchd, as {dialect}",
            "description": f"TCP socket states under the keys of {dialect}, pushed by tcpwatchd "
            f"where its configuration says keys: {{dialect: {dialect}}}.",
            "groups": [{"name": _GROUP["name"]}],
            "items": items,
        }
    )


def patterns_template(patterns: Sequence[KeyPattern], services: Sequence[Service]) -> str:
    """A template with the keys of these patterns, for the configured services."""
    items: dict[str, Mapping[str, Any]] = {}
    for pattern in patterns:
        for key, state in keys_of(pattern, services).items():
            items.setdefault(key, _pattern_item(pattern, key, state))
    return _export(
        {
            "uuid": stable_uuid("template", "patterns"),
            "template": f"{TEMPLATE_NAME} patterns",
            "name": "TCP sockets by tcpwatchd, under other keys",
            "description": "TCP socket states under the keys of "
            f"{', '.join(pattern.pattern for pattern in patterns)}, pushed by tcpwatchd.",
            "groups": [{"name": _GROUP["name"]}],
            "items": list(items.values()),
        }
    )


def _pattern_item(pattern: KeyPattern, key: str, state: State | None) -> Mapping[str, Any]:
    described = _item(CATALOGUE[f"tcpwatchd.sockets[{(state or State.ESTABLISHED).parameter}]"], "item")
    item = {**described, "uuid": stable_uuid("item of a pattern", key), "key": key}
    if state is not None:
        return item if not pattern.per_service else {**item, "name": f"{item['name']}, {key}"}
    item.pop("tags")
    item["name"] = f"TCP sockets, {key}"
    if pattern.total:
        return {**item, "description": "All connections and listening sockets together."}
    words = ", ".join(SPELLINGS[pattern.spelling].values())
    item["description"] = (
        f"A JSON object of all states: {words}. Dependent items with JSONPath take single numbers out."
    )
    return {**item, "value_type": "TEXT", "trends": "0"}


def _export(
    described: Mapping[str, Any],
    generation: Generation = GENERATIONS[OLDEST],
    **beside: Sequence[Mapping[str, Any]],
) -> str:
    """One template as an import file, with its triggers and graphs."""
    import yaml  # noqa: PLC0415 - only this function needs it

    body = {
        "version": generation.version,
        generation.groups: [_GROUP],
        "templates": [described],
        **beside,
    }
    text: str = yaml.safe_dump({"zabbix_export": body}, sort_keys=False, allow_unicode=True, width=110)
    return text


def _rule(rule: Rule, push_s: float, words: Language) -> Mapping[str, Any]:
    tags = [{"tag": macro.strip("{#}").lower(), "value": macro} for macro in (rule.macro, *rule.macros)]
    prototypes = [_item(prototype, "item prototype", words) for prototype in rule.prototypes]
    described: dict[str, Any] = {
        "uuid": stable_uuid("discovery rule", rule.key),
        "name": rule.name,
        "type": "TRAP",
        "key": rule.key,
        "delay": "0",
        "filter": {"evaltype": "AND", "conditions": _conditions(rule)},
        "lifetime": "7d",
        "description": words.rule(rule),
        "item_prototypes": [
            {**item, "tags": [*item["tags"], *(dict(tag) for tag in tags)]} for item in prototypes
        ],
        # It comes with every push, so that a server that was restored has it again; once an hour is enough.
        "preprocessing": [{"type": "DISCARD_UNCHANGED_HEARTBEAT", "parameters": ["1h"]}],
    }
    if rule.triggers:
        described["trigger_prototypes"] = [
            _trigger(name, trigger, {}, words, "trigger prototype")
            for name, trigger in fitted(rule.triggers, push_s).items()
        ]
    return described


def _conditions(rule: Rule) -> Sequence[Mapping[str, str]]:
    matches, not_matches = rule.filters
    return [
        {"macro": rule.macro, "value": matches, "formulaid": "A"},
        {
            "macro": rule.macro,
            "value": not_matches,
            "operator": "NOT_MATCHES_REGEX",
            "formulaid": "B",
        },
    ]


def _item(metric: Metric | Prototype, kind: str, words: Language = LANGUAGES[ENGLISH]) -> Mapping[str, Any]:
    numeric = metric.value_type is not ValueType.CHAR
    item: dict[str, Any] = {
        "uuid": stable_uuid(kind, metric.key),
        "name": metric.name,
        "type": "TRAP",
        "key": metric.key,
        "delay": "0",
        # Never 0: with history a repeat of the same clock and ns is one row, without it is counted twice.
        "history": "7d",
        "trends": "365d" if numeric else "0",
        "value_type": metric.value_type.value,
    }
    if metric.units:
        item["units"] = metric.units
    item["description"] = "\n\n".join(words.item(metric))
    item["tags"] = [
        {"tag": "component", "value": "tcpwatchd" if metric.own else "tcp"},
        *([{"tag": "state", "value": metric.state.parameter}] if metric.state else []),
    ]
    return item


def _trigger(
    name: str,
    trigger: Trigger,
    triggers: Mapping[str, Trigger],
    words: Language,
    kind: str = "trigger",
) -> Mapping[str, Any]:
    described: dict[str, Any] = {"uuid": stable_uuid(kind, name), **_named(trigger)}
    if trigger.event != trigger.title:
        described["event_name"] = trigger.event
    if not trigger.enabled:
        described["status"] = "DISABLED"
    if trigger.recovery:
        described["recovery_mode"] = "RECOVERY_EXPRESSION"
    if trigger.shown:
        described["opdata"] = trigger.shown
    described["priority"] = trigger.severity
    described["description"] = "\n\n".join(words.trigger(name, trigger))
    described["manual_close"] = "YES"
    behind = [_named(triggers[name]) for name in trigger.behind if name in triggers]
    if behind:
        described["dependencies"] = behind
    tags = {"scope": trigger.scope, **trigger.tags}
    described["tags"] = [{"tag": tag, "value": value} for tag, value in tags.items()]
    return described


def _named(trigger: Trigger) -> dict[str, str]:
    """What an export knows a trigger by."""
    expressions = {"expression": trigger.problem, "recovery_expression": trigger.recovery}
    return {
        "name": trigger.title,
        **{name: text.replace("/T/", f"/{TEMPLATE_NAME}/") for name, text in expressions.items() if text},
    }


def _revised(description: str, *parts: object) -> str:
    """The description with the revision of the `parts` of its template."""
    text = json.dumps([description, *parts], sort_keys=True, default=str)
    return f"{description} Revision {hashlib.sha256(text.encode()).hexdigest()[:8]}."


def revision_of(description: str) -> str | None:
    """The revision that a description has; None if it has none."""
    found = _REVISION.search(description)
    return found[1] if found else None
