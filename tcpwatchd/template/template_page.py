"""zabbix/README.md: what is in the template, as tables in Markdown.

Text only; two calls give the same bytes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from tcpwatchd.metrics.catalogue import RULES
from tcpwatchd.metrics.graphs import GRAPHS, PAGES
from tcpwatchd.metrics.metric import Metric
from tcpwatchd.metrics.trigger import MACROS, Trigger
from tcpwatchd.metrics.triggers import applicable, fitted

_WIDTH = 118
_FILES = (
    "| [6.0/tcpwatchd.yaml](6.0/tcpwatchd.yaml) | Zabbix 6.0 and later; [tcpwatchd.yaml](tcpwatchd.yaml) "
    "is the same |",
    "| [7.0/tcpwatchd.yaml](7.0/tcpwatchd.yaml) | Zabbix 7.0 and later, with its newer widgets |",
)
_WORDS = (
    "Both are for the default configuration. `tcpwatchd template -c config.yaml` prints the template of "
    "another one, with `--zabbix 7.0` the newer one. Items, triggers and UUIDs are the same in both. So "
    "an import of the newer one changes the template in place: items keep their history, problems stay "
    "open.",
    "Import the file under *Data collection → Templates → Import* (6.0: *Configuration → Templates*). "
    "Leave *Delete missing* off: then items that you have added stay. `tcpwatchd setup template` does it "
    "over the API (see [fleet.md](../docs/fleet.md)). Link *TCP sockets by tcpwatchd* to the hosts. All "
    "items are trapper items: a host needs no interface.",
    "The template has the tags `class: network` and `target: tcp`. Each problem has the tag `scope`, and "
    "`listener`, `program`, `destination` or `service` where one is known.",
)


def macro_rows() -> Iterator[str]:
    """Every macro with its value."""
    filters = {macro: words for rule in RULES for macro, words in rule.filters.items()}
    for macro, (value, words) in sorted({**MACROS, **filters}.items()):
        yield f"| `{macro}` | {value} | {words} |"


def template_page(metrics: Iterable[Metric], push_s: float) -> str:
    """The page for the template of these metrics."""
    metrics = tuple(metrics)
    keys = frozenset(metric.key for metric in metrics)
    prototypes = {name: one for rule in RULES for name, one in fitted(rule.triggers, push_s).items()}
    return "\n".join(
        [
            *("# Templates for Zabbix", "", "| file | for |", "| --- | --- |", *_FILES, ""),
            *(f"{textwrap.fill(words, _WIDTH, break_on_hyphens=False)}\n" for words in _WORDS),
            "## Macros",
            "",
            "Each can be set on a host or a template. `{$TCPWATCHD.NODATA}`: five pushes, at least a minute.",
            "",
            "| macro | value | what it is for |",
            "| --- | --- | --- |",
            *macro_rows(),
            "",
            *_triggers({**applicable(keys, push_s), **prototypes}),
            "",
            "## Items",
            "",
            "| name | key | type | units |",
            "| --- | --- | --- | --- |",
            *(
                f"| {one.name} | `{one.key}` | {one.value_type.value.lower()} | {one.units} |"
                for one in metrics
            ),
            "",
            *_discovered(),
            "",
            "## Dashboard",
            "",
            "| page | graphs |",
            "| --- | --- |",
            *(
                f"| {name} | {', '.join(GRAPHS[graph].title for graph in page.graphs) or '7.0: by service'} |"
                for name, page in PAGES.items()
            ),
            "",
        ]
    )


def _triggers(triggers: Mapping[str, Trigger]) -> Iterator[str]:
    yield from ("## Triggers", "", "[operations.md](../docs/operations.md) says what to do about each.", "")
    yield from ("| name | severity | meaning |", "| --- | --- | --- |")
    for trigger in triggers.values():
        off = "" if trigger.enabled else " Disabled by default."
        yield f"| {trigger.title} | {trigger.severity.capitalize()} | {trigger.meaning}{off} |"


def _discovered() -> Iterator[str]:
    yield from ("## Discovery rules", "", "| rule | key | item prototypes |", "| --- | --- | --- |")
    for rule in RULES:
        made = ", ".join(f"`{one.key}`" for one in rule.prototypes)
        yield f"| {rule.name} | `{rule.key}` | {made} |"
