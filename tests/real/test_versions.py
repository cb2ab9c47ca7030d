"""Every Python that is promised: the wheel, built once, installed without the source tree, tried and tested.

Each needs its interpreter: on PATH, where pyenv puts it, or in a tree of Debian unstable. What is tried is
the daemon as a whole, and the tests of those parts that lean most on the language and its library.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.generated import ROOT
from tests.lab.booted_tree import make_tree, require_tree
from tests.lab.mounted_tree import done
from tests.lab.pythons import interpreter
from tests.lab.requirements import require

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
UNSTABLE = "3.14"
TESTED = (
    "commands/test_trapper", "config/test_agent_config", "daemon/test_window", "delivery/test_shipping",
    "diagnosis/test_culprits", "diagnosis/test_services", "kernel/test_inet_diag", "metrics/test_dialects",
    "spool/test_spool", "zabbix/test_sender",
)  # fmt: skip


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
    if not python and version == UNSTABLE:
        in_unstable(wheel, tmp_path)
        return
    require(bool(python), f"python{version} is not on this machine")
    run(python, "-m", "venv", "venv", directory=tmp_path)
    bin_directory = tmp_path / "venv" / "bin"
    install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(str(bin_directory / "python"), *install, f"{wheel}[test]", directory=tmp_path)
    assert "passed" in run(str(bin_directory / "tcpwatchd"), "demo", "--seconds", "2", directory=tmp_path)
    copy_tests(tmp_path)
    judge(run(str(bin_directory / "python"), "-m", "pytest", "-q", "-x", *chosen(), directory=tmp_path))


def copy_tests(directory: Path) -> None:
    """The tests alone: what they test is what was installed."""
    shutil.copytree(ROOT / "tests", directory / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", directory)


def chosen() -> list[str]:
    return [f"tests/unit/{name}.py" for name in TESTED]


def judge(told: str) -> None:
    assert re.search(r"\d+ passed", told)
    assert "skipped" not in told


def in_unstable(wheel: Path, directory: Path) -> None:
    """The same in a tree of Debian unstable. It has no network of its own: what is needed is fetched here."""
    require_tree()
    tree = make_tree("sid", directory)
    place = tree / "try"
    wheels = place / "wheels"
    wheels.mkdir(parents=True)
    machine = platform.machine()
    built_for = [
        f"--platform={kind}_{machine}" for kind in ("manylinux2014", "manylinux_2_28", "manylinux_2_34")
    ]
    run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--only-binary=:all:", f"--python-version={UNSTABLE}", *built_for, "-d", str(wheels)),
        f"{wheel}[test]",
        directory=directory,
    )
    copy_tests(place)

    def within(*command: str) -> str:
        return done(tree, *command, directory="/try")

    within(f"python{UNSTABLE}", "-m", "venv", "venv")
    (ours,) = wheels.glob("tcpwatchd-*.whl")
    within(
        "venv/bin/pip", "install", "--quiet", "--no-index", "--find-links=wheels", f"wheels/{ours.name}[test]"
    )
    assert "passed" in within("venv/bin/tcpwatchd", "demo", "--seconds", "2")
    judge(within("venv/bin/python", "-m", "pytest", "-q", "-x", *chosen()))
