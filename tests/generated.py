"""Files in this repository that are printed from the catalogue: written by this, held equal by a test.

`python -m tests.generated` writes them anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from tcpwatchd.catalogue import CATALOGUE, selected
from tcpwatchd.config import parse
from tcpwatchd.render import example_config, items_table, template

ROOT = Path(__file__).parent.parent
_BEGIN, _END = "<!-- items: generated -->\n", "<!-- end of items -->"


def files() -> dict[Path, str]:
    """Each file with the text that it should hold."""
    config = parse("", "defaults")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = items_table(CATALOGUE.values(), config.statistics)
    if not re.search(re.escape(_BEGIN) + ".*" + re.escape(_END), readme, re.DOTALL):
        raise ValueError("README.md has lost the marks around its item table")
    return {
        ROOT / "config.example.yaml": example_config(),
        ROOT / "zabbix" / "tcpwatchd.yaml": template(
            selected(config.statistics, config.counters), config.push_s
        ),
        ROOT / "README.md": readme[: readme.index(_BEGIN) + len(_BEGIN)]
        + table
        + readme[readme.index(_END) :],
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
