"""The fleet at a glance: a global dashboard with the hosts at which each number is largest.

Source: Zabbix manual, API, "Dashboard widget fields"; names of fields are not the same in 6.0 and 7.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.metrics.graphs import ORANGE, RED, TEAL
from tcpwatchd.setup.autoregistration import group_id
from tcpwatchd.setup.changes import Changes

NAME = "TCP sockets of all hosts"
# As Zabbix numbers them: types of fields, and of a column of the widget Top hosts.
_INTEGER, _TEXT, _GROUP = 0, 1, 2
_ITEM_VALUE, _HOST_NAME = 1, 2
_BAR = 2
_VALUE = 1  # what a cell of a honeycomb shows
_COLOURS = ((TEAL, 0), (ORANGE, 60), (RED, 80))
_LARGEST_FIRST = 2
_AS_IS, _NOT_AGGREGATED, _FROM_HISTORY = 1, 0, 1
_MOST_HOSTS = 8  # as many as fit: all of it fits on one screen
_PROBLEMS_HEIGHT, _HEIGHT = 3, 5
_COLUMNS, _COLUMNS_FROM_7 = 24, 72


class _Top(NamedTuple):
    """Hosts by one item. `most` is the end of its bar; None for a text. A number needs a bar: Zabbix 6.0
    sorts numbers without one the wrong way round.
    """

    title: str
    key: str
    most: int | None = None


# Three in a row.
TOPS = (
    _Top("Fullest accept queue", "tcpwatchd.listeners[fullest]", 100),
    _Top("Old sockets in CLOSE_WAIT", "tcpwatchd.sockets.old[close_wait]", 1000),
    _Top("Ephemeral ports to one destination", "tcpwatchd.ports[busiest]", 100),
    _Top("Segments sent again", "tcpwatchd.counter[RetransSegs]", 10_000),
    _Top("TIME_WAIT of its limit", "tcpwatchd.limit[time_wait]", 100),
    _Top("Version in use", "tcpwatchd.self[version]"),
)


HONEYCOMB = TOPS[0]  # from Zabbix 7.0 on; there all hosts are seen at once


class _Field(NamedTuple):
    type: int
    name: str
    value: int | str


def fleet_dashboard(changes: Changes, group: str) -> None:
    """Of the hosts in this group."""
    pages = [{"widgets": _widgets(group_id(changes, group), changes.zabbix_version() >= (7, 0))}]
    found = changes.only(
        f"the dashboard {NAME!r}",
        "dashboard.get",
        filter={"name": [NAME]},
        output=["dashboardid"],
        selectPages="extend",
    )
    words = f"dashboard {NAME!r} of the host group {group}"
    if found is None:
        changes.create(f"create {words}", "dashboard.create", {"name": NAME, "pages": pages}, "dashboardids")
    elif _shape(found["pages"]) != _shape(pages):
        params = {"dashboardid": found["dashboardid"], "pages": pages}
        changes.change(f"change {words}", "dashboard.update", params)
    else:
        changes.fine(words)


def _widgets(groupid: str, from_7: bool) -> list[dict[str, Any]]:
    columns = _COLUMNS_FROM_7 if from_7 else _COLUMNS
    third = columns // 3
    of_group = _Field(_GROUP, _nth("groupids", from_7), groupid)
    widgets = [
        _widget("problems", "TCP problems", 0, 0, columns, _PROBLEMS_HEIGHT, [of_group]),
    ]
    for number, top in enumerate(TOPS):
        x, y = third * (number % 3), _PROBLEMS_HEIGHT + _HEIGHT * (number // 3)
        if from_7 and top is HONEYCOMB:
            kind, fields = "honeycomb", _cell_fields(top)
        else:
            kind, fields = "tophosts", _top_fields(top, from_7)
        widgets.append(_widget(kind, top.title, x, y, third, _HEIGHT, [of_group, *fields]))
    return widgets


def _top_fields(top: _Top, from_7: bool) -> Sequence[_Field]:
    column = "columns.{nth}.{name}" if from_7 else "columns.{name}.{nth}"

    def of_column(nth: int, type_: int, name: str, value: int | str) -> _Field:
        return _Field(type_, column.format(nth=nth, name=name), value)

    bar = top.most is not None
    ends = (("min", "0"), ("max", f"{top.most}")) if bar else ()
    return [
        of_column(0, _TEXT, "name", "Host"),
        of_column(0, _INTEGER, "data", _HOST_NAME),
        of_column(0, _TEXT, "base_color", ""),
        of_column(1, _TEXT, "name", top.title),
        of_column(1, _INTEGER, "data", _ITEM_VALUE),
        of_column(1, _TEXT, "item", CATALOGUE[top.key].name),
        of_column(1, _TEXT, "base_color", "7F7F7F" if bar else ""),
        of_column(1, _INTEGER, "display", _BAR if bar else _AS_IS),
        of_column(1, _INTEGER, "aggregate_function", _NOT_AGGREGATED),
        of_column(1, _INTEGER, "history", _FROM_HISTORY),
        of_column(1, _INTEGER, "decimal_places", 0) if from_7 else of_column(1, _TEXT, "timeshift", ""),
        *(of_column(1, _TEXT, name, end) for name, end in ends),
        _Field(_INTEGER, "column", 1),
        _Field(_INTEGER, "order", _LARGEST_FIRST),
        _Field(_INTEGER, "show_lines" if from_7 else "count", _MOST_HOSTS),
    ]


def _cell_fields(top: _Top) -> Sequence[_Field]:
    """A cell a host; its colour says how full it is."""
    return [
        _Field(_TEXT, "items.0", CATALOGUE[top.key].name),
        _Field(_TEXT, "primary_label", "{HOST.NAME}"),
        _Field(_INTEGER, "secondary_label_type", _VALUE),
        _Field(_INTEGER, "secondary_label_decimal_places", 0),
        *(
            _Field(_TEXT, f"thresholds.{nth}.{name}", value)
            for nth, (colour, least) in enumerate(_COLOURS)
            for name, value in (("color", colour), ("threshold", str(least)))
        ),
    ]


def _nth(name: str, from_7: bool) -> str:
    return f"{name}.0" if from_7 else name


def _widget(
    kind: str, title: str, x: int, y: int, width: int, height: int, fields: Sequence[_Field]
) -> dict[str, Any]:
    return {
        "type": kind,
        "name": title,
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "fields": [field._asdict() for field in fields],
    }


def _shape(pages: Sequence[Mapping[str, Any]]) -> object:
    """What counts of a dashboard, as asked for or as Zabbix returns it."""
    places = ("type", "name", "x", "y", "width", "height")
    return [
        sorted(
            (
                *(str(widget[place]) for place in places),
                tuple(sorted((field["name"], str(field["value"])) for field in widget["fields"])),
            )
            for widget in page["widgets"]
        )
        for page in pages
    ]
