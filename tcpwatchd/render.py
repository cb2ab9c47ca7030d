"""The catalogue as text: Zabbix template, README's table, explanations, the example configuration.

Alone knows how these are written. Text only: nothing is read, sent or timed, and two calls give the same
bytes. Template format: a Zabbix 6.0 YAML export, which later versions import unchanged.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from tcpwatchd.catalogue import CATALOGUE
from tcpwatchd.graphs import drawable
from tcpwatchd.kernel_metrics import MEASURES
from tcpwatchd.metric import Metric, ValueType
from tcpwatchd.options import OPTIONS
from tcpwatchd.render_graphs import dashboard, graph_export
from tcpwatchd.sockets import State
from tcpwatchd.stable_uuid import stable_uuid
from tcpwatchd.state_metrics import OWNERS, STATISTICS
from tcpwatchd.states import STATE_TEXTS, StateText
from tcpwatchd.trigger import MACROS, NODATA_MACRO, Trigger
from tcpwatchd.triggers import TRIGGERS, applicable

TEMPLATE_NAME = "tcpwatchd"
# Of these the README's table has one row for many items.
_FOLDED = ("tcpwatchd.sockets", "tcpwatchd.limit", "tcpwatchd.counter")
# The group that Zabbix itself ships; its UUID is the same on every server.
_GROUP = {"uuid": "a571c0d144b14fd4a87a9d9b2aa9fcd6", "name": "Templates/Applications"}


def template(metrics: Iterable[Metric], push_s: float) -> str:
    """The template for these metrics; `push_s` sets when silence raises the alarm."""
    import yaml  # noqa: PLC0415 - only this function needs it

    metrics = tuple(metrics)
    keys = frozenset(metric.key for metric in metrics)
    triggers, graphs = applicable(keys), drawable(keys)
    nodata = f"{max(60, math.ceil(5 * push_s))}s"
    macros = {
        NODATA_MACRO: (nodata, "How long a host may be silent: five pushes, at least a minute."),
        **MACROS,
    }
    used = frozenset().union(*(trigger.macros for trigger in triggers.values()))
    body = {
        "zabbix_export": {
            "version": "6.0",
            "groups": [_GROUP],
            "templates": [
                {
                    "uuid": stable_uuid("template"),
                    "template": TEMPLATE_NAME,
                    "name": "TCP sockets by tcpwatchd",
                    "description": "TCP socket states of a host, sampled and pushed by tcpwatchd. Printed by "
                    "`tcpwatchd template`; import it again after a change of the host's configuration.",
                    "groups": [{"name": _GROUP["name"]}],
                    "items": [_item(metric) for metric in metrics],
                    "dashboards": [dashboard(keys, graphs, TEMPLATE_NAME)],
                    "macros": [
                        {"macro": macro, "value": value, "description": description}
                        for macro, (value, description) in sorted(macros.items())
                        if macro in used
                    ],
                }
            ],
            "triggers": [_trigger(name, trigger, triggers) for name, trigger in triggers.items()],
            "graphs": [graph_export(name, graph, TEMPLATE_NAME) for name, graph in graphs.items()],
        }
    }
    text: str = yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=110)
    return text


def _item(metric: Metric) -> Mapping[str, Any]:
    numeric = metric.value_type is not ValueType.CHAR
    item: dict[str, Any] = {
        "uuid": stable_uuid("item", metric.key),
        "name": metric.name,
        "type": "TRAP",
        "key": metric.key,
        "delay": "0",
        # Never 0: with history a repeat of the same clock and ns is one row, without it is counted twice.
        "history": "31d",
        "trends": "365d" if numeric else "0",
        "value_type": metric.value_type.value,
    }
    if metric.units:
        item["units"] = metric.units
    item["description"] = "\n\n".join(_paragraphs(metric))
    item["tags"] = [
        {"tag": "component", "value": "tcpwatchd" if metric.own else "tcp"},
        *([{"tag": "state", "value": metric.state.parameter}] if metric.state else []),
    ]
    return item


def _trigger(name: str, trigger: Trigger, triggers: Mapping[str, Trigger]) -> Mapping[str, Any]:
    described: dict[str, Any] = {"uuid": stable_uuid("trigger", name), **_named(trigger)}
    if trigger.recovery:
        described["recovery_mode"] = "RECOVERY_EXPRESSION"
    if trigger.shown:
        described["opdata"] = trigger.shown
    described["priority"] = trigger.severity
    described["description"] = "\n\n".join(_alarm_paragraphs(trigger))
    described["manual_close"] = "YES"
    if trigger.silenced_by in triggers:
        described["dependencies"] = [_named(triggers[trigger.silenced_by])]
    described["tags"] = [{"tag": "scope", "value": trigger.scope}]
    return described


def _named(trigger: Trigger) -> dict[str, str]:
    """What an export knows a trigger by."""
    expressions = {"expression": trigger.problem, "recovery_expression": trigger.recovery}
    return {
        "name": trigger.title,
        **{name: text.replace("/T/", f"/{TEMPLATE_NAME}/") for name, text in expressions.items() if text},
    }


def _alarm_paragraphs(trigger: Trigger) -> tuple[str, ...]:
    return trigger.meaning, f"{trigger.severity.capitalize()}: {trigger.why}", f"Do next: {trigger.todo}"


def trigger_explanation(name: str, trigger: Trigger, width: int = 80) -> str:
    """What an alarm means, how bad it is, and what to do next."""
    return "\n".join(
        [
            name,
            f"  {trigger.title}",
            "",
            *(_wrapped(paragraph, width) + "\n" for paragraph in _alarm_paragraphs(trigger)),
            *(
                _wrapped(f"{when}: {expression.replace('/T/', '//')}", width)
                for when, expression in (("Begins", trigger.problem), ("Ends", trigger.recovery))
                if expression
            ),
        ]
    )


def _paragraphs(told: Metric | StateText) -> tuple[str, ...]:
    return told.meaning, f"A rise: {told.rise}", f"Look next: {told.look}"


def explanation(metric: Metric, width: int = 80) -> str:
    """What an item is, what a rise means, what to look at next."""
    units = f", in {metric.units}" if metric.units else ""
    return "\n".join(
        [
            metric.key,
            f"  {metric.name}{units}",
            "",
            *(_wrapped(paragraph, width) + "\n" for paragraph in _paragraphs(metric)),
        ]
    ).rstrip()


def state_explanation(state: State, width: int = 80) -> str:
    """The same for a state, with the keys that carry it."""
    text = STATE_TEXTS[state]
    keys = ", ".join(metric.key for metric in CATALOGUE.values() if metric.state is state)
    return "\n".join(
        [
            f"{text.title}: {text.summary}",
            "",
            *(_wrapped(paragraph, width) + "\n" for paragraph in (*_paragraphs(text), f"Keys: {keys}")),
        ]
    ).rstrip()


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def items_table(metrics: Iterable[Metric], defaults: Mapping[State, tuple[str, ...]]) -> str:
    """The item table of the README, in Markdown: states folded into one row a statistic."""
    lines = ["| item key | type | what it is |", "| --- | --- | --- |"]
    for name, statistic in STATISTICS.items():
        sent = "" if name in defaults[State.ESTABLISHED] else " Off by default."
        lines.append(
            f"| `{statistic.key}[STATE]` | {statistic.value_type.value.lower()} | {statistic.meaning}{sent} |"
        )
    for statistic in OWNERS.values():
        kind = statistic.value_type.value.lower()
        lines.append(f"| `{statistic.key}[{State.FIN_WAIT2.parameter}]` | {kind} | {statistic.meaning} |")
    for measure in MEASURES:
        kind = measure.value_type.value.lower()
        units = f", {measure.units}" if measure.units else ""
        lines.append(f"| `{measure.key}[LIMIT]` | {kind}{units} | {measure.meaning} |")
    lines.append(
        "| `tcpwatchd.counter[NAME]` | unsigned | The increase of a counter of the kernel since the push "
        "before, as far as this kernel has it. Not sent at the first push. |"
    )
    for metric in metrics:
        if not metric.key.startswith(_FOLDED):
            units = f", {metric.units}" if metric.units else ""
            lines.append(f"| `{metric.key}` | {metric.value_type.value.lower()}{units} | {metric.meaning} |")
    return "\n".join(lines) + "\n"


def alarms_table() -> str:
    """The alarm table of the README, in Markdown."""
    lines = ["| alarm | severity | what it means |", "| --- | --- | --- |"]
    lines += [
        f"| `{name}` | {trigger.severity.lower()} | {trigger.meaning} |" for name, trigger in TRIGGERS.items()
    ]
    return "\n".join(lines) + "\n"


def example_config() -> str:
    """The example configuration: every key, its default and its sentence."""
    lines = [
        "# tcpwatchd: every key with its default. Copy to /etc/tcpwatchd/config.yaml, change what you need,",
        "# delete the rest. `tcpwatchd check` tells what is wrong; SIGHUP makes a daemon read it again.",
        "# Durations: 500ms, 1s, 5m, 2h, 7d. Sizes: 512KiB, 64MiB, 1GiB.",
    ]
    open_sections: list[str] = []
    for option in OPTIONS:
        *sections, name = option.path.split(".")
        lines += [] if sections else [""]
        for depth, section in enumerate(sections):
            if open_sections[: depth + 1] != sections[: depth + 1]:
                lines += [*([""] if depth == 0 else []), f"{'  ' * depth}{section}:"]
        open_sections = sections
        indent = "  " * len(sections)
        lines += textwrap.wrap(
            option.sentence, 100, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
        )
        if option.default is None:
            lines.append(f"{indent}# {name}: {option.example}")
        else:
            lines += textwrap.wrap(
                f"{indent}{name}: {_scalar(option.default)}", 100, subsequent_indent=f"{indent}  "
            )
    return "\n".join(lines) + "\n"


def _scalar(value: object) -> str:
    if isinstance(value, list):
        quote = '"' if any("." in item for item in value) else ""
        return "[" + ", ".join(f"{quote}{item}{quote}" for item in value) + "]"
    return str(value)
