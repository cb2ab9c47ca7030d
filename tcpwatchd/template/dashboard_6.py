"""The pages of the template's dashboard for Zabbix 6.0: single values and classic graphs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tcpwatchd.metrics.graphs import PAGES, Graph, Page
from tcpwatchd.template.widgets import Field, Grid, of_graph, of_item, places, shown_as, widget

# A row is 70 pixels: twelve of them fit on a screen of 1080.
_GRID = Grid(columns=24, value_rows=2, graph_rows=5)


def pages(keys: frozenset[str], graphs: Mapping[str, Graph], template: str) -> list[Mapping[str, Any]]:
    """The pages with what of them there is."""
    return [
        {"name": name, "widgets": list(_widgets(page, keys, graphs, template))}
        for name, page in PAGES.items()
        if not page.services
    ]


def _widgets(
    page: Page, keys: frozenset[str], graphs: Mapping[str, Graph], template: str
) -> Iterator[Mapping[str, Any]]:
    for place, subject in places(page, _GRID, keys, graphs):
        if isinstance(subject, Graph):
            yield widget("GRAPH_CLASSIC", "", place, [of_graph("graphid", template, subject.title)])
        else:
            fields = [of_item("itemid", template, subject), *_shown(subject)]
            yield widget("ITEM", "", place, fields, hide_header=True)


def _shown(key: str) -> Iterator[Field]:
    """Name and value, without the arrow: it is green where a number rises that should not."""
    for name, value in shown_as(key):
        yield {"type": "INTEGER", "name": name, "value": str(value)}
    for part in ("1", "2"):
        yield {"type": "INTEGER", "name": "show", "value": part}
