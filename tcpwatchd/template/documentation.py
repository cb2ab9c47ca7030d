"""The catalogue as documentation: items, alarms, configuration, and the example configuration.

Text only; two calls give the same bytes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from tcpwatchd.config.options import OPTIONS
from tcpwatchd.diagnosis import culprits
from tcpwatchd.kernel.kernel_counters import KERNEL_COUNTERS
from tcpwatchd.kernel.kernel_limits import KERNEL_LIMITS
from tcpwatchd.metrics.catalogue import CATALOGUE, RULES
from tcpwatchd.metrics.kernel_metrics import MEASURES
from tcpwatchd.metrics.metric import Metric
from tcpwatchd.metrics.service_metrics import SERVICE_TRIGGERS
from tcpwatchd.metrics.state_metrics import (
    OLD,
    OLD_STATES,
    OWNERS,
    STATISTICS,
    UNANSWERED,
    UNANSWERED_STATES,
)
from tcpwatchd.metrics.trigger import Trigger
from tcpwatchd.metrics.triggers import applicable, explained, fitted
from tcpwatchd.metrics.unchanged import Unchanged, unchanged
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_TEXTS
from tcpwatchd.template.template_page import macro_rows

_LONGEST_DEFAULT = 80
_PAGE_WIDTH = 118
# Of these the page has one row for many items.
_FOLDED = ("tcpwatchd.sockets", "tcpwatchd.limit", "tcpwatchd.counter", "tcpwatchd.culprits")


def _unchanged(metrics: Iterable[Metric]) -> Iterator[str]:
    """What is left out where it has not changed, and what is not."""
    words = {
        Unchanged.SENT: "A value that does not change is left out for a while (intervals.unchanged). These "
        "are always sent:",
        Unchanged.LEFT_OUT_LATER: "These are left out after 20 minutes:",
        Unchanged.ZERO_LEFT_OUT_LATER: "Of these only zeros are left out, after 20 minutes:",
    }
    told = [metric.key for metric in metrics]
    for rule, sentence in words.items():
        keys = [key for key in told if unchanged(key) is rule and not key.startswith("tcpwatchd.counter[")]
        if rule is Unchanged.ZERO_LEFT_OUT_LATER:
            keys.insert(0, "tcpwatchd.counter[NAME]")
        yield textwrap.fill(
            f"{sentence} {', '.join(keys)}.", _PAGE_WIDTH, break_long_words=False, break_on_hyphens=False
        )


def items_page(metrics: Iterable[Metric], defaults: Mapping[State, tuple[str, ...]]) -> str:
    """Every item, as a page in Markdown: states folded into one row a statistic."""
    lines = [
        "# Items",
        "",
        textwrap.fill(
            f"STATE is one of {', '.join(state.parameter for state in State)}. LIMIT is one of "
            f"{', '.join(KERNEL_LIMITS)}. NAME is the name of a service or namespace, or a counter of the "
            f"kernel: {', '.join(KERNEL_COUNTERS)}.",
            _PAGE_WIDTH,
        ),
        "",
        *_unchanged(metrics),
        "",
        "| item key | type | content |",
        "| --- | --- | --- |",
    ]
    for name, statistic in STATISTICS.items():
        sent = "" if name in defaults[State.ESTABLISHED] else " Off by default."
        lines.append(
            f"| `{statistic.key}[STATE]` | {statistic.value_type.value.lower()} | {statistic.meaning}{sent} |"
        )
    for statistic in OWNERS.values():
        kind = statistic.value_type.value.lower()
        lines.append(f"| `{statistic.key}[{State.FIN_WAIT2.parameter}]` | {kind} | {statistic.meaning} |")
    for statistic, states in ((UNANSWERED, UNANSWERED_STATES), (OLD, OLD_STATES)):
        named = ", ".join(f"`{statistic.key}[{state.parameter}]`" for state in states)
        lines.append(f"| {named} | {statistic.value_type.value.lower()} | {statistic.meaning} |")
    for measure in MEASURES:
        kind = measure.value_type.value.lower()
        units = f", {measure.units}" if measure.units else ""
        lines.append(f"| `{measure.key}[LIMIT]` | {kind}{units} | {measure.meaning} |")
    lines.append(
        "| `tcpwatchd.counter[NAME]` | unsigned | Increase of a counter of the kernel since the previous "
        "push, if this kernel has it. Not sent at the first push. |"
    )
    lines.append(
        f"| `tcpwatchd.culprits[STATE]` | char | Holders of the sockets of a state. {culprits.MEANING} |"
    )
    for metric in metrics:
        if not metric.key.startswith(_FOLDED):
            units = f", {metric.units}" if metric.units else ""
            lines.append(f"| `{metric.key}` | {metric.value_type.value.lower()}{units} | {metric.meaning} |")
    for rule in RULES:
        lines.append(f"| `{rule.key}` | JSON | Discovery. {rule.meaning} |")
        rows: dict[str, str] = {}
        for one in rule.prototypes:
            key, meaning = one.key.replace(rule.macro, "NAME"), one.meaning
            if one.state:
                key = key.replace(one.state.parameter, "STATE")
                meaning = meaning.replace(STATE_TEXTS[one.state].meaning, "").strip()
            rows.setdefault(key, f"| `{key}` | {one.value_type.value.lower()} | {meaning} |")
        lines += rows.values()
    return "\n".join(lines) + "\n"


def _causes(triggers: Mapping[str, Trigger]) -> list[str]:
    """Which alarm is raised for a cause that several would see."""
    return [
        "",
        "## One cause, one problem",
        "",
        "While a problem of the left column is open, those of the right column are not raised.",
        "",
        "| open | not raised |",
        "| --- | --- |",
        *(f"| {name} | {', '.join(others)} |" for name, others in explained(triggers).items()),
    ]


def operations() -> str:
    """What to do about each alarm, as a page in Markdown."""
    lines = [
        "# Operations",
        "",
        textwrap.fill(
            "Every alarm of the template: what it means, how severe it is, what to do, what it does not fire "
            "on, and how it ends. `tcpwatchd explain` prints the same on the host, also for the text that "
            "Zabbix sent. All thresholds are macros, which can be set on a host or a template. Windows of "
            "minutes are at least three pushes: `tcpwatchd template` follows intervals.push.",
            _PAGE_WIDTH,
        ),
    ]
    triggers = {**applicable(frozenset(CATALOGUE)), **fitted(SERVICE_TRIGGERS)}
    lines += _causes(triggers)
    for name, trigger in triggers.items():
        meaning, why, todo, silent, ends = trigger.paragraphs
        lines += [
            "",
            f"## {name}",
            "",
            f"`{trigger.event}`",
            "",
            meaning,
            "",
            f"**{why.partition(':')[0]}**:{why.partition(':')[2]}",
            "",
            f"**Do next**:{todo.partition(':')[2]}",
            "",
            f"**Silent**:{silent.partition(':')[2]}",
            "",
            ends,
            "",
            f"Begins: `{trigger.problem.replace('/T/', '//')}`",
        ]
        if trigger.recovery:
            lines += ["", f"Ends: `{trigger.recovery.replace('/T/', '//')}`"]
        if not trigger.enabled:
            lines += ["", "Disabled by default."]
        if trigger.behind:
            lines += ["", f"Not raised while one of these is open: {', '.join(trigger.behind)}."]
    lines += ["", "## Thresholds", "", "| macro | value | what it is for |", "| --- | --- | --- |"]
    lines += macro_rows()
    return "\n".join(lines) + "\n"


def configuration_reference() -> str:
    """Every configuration key, as a table in Markdown."""
    lines = [
        "# Configuration",
        "",
        textwrap.fill(
            "Every key of `/etc/tcpwatchd/config.yaml`. Whatever is left out has its default; an unknown key "
            "is an error, and `tcpwatchd check` names it with its line. A reload "
            "(`systemctl reload tcpwatchd`) takes a new configuration whole or not at all; `spool.path`, "
            "`sampler.backend` and `sampler.mode` wait for the next start.",
            _PAGE_WIDTH,
        ),
        "",
        "| key | default | what it does |",
        "| --- | --- | --- |",
    ]
    for option in OPTIONS:
        default = f"`{_scalar(option.default)}`" if option.default is not None else f"e.g. `{option.example}`"
        if len(default) > _LONGEST_DEFAULT:
            default = "see the example"
        lines.append(f"| `{option.path}` | {default} | {option.sentence} |")
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
    return str(value).lower() if isinstance(value, bool) else str(value)
