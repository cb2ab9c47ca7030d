"""Graphs and dashboard as in a Zabbix 6.0 export, and the stable UUIDs of a template."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from tcpwatchd.metrics.graphs import PAGES, Graph, Page


def stable_uuid(*names: str) -> str:
    """A UUID in version-4 form that is always the same for the same names, so that an import updates."""
    digest = hashlib.sha256("/".join(("tcpwatchd", *names)).encode()).digest()[:16]
    return uuid.UUID(bytes=digest, version=4).hex


_COLUMNS = 24  # of a dashboard in 6.0; a row is 70 pixels
_VALUE_ROWS = 2
# Of a graph: so many for what is drawn and its axis, and one for so many lines of its legend.
_DRAWN_ROWS, _LEGEND_LINES = 4, 4


def graph_export(name: str, graph: Graph, template: str) -> Mapping[str, Any]:
    """One graph of the template."""
    return {
        "uuid": stable_uuid("graph", name),
        "name": graph.title,
        "type": "STACKED" if graph.stacked else "NORMAL",
        # Counts are never below zero: a graph that begins elsewhere makes noise look like an event.
        "ymin_type_1": "FIXED",
        **({"ymax_type_1": "FIXED", "yaxismax": "100"} if graph.percent else {}),
        # Thresholds belong to the alarms; here they would take the room of what is drawn.
        "show_triggers": "NO",
        "graph_items": [
            {
                "sortorder": str(place),
                **({} if graph.stacked else {"drawtype": "BOLD_LINE"}),
                "color": line.colour,
                **({"yaxisside": "RIGHT"} if line.right else {}),
                "item": {"host": template, "key": line.key},
            }
            for place, line in enumerate(graph.lines)
        ],
    }


def dashboard(keys: frozenset[str], graphs: Mapping[str, Graph], template: str) -> Mapping[str, Any]:
    """The dashboard of the template, with what of it there is."""
    return {
        "uuid": stable_uuid("dashboard"),
        "name": "TCP sockets",
        "auto_start": "NO",  # nobody who reads a page wants it to go away
        "pages": [
            {"name": name, "widgets": list(_widgets(page, keys, graphs, template))}
            for name, page in PAGES.items()
        ],
    }


def _widgets(
    page: Page, keys: frozenset[str], graphs: Mapping[str, Graph], template: str
) -> Iterator[Mapping[str, Any]]:
    top = 0
    for row in page.values:
        place, narrow = 0, _COLUMNS // (len(row) + 1) if len(row) > 2 else _COLUMNS // 4
        for key in row:
            # The last one may be a text, and gets the room that is left.
            width = _COLUMNS - place if key == row[-1] else narrow
            if key in keys:
                shown = {"type": "ITEM", "name": "itemid", "value": {"host": template, "key": key}}
                yield _widget("ITEM", place, top, width, _VALUE_ROWS, shown)
            place += width
        top += _VALUE_ROWS if keys.intersection(row) else 0
    half = _COLUMNS // 2
    drawn = [graphs[name] for name in page.graphs if name in graphs]
    for pair in (drawn[begin : begin + 2] for begin in range(0, len(drawn), 2)):
        height = _DRAWN_ROWS + max(math.ceil((len(graph.lines) + 1) / _LEGEND_LINES) for graph in pair)
        for place, graph in enumerate(pair):
            shown = {"type": "GRAPH", "name": "graphid", "value": {"host": template, "name": graph.title}}
            yield _widget("GRAPH_CLASSIC", place * half, top, half, height, shown)
        top += height


def _widget(
    kind: str, x: int, y: int, width: int, height: int, shown: Mapping[str, Any]
) -> Mapping[str, Any]:
    return {
        "type": kind,
        "x": str(x),
        "y": str(y),
        "width": str(width),
        "height": str(height),
        "fields": [shown],
    }
