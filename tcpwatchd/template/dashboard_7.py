"""The pages of the template's dashboard for Zabbix 7.0: values, gauges, graphs, services, problems.

Names of fields: Zabbix manual 7.0, API, "Dashboard widget fields".
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.metrics.graphs import ORANGE, PAGES, RED, TEAL, Graph, Line, Page
from tcpwatchd.metrics.unchanged import Unchanged, unchanged
from tcpwatchd.template.widgets import Field, Grid, Place, of_item, places, shown_as, widget

_GRID = Grid(columns=72, value_rows=2, graph_rows=4)
# As Zabbix numbers them.
_ITEM_LIST, _PATTERN = 0, 1
_GAP, _CONNECTED = 0, 1  # where data are missing
_OPAQUE = 0
_VALUE = 1  # what a cell of a honeycomb shows: its value
_HONEYCOMB_ROWS, _SERVICE_ROWS, _PROBLEM_ROWS = 4, 5, 2


class _Cells(NamedTuple):
    """A honeycomb of the services: a cell is coloured from a threshold on."""

    title: str
    state: str
    thresholds: Sequence[tuple[str, int]]


_CELLS = (
    _Cells("ESTABLISHED by service", "ESTABLISHED", ((TEAL, 0),)),
    _Cells("CLOSE_WAIT by service", "CLOSE_WAIT", ((TEAL, 0), (ORANGE, 10), (RED, 50))),
    _Cells("LISTEN by service", "LISTEN", ((RED, 0), (TEAL, 1))),
)
_SERVICE_LINES = ("ESTABLISHED", "TIME_WAIT", "CLOSE_WAIT")


def pages(keys: frozenset[str], graphs: Mapping[str, Graph], template: str) -> list[Mapping[str, Any]]:
    """The pages with what of them there is."""
    return [
        {
            "name": name,
            "widgets": list(_services() if page.services else _widgets(page, keys, graphs, template)),
        }
        for name, page in PAGES.items()
    ]


def _widgets(
    page: Page, keys: frozenset[str], graphs: Mapping[str, Graph], template: str
) -> Iterator[Mapping[str, Any]]:
    top = _PROBLEM_ROWS if page.problems else 0
    if page.problems:
        yield widget("problems", "Problems", Place(0, 0, _GRID.columns, top), [_reference("problems")])
    for place, subject in places(page, _GRID, keys, graphs):
        there = place._replace(y=place.y + top)
        if isinstance(subject, Graph):
            yield widget(
                "svggraph", subject.title, there, [*_drawn(subject, template), _reference(subject.title)]
            )
        elif CATALOGUE[subject].units == "%":
            yield widget("gauge", "", there, list(_gauge(subject, template)), hide_header=True)
        else:
            fields = [of_item("itemid.0", template, subject)]
            fields += [_integer(name, value) for name, value in shown_as(subject)]
            fields += [_integer("show.0", 1), _integer("show.1", 2)]  # name and value, no arrow
            yield widget("item", "", there, fields, hide_header=True)


def _gauge(key: str, template: str) -> Iterator[Field]:
    yield of_item("itemid.0", template, key)
    yield _text("min", "0")
    yield _text("max", "100")
    yield _integer("decimal_places", 0)
    yield _integer("value_size", 20)
    yield _integer("desc_size", 12)
    for nth, (colour, least) in enumerate(((TEAL, 0), (ORANGE, 60), (RED, 80))):
        yield _text(f"thresholds.{nth}.color", colour)
        yield _text(f"thresholds.{nth}.threshold", str(least))


def _drawn(graph: Graph, template: str) -> Iterator[Field]:
    """Lines on one axis that may have gaps are one data set; those that leave out repeats are another."""
    sets: dict[tuple[bool, bool], list[Line]] = {}
    for line in graph.lines:
        # A stack has to be of one piece. What repeats itself is not sent: a gap would not be one.
        gaps = not graph.stacked and unchanged(line.key) is Unchanged.SENT
        sets.setdefault((line.right, gaps), []).append(line)
    for nth, ((right, gaps), lines) in enumerate(sets.items()):
        yield _integer(f"ds.{nth}.dataset_type", _ITEM_LIST)
        for place, line in enumerate(lines):
            yield of_item(f"ds.{nth}.itemids.{place}", template, line.key)
            yield _text(f"ds.{nth}.color.{place}", line.colour)
        yield _integer(f"ds.{nth}.missingdatafunc", _GAP if gaps else _CONNECTED)
        if graph.stacked:
            yield _integer(f"ds.{nth}.stacked", 1)
            yield _integer(f"ds.{nth}.fill", 6)
        else:
            yield _integer(f"ds.{nth}.width", 2)
            yield _integer(f"ds.{nth}.fill", 0)
            yield _integer(f"ds.{nth}.transparency", _OPAQUE)
        if right:
            yield _integer(f"ds.{nth}.axisy", 1)
    # Counts are never below zero: a graph that begins elsewhere makes noise look like an event.
    yield _text("lefty_min", "0")
    yield _text("righty_min", "0")
    if graph.percent:
        yield _text("lefty_max", "100")
    if not any(line.right for line in graph.lines):
        yield _integer("righty", 0)
    yield from _legend(len(graph.lines), 3)


def _legend(lines: int, columns: int) -> Iterator[Field]:
    yield _integer("legend_columns", columns)
    yield _integer("legend_lines", math.ceil(lines / columns))


def _services() -> Iterator[Mapping[str, Any]]:
    """Whatever was discovered; empty where no services are counted."""
    third = _GRID.columns // 3
    for nth, cells in enumerate(_CELLS):
        place = Place(third * nth, 0, third, _HONEYCOMB_ROWS)
        yield widget("honeycomb", cells.title, place, list(_honeycomb(cells)))
    for nth, state in enumerate(_SERVICE_LINES):
        place = Place(third * nth, _HONEYCOMB_ROWS, third, _SERVICE_ROWS)
        title = f"Services: {state}"
        yield widget("svggraph", title, place, [*_of_services(state), _reference(title)])


def _pattern(state: str) -> str:
    return f"TCP: Service *: {state} sockets"


def _honeycomb(cells: _Cells) -> Iterator[Field]:
    yield _text("items.0", _pattern(cells.state))
    yield _text("primary_label", '{{ITEM.NAME}.regsub("Service ([^ ]+):", "\\1")}')
    yield _integer("secondary_label_type", _VALUE)
    yield _integer("secondary_label_decimal_places", 0)
    for nth, (colour, least) in enumerate(cells.thresholds):
        yield _text(f"thresholds.{nth}.color", colour)
        yield _text(f"thresholds.{nth}.threshold", str(least))
    yield _reference(cells.title)


def _of_services(state: str) -> Iterator[Field]:
    yield _integer("ds.0.dataset_type", _PATTERN)
    yield _text("ds.0.items.0", _pattern(state))
    yield _text("ds.0.color", TEAL)
    yield _integer("ds.0.missingdatafunc", _CONNECTED)
    yield _integer("ds.0.width", 2)
    yield _integer("ds.0.fill", 0)
    yield _integer("ds.0.transparency", _OPAQUE)
    yield _text("lefty_min", "0")
    yield _integer("righty", 0)
    yield from _legend(6, 2)


def _integer(name: str, value: int) -> Field:
    return {"type": "INTEGER", "name": name, "value": str(value)}


def _text(name: str, value: str) -> Field:
    return {"type": "STRING", "name": name, "value": value}


def _reference(name: str) -> Field:
    """Five letters that tell widgets of a dashboard apart."""
    digest = hashlib.sha256(name.encode()).digest()
    return _text("reference", "".join(chr(65 + byte % 26) for byte in digest[:5]))
