"""Every Python that is promised: the wheel, built once, installed without the source tree, tried and tested.

Each needs its interpreter, on PATH or where pyenv puts it. What is tried is the daemon as a whole, and the
tests of those parts that lean most on the language and its library.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.generated import ROOT
from tests.requirements import require

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
TESTED = (
    "test_agent_config", "test_culprits", "test_dialects", "test_inet_diag", "test_sender", "test_services",
    "test_shipping", "test_spool", "test_trapper", "test_window",
)  # fmt: skip


def interpreter(version: str) -> str:
    """An interpreter of this version; skips, or under CI fails, where there is none."""
    found = [str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        found.insert(0, sys.executable)
    elif (path := shutil.which(f"python{version}")) and "shims" not in path:
        found.insert(0, path)
    require(bool(found), f"python{version} is not on this machine")
    return found[0]


def run(*command: str, directory: Path) -> str:
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, f"{' '.join(command)}:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}"
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps")
    run(sys.executable, "-m", "pip", "wheel", *quiet, "-w", str(directory), str(ROOT), directory=directory)
    (made,) = directory.glob("tcpwatchd-*.whl")
    return made


def test_every_version_is_one_that_is_promised() -> None:
    text = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert tuple(re.findall(r"Python :: (3\.\d+)", text)) == VERSIONS
    assert "python_requires = >=3.9" in text


@pytest.mark.parametrize("version", VERSIONS)
def test_the_wheel_runs_and_passes_its_tests(version: str, wheel: Path, tmp_path: Path) -> None:
    python = interpreter(version)
    run(python, "-m", "venv", "venv", directory=tmp_path)
    bin_directory = tmp_path / "venv" / "bin"
    install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(str(bin_directory / "python"), *install, f"{wheel}[test]", directory=tmp_path)
    assert "passed" in run(str(bin_directory / "tcpwatchd"), "demo", "--seconds", "2", directory=tmp_path)
    # The tests alone: what they test is what was installed.
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    tests = [f"tests/{name}.py" for name in TESTED]
    told = run(str(bin_directory / "python"), "-m", "pytest", "-q", "-x", *tests, directory=tmp_path)
    assert re.search(r"\d+ passed", told)
    assert "skipped" not in told
