"""Files in this repository that are printed from the catalogue: written by this, held equal by a test.

`python -m tests.generated` writes them anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from tcpwatchd.catalogue import CATALOGUE, selected
from tcpwatchd.config import parse
from tcpwatchd.render import template
from tcpwatchd.render_docs import (
    alarms_table,
    configuration_reference,
    example_config,
    items_table,
    operations,
)

ROOT = Path(__file__).parent.parent
_BEGIN, _END = "<!-- {}: generated -->\n", "<!-- end of {} -->"


def files() -> dict[Path, str]:
    """Each file with the text that it should hold."""
    config = parse("", "defaults")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    readme = _filled(readme, "items", items_table(CATALOGUE.values(), config.statistics))
    return {
        ROOT / "config.example.yaml": example_config(),
        ROOT / "zabbix" / "tcpwatchd.yaml": template(selected(config), config.push_s),
        ROOT / "docs" / "operations.md": operations(),
        ROOT / "docs" / "configuration.md": configuration_reference(),
        ROOT / "README.md": _filled(readme, "alarms", alarms_table()),
    }


def _filled(text: str, name: str, table: str) -> str:
    """The text with this table between its marks."""
    begin, end = (mark.format(name) for mark in (_BEGIN, _END))
    if not re.search(re.escape(begin) + ".*" + re.escape(end), text, re.DOTALL):
        raise ValueError(f"README.md has lost the marks around its table of {name}")
    return text[: text.index(begin) + len(begin)] + table + text[text.index(end) :]


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
