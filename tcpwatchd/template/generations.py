"""What is not the same in exports of Zabbix 6.0 and 7.0. Source: Zabbix manual, "Template export"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tcpwatchd import __version__
from tcpwatchd.metrics.graphs import Graph
from tcpwatchd.template import dashboard_6, dashboard_7

Pages = Callable[[frozenset[str], Mapping[str, Graph], str], list[Mapping[str, Any]]]


@dataclass(frozen=True)
class Generation:
    """`groups` is what an export calls the groups of templates; `described` goes into a template."""

    version: str
    groups: str
    pages: Pages
    described: Mapping[str, Any]


GENERATIONS: Mapping[str, Generation] = MappingProxyType(
    {
        "6.0": Generation("6.0", "groups", dashboard_6.pages, {}),
        "7.0": Generation(
            "7.0",
            "template_groups",
            dashboard_7.pages,
            {"vendor": {"name": "tcpwatchd", "version": f"7.0-{__version__}"}},
        ),
    }
)
OLDEST, NEWEST = "6.0", "7.0"


def generation_of(version: tuple[int, int]) -> str:
    """The newest that a Zabbix of this version imports."""
    return NEWEST if version >= (7, 0) else OLDEST
