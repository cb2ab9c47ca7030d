"""Packages import only what stands above them in the table of docs/architecture.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.generated import ROOT

PACKAGE = ROOT / "tcpwatchd"
ORDER = re.findall(r"^\| `(\w+)/` \|", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"), re.M)


def imported(path: Path) -> set[str]:
    """The packages of tcpwatchd that a file imports from."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0]
    return {name.split(".")[1] for name in names if name.startswith("tcpwatchd.")}


def test_the_table_names_each_package_once() -> None:
    assert sorted(ORDER) == sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__main__.py", "py.typed"}


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_only_earlier_ones(package: str) -> None:
    allowed = set(ORDER[: ORDER.index(package) + 1])
    for path in (PACKAGE / package).rglob("*.py"):
        assert imported(path) <= allowed, path
