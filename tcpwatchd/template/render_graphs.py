"""Graphs as in a template export, and the stable UUIDs of a template."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

from tcpwatchd.metrics.graphs import Graph


def stable_uuid(*names: str) -> str:
    """A UUID in version-4 form that is always the same for the same names, so that an import updates."""
    digest = hashlib.sha256("/".join(("tcpwatchd", *names)).encode()).digest()[:16]
    return uuid.UUID(bytes=digest, version=4).hex


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
