"""Widgets of a dashboard as a template export has them, and where they stand on a page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Union

from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.metrics.graphs import Graph, Page
from tcpwatchd.metrics.metric import ValueType

Field = Mapping[str, Any]
Subject = Union[str, Graph]
"""What a widget shows: an item by its key, or a graph."""


@dataclass(frozen=True)
class Grid:
    """Of a dashboard: its columns, and how many rows a value and a graph take."""

    columns: int
    value_rows: int
    graph_rows: int


class Place(NamedTuple):
    """In columns and rows of the grid."""

    x: int
    y: int
    width: int
    height: int


def places(
    page: Page, grid: Grid, keys: frozenset[str], graphs: Mapping[str, Graph]
) -> Iterator[tuple[Place, Subject]]:
    """Rows of single values, and the graphs below, as many in a row as the page says."""
    top = 0
    for row in page.values:
        x = 0
        for key, twelfths in row:
            width = grid.columns * twelfths // 12
            if key in keys:
                yield Place(x, top, width, grid.value_rows), key
            x += width
        top += grid.value_rows if keys.intersection(key for key, _ in row) else 0
    drawn = [graphs[name] for name in page.graphs if name in graphs]
    width = grid.columns // page.columns
    for nth, graph in enumerate(drawn):
        y = top + grid.graph_rows * (nth // page.columns)
        yield Place(width * (nth % page.columns), y, width, grid.graph_rows), graph


def height_of(page: Page, grid: Grid) -> int:
    """Rows of a page that has everything."""
    return len(page.values) * grid.value_rows + math.ceil(len(page.graphs) / page.columns) * grid.graph_rows


def shown_as(key: str) -> Iterator[tuple[str, int]]:
    """Settings of the widget of a single value: counts have no decimals, texts are small enough to fit."""
    metric = CATALOGUE[key]
    yield "desc_size", 12
    if metric.value_type is ValueType.CHAR:
        yield "value_size", 18
    elif metric.value_type is ValueType.UNSIGNED and not metric.units:
        yield "decimal_places", 0
    else:
        yield "decimal_places", 1


def widget(
    kind: str, title: str, place: Place, fields: Sequence[Field], hide_header: bool = False
) -> Mapping[str, Any]:
    """One widget; without a title Zabbix shows its own."""
    return {
        "type": kind,
        **({"name": title} if title else {}),
        **{name: str(number) for name, number in place._asdict().items()},
        **({"hide_header": "YES"} if hide_header else {}),
        "fields": list(fields),
    }


def of_item(name: str, template: str, key: str) -> Field:
    """A field that names an item of the template."""
    return {"type": "ITEM", "name": name, "value": {"host": template, "key": key}}


def of_graph(name: str, template: str, title: str) -> Field:
    """A field that names a graph of the template."""
    return {"type": "GRAPH", "name": name, "value": {"host": template, "name": title}}
