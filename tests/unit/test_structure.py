"""What holds for every file: size, docstrings, who does I/O, and what a command has to load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.generated import ROOT

PACKAGE = ROOT / "tcpwatchd"
FILES = sorted(PACKAGE.rglob("*.py"))
# These do no I/O and read no clock, but for the file that is the clock.
PURE = [
    path
    for package in ("model", "metrics")
    for path in sorted((PACKAGE / package).glob("*.py"))
    if path.name != "clock.py"
]
NOT_PURE = {
    "os",
    "io",
    "socket",
    "select",
    "subprocess",
    "threading",
    "time",
    "datetime",
    "random",
    "pathlib",
}


def modules(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", PURE, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_model_and_metrics_do_no_io(path: Path) -> None:
    assert not modules(path) & NOT_PURE
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not [call for call in calls if getattr(call.func, "id", "") in {"open", "print"}]


def test_only_the_sender_imports_py_zabbix() -> None:
    users = [path.stem for path in FILES if "py_zabbix import" in path.read_text(encoding="utf-8")]
    assert users == ["sender"]
    assert [path.stem for path in FILES if "pyzabbix" in modules(path)] == []


def test_no_file_is_long_and_few_are_slivers() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {path.name: count for path, count in lines.items() if count > 300} == {}
    slivers = [path.name for path, count in lines.items() if count < 40 and not path.name.startswith("__")]
    assert len(slivers) <= 5, slivers


def test_no_file_of_tests_is_long() -> None:
    lines = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "tests").rglob("*.py")
    }
    assert {path.name: count for path, count in lines.items() if count > 400} == {}


def test_every_file_says_what_it_does() -> None:
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        ("--version", ("yaml", "sqlite3", "pyzabbix", "psutil", "json")),
        ("explain close_wait", ("sqlite3", "pyzabbix", "psutil", "ssl", "tcpwatchd.kernel.sampler")),
        (
            "sample -c /dev/null",
            (
                *("yaml", "sqlite3", "pyzabbix", "ssl"),
                *("tcpwatchd.daemon.daemon", "tcpwatchd.commands.check_zh", "tcpwatchd.model.states_zh"),
                # Each dataclass costs half a millisecond at the start.
                *("tcpwatchd.metrics.metric", "tcpwatchd.model.batch", "tcpwatchd.model.backlog_level"),
            ),
        ),
        ("template -c /dev/null", ("sqlite3", "pyzabbix", "psutil", "ssl", "tcpwatchd.kernel.sampler")),
    ],
)
def test_a_command_loads_only_what_it_needs(command: str, unneeded: tuple[str, ...]) -> None:
    program = (
        "import sys\nfrom tcpwatchd.commands.cli import main\n"
        f"try: main({command.split()!r})\nexcept SystemExit: pass\n"
        "print('LOADED', *sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    loaded = set(ran.stdout.rpartition("LOADED")[2].split())
    assert "tcpwatchd.commands.cli" in loaded, ran.stderr
    assert not loaded & set(unneeded)


def test_the_daemon_loads_no_http_client_and_without_tls_no_ssl() -> None:
    program = (
        "import sys\nimport tcpwatchd.commands.run\nfrom tcpwatchd.config.config import parse\n"
        "from tcpwatchd.delivery.destination import open_sender\nfrom tcpwatchd.model.clock import Clock\n"
        "open_sender('192.0.2.1', parse('', 'none'), Clock())\n"
        "print('LOADED', *sys.modules)\n"
        "import pyzabbix\nassert pyzabbix.ZabbixAPI and pyzabbix.ZabbixSender"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    loaded = set(ran.stdout.rpartition("LOADED")[2].split())
    assert "pyzabbix.sender" in loaded
    assert not loaded & {"ssl", "urllib.request", "http.client", "email", "pyzabbix.api", "psutil"}
