"""Puts the rows of the table in docs/bench into the READMEs, and the commit that they were measured on.

The rows stand between two marks; the head of the table and the words around it are the README's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_BEGIN, _END = "<!-- cost: generated -->\n", "<!-- /cost -->"
_ROWS = re.compile(r"^\| one sample \|.*\n\| ---.*\n((?:\|.*\n)+)", re.MULTILINE)
# As README.zh-CN.md has the names that are words.
CHINESE: Mapping[str, str] = MappingProxyType(
    {
        "tcpwatchd as nobody": "tcpwatchd，以 nobody 运行",
        "tcpwatchd, full dumps": "tcpwatchd，完整读取",
        ", 11 items": "，11 个监控项",
    }
)


def with_cost(page: str, bench: str, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """The README with the numbers of the last whole run, whose document `bench` is; `names` of contenders."""
    found = _ROWS.search(bench)
    assert found is not None, "docs/bench/README.md has no table"
    rows = found[1]
    for ours, theirs in names.items():
        rows = rows.replace(ours, theirs)
    if measured := re.search(r"on commit ([0-9a-f]+)", bench):
        page = re.sub(r"commit `[0-9a-f]+`", f"commit `{measured[1]}`", page)
    before, rest = page.split(_BEGIN)
    table, after = rest.split(_END)
    head = "\n".join(table.splitlines()[:2])
    return f"{before}{_BEGIN}{head}\n{rows}{_END}{after}"
