"""Every Python that is promised: the wheel, built once, installed without the source tree, tried and tested.

Each needs its interpreter: on PATH, where pyenv puts it, or in a tree of Debian unstable. What is tried is
the daemon as a whole, and the tests of those parts that lean most on the language and its library.
`make test-versions` runs all unit tests on each.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.generated import ROOT
from tests.lab.pythons import VERSIONS, built_wheel, environment
from tests.lab.requirements import require

TESTED = (
    "commands/test_trapper", "config/test_agent_config", "daemon/test_window", "delivery/test_shipping",
    "diagnosis/test_culprits", "diagnosis/test_services", "kernel/test_inet_diag", "metrics/test_dialects",
    "spool/test_spool", "zabbix/test_sender",
)  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(tmp_path_factory.mktemp("wheel"))


def test_every_version_is_one_that_is_promised() -> None:
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert tuple(re.findall(r"Python :: (3\.\d+)", text)) == VERSIONS
    assert "python_requires = >=3.9" in text


@pytest.mark.parametrize("version", VERSIONS)
def test_the_wheel_runs_and_passes_its_tests(version: str, wheel: Path, tmp_path: Path) -> None:
    installed = environment(version, wheel, tmp_path)
    require(installed is not None, f"python{version} is not on this machine")
    assert installed is not None
    assert "passed" in installed.run("venv/bin/tcpwatchd", "demo", "--seconds", "2")
    # The tests alone: what they test is what was installed.
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests", installed.place / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", installed.place)
    installed.pytest("-x", *(f"tests/unit/{name}.py" for name in TESTED))
