"""Files in this repository that are printed from the catalogue or the bench: a test holds them equal.

`python -m tests.generated` writes them anew.
"""

from __future__ import annotations

from pathlib import Path

from tcpwatchd.config.config import parse
from tcpwatchd.metrics.catalogue import CATALOGUE, selected
from tcpwatchd.template.documentation import configuration_reference, example_config, items_page, operations
from tcpwatchd.template.generations import GENERATIONS
from tcpwatchd.template.render import template
from tcpwatchd.template.template_page import template_page
from tests.cost_table import CHINESE, with_cost
from tests.package_picture import with_picture

ROOT = Path(__file__).parent.parent
README, README_ZH = ROOT / "README.md", ROOT / "README.zh-CN.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"


def files() -> dict[Path, str]:
    """Each file with the text that it should hold."""
    config = parse("", "defaults")
    bench = (ROOT / "docs" / "bench" / "README.md").read_text(encoding="utf-8")
    return {
        ROOT / "config.example.yaml": example_config(),
        ROOT / "zabbix" / "tcpwatchd.yaml": template(selected(config), config.push_s),
        **{
            ROOT / "zabbix" / name / "tcpwatchd.yaml": template(selected(config), config.push_s, name)
            for name in GENERATIONS
        },
        ROOT / "zabbix" / "README.md": template_page(selected(config), config.push_s),
        ROOT / "docs" / "operations.md": operations(),
        ROOT / "docs" / "configuration.md": configuration_reference(),
        ROOT / "docs" / "items.md": items_page(CATALOGUE.values(), config.statistics),
        README: with_cost(README.read_text(encoding="utf-8"), bench),
        README_ZH: with_cost(README_ZH.read_text(encoding="utf-8"), bench, CHINESE),
        ARCHITECTURE: with_picture(ARCHITECTURE.read_text(encoding="utf-8")),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
