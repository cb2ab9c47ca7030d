"""The documentation: commands that exist and work, configurations that are taken, files that are there.

What a test of its own runs is named beside its command, and that test has to exist.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tcpwatchd.commands.cli import parser
from tcpwatchd.config.config import parse
from tcpwatchd.config.options import OPTIONS
from tcpwatchd.metrics.catalogue import CATALOGUE, RULES
from tcpwatchd.metrics.trigger import MACROS, NODATA_MACRO
from tests.generated import ROOT
from tests.lab.processes import tcpwatchd

PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh-CN.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "packaging").rglob("*.md"),
]
TEXTS = {path: path.read_text(encoding="utf-8") for path in PAGES}
INLINE = re.compile(r"`(tcpwatchd [a-z][^`]*)`")
BLOCKS = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)

# What needs a server, a host or a quarter of an hour, and the test that runs it for real.
RUN_ELSEWHERE = {
    "tcpwatchd run": "unit/daemon/test_daemon.py",
    "tcpwatchd demo": "unit/commands/test_cli.py",
    "tcpwatchd sample --watch": "unit/commands/test_cli.py",
    "tcpwatchd check --connect": "real/test_zabbix.py",
    "tcpwatchd check": "real/test_systemd.py",
    "tcpwatchd backlog": "unit/commands/test_cli.py",
    "tcpwatchd import-agent-config": "unit/config/test_agent_config.py",
    "make demo": "unit/commands/test_cli.py",
    "make test": "__main__.py",
    "make test-unit": "__main__.py",
    "make zabbix": "real/test_zabbix.py",
    "make zabbix-down": "real/test_zabbix.py",
    "make soak": "unit/test_ledger.py",
    "make calm": "real/test_calm.py",
    "make fuzz": "unit/test_fuzz.py",
    "make test-versions": "real/test_versions.py",
    "make pictures": "unit/test_simulated_day.py",
    "make bench": "real/test_bench.py",
    "make deb": "real/test_systemd.py",
    "make rpm": "real/test_rpm.py",
    "make pyz": "real/test_everywhere.py",
    "make packages": "real/test_packages.py",
    "make mutants": "unit/test_mutants.py",
    "make lint": "unit/test_package_order.py",
    "make generated": "unit/metrics/test_catalogue.py",
}
# Words in the place of what a reader puts in.
PLACEHOLDERS = {"FILE": "/dev/null", "[STATE or KEY]": "", "config.yaml": "/dev/null"}


def commands() -> list[str]:
    found = {command for text in TEXTS.values() for command in INLINE.findall(text)}
    # The name of an alarm begins so too, and the metadata of a host.
    others = (" on {HOST.NAME}", "tcpwatchd linux")
    return sorted(command for command in found if not any(other in command for other in others))


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (f"{path.name}:{text[: match.start()].count(chr(10)) + 1}", match[2])
        for path, text in TEXTS.items()
        for match in BLOCKS.finditer(text)
        if match[1] == language
    ]


@pytest.mark.parametrize("command", commands())
def test_a_command_of_ours_is_one_and_works(command: str) -> None:
    for word, meant in PLACEHOLDERS.items():
        command = command.replace(word, meant)
    arguments = shlex.split(command)[1:]
    parser().parse_args(arguments)  # ends the test with a usage message if it is not understood
    elsewhere = [known for known in RUN_ELSEWHERE if command.startswith(known)]
    if elsewhere:
        assert (ROOT / "tests" / RUN_ELSEWHERE[elsewhere[0]]).exists()
        return
    ran = tcpwatchd(*arguments)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


def test_every_make_target_that_is_named_is_there_and_tested() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        name
        for text in TEXTS.values()
        for name in re.findall(r"(?:`|^)make ([a-z][a-z-]*)", text, re.MULTILINE)
    }
    assert named
    assert named <= targets
    for name in named - {"clean"}:
        assert (ROOT / "tests" / RUN_ELSEWHERE[f"make {name}"]).exists()


@pytest.mark.parametrize(("where", "yaml"), blocks("yaml"), ids=lambda value: str(value)[:20])
def test_a_configuration_is_taken(where: str, yaml: str) -> None:
    assert parse(yaml, where)


def test_inline_configuration_is_taken() -> None:
    sections = "|".join({option.path.partition(".")[0] for option in OPTIONS})
    flow = re.compile(rf"`((?:{sections}): [\[{{].*?)`")
    for path, text in TEXTS.items():
        for line in flow.findall(text.replace("\n", " ")):
            assert parse(line, path.name), line


@pytest.mark.parametrize(("where", "shell"), blocks("sh"), ids=lambda value: str(value)[:20])
def test_a_block_of_commands_names_what_is_there(where: str, shell: str) -> None:
    known = ("config.example.yaml", "systemd/tcpwatchd.service")
    for name in known:
        if name in shell:
            assert (ROOT / name).exists(), where
    for command in re.findall(r"^(?:/opt/tcpwatchd/bin/)?tcpwatchd .*$", shell, re.MULTILINE):
        parser().parse_args(shlex.split(command)[1:])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_and_names_lead_somewhere(path: Path) -> None:
    text = TEXTS[path]
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (path.parent / target).exists(), target
    for target in re.findall(r"\]\(#([^)]+)\)", text):
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        assert target in {
            re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings
        }
    for key in re.findall(r"`(tcpwatchd(?:\.[a-z0-9]+)+\[[A-Za-z0-9_]+\])`", text):
        placeholder = key.endswith(("[STATE]", "[NAME]", "[LIMIT]"))
        assert placeholder or key in CATALOGUE or key in {rule.key for rule in RULES}, key
    for macro in re.findall(r"`(\{\$TCPWATCHD[A-Z.]+\})`", text):
        assert macro in (*MACROS, NODATA_MACRO, *(of for rule in RULES for of in rule.filters)), macro


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_cost_in_a_readme_is_that_of_the_last_whole_bench(name: str) -> None:
    bench = (ROOT / "docs/bench/README.md").read_text(encoding="utf-8")
    text = (ROOT / name).read_text(encoding="utf-8")

    def rows(page: str) -> set[str]:
        """The numbers of a contender: its name may be translated."""
        return set(re.findall(r"^\|[^|]*(\| [0-9.]+ m?s \|.*)$", page, re.MULTILINE))

    assert len(rows(text)) > 8
    assert rows(text) <= rows(bench)
    for commit in re.findall(r"on commit ([0-9a-f]+)", bench):
        assert commit in text
