"""The picture of the packages in docs/architecture.md, drawn from the imports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import tcpwatchd

_PACKAGE = Path(tcpwatchd.__file__).parent
_MARKED = re.compile("(<!-- packages: generated -->\n).*?(<!-- /packages -->)", re.DOTALL)


def with_picture(page: str) -> str:
    """The page with the picture of today's imports between its marks."""
    drawn = "".join(f"    {one} --> {other}\n" for one, other in sorted(_arrows()))
    return _MARKED.sub(lambda found: f"{found[1]}```mermaid\ngraph TD\n{drawn}```\n{found[2]}", page)


def _arrows() -> set[tuple[str, str]]:
    imports = _imports()
    reachable = {package: _reachable(package, imports) for package in imports}
    return {
        (package, direct)
        for package, directs in imports.items()
        for direct in directs
        if not any(direct in reachable[other] for other in directs)
    }


def _imports() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in sorted(_PACKAGE.glob("*/*.py")):
        names = found.setdefault(path.parent.name, set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tcpwatchd."):
                names.add(str(node.module).split(".")[1])
        names.discard(path.parent.name)
    return found


def _reachable(package: str, imports: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(imports[package])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += imports[one]
    return found
