"""The Pythons that are promised, each with the project and what its tests need."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.generated import ROOT
from tests.lab.booted_tree import make_tree, require_tree
from tests.lab.mounted_tree import done

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
# Debian unstable has it where this machine has not.
UNSTABLE = "3.14"
_QUIET = ("--quiet", "--disable-pip-version-check")
_TIMEOUT_S = 1800.0  # these run with a low priority beside all other tests


@dataclass(frozen=True)
class Environment:
    """A directory with `venv/`, and what runs a command there: it has to work, and returns what it says."""

    place: Path
    run: Callable[..., str]

    def pytest(self, *arguments: str) -> str:
        """The last line of a run in which nothing failed and nothing was skipped."""
        told = self.run("venv/bin/python", "-m", "pytest", "-q", *arguments).strip()
        last = told.splitlines()[-1]
        assert re.search(r"\d+ passed", last), told[-3000:]
        assert "skipped" not in last, told[-3000:]
        return last


def interpreter(version: str) -> str:
    """An interpreter of this version: on PATH, or where pyenv puts it; empty where there is none."""
    found = [str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        found.insert(0, sys.executable)
    elif (path := shutil.which(f"python{version}")) and "shims" not in path:
        found.insert(0, path)
    return found[0] if found else ""


def built_wheel(directory: Path) -> Path:
    """The project as pip installs it."""
    _run(sys.executable, "-m", "pip", "wheel", *_QUIET, "--no-deps", "-w", str(directory), str(ROOT))
    (made,) = directory.glob("tcpwatchd-*.whl")
    return made


def environment(version: str, wheel: Path, directory: Path, extras: str = "test") -> Environment | None:
    """The wheel and what tests need, below `directory`; None where there is no such Python."""
    python = interpreter(version)
    if not python:
        return _in_unstable(wheel, directory) if version == UNSTABLE else None

    def run(*command: str) -> str:
        return _run(*command, directory=directory)

    run(python, "-m", "venv", "venv")
    run("venv/bin/python", "-m", "pip", "install", *_QUIET, f"{wheel}[{extras}]")
    return Environment(directory, run)


def _in_unstable(wheel: Path, directory: Path) -> Environment:
    """In a tree of Debian unstable. It has no network of its own: what is needed is fetched here. The extra
    psk is for older Pythons.
    """
    require_tree()
    tree = make_tree("sid", directory)
    place = tree / "try"
    wheels = place / "wheels"
    wheels.mkdir(parents=True)
    machine = platform.machine()
    built_for = [
        f"--platform={kind}_{machine}" for kind in ("manylinux2014", "manylinux_2_28", "manylinux_2_34")
    ]
    _run(
        *(sys.executable, "-m", "pip", "download", *_QUIET, "--only-binary=:all:"),
        *(f"--python-version={UNSTABLE}", *built_for, "-d", str(wheels), f"{wheel}[test]"),
    )

    def run(*command: str) -> str:
        return done(tree, *command, directory="/try")

    run(f"python{UNSTABLE}", "-m", "venv", "venv")
    (ours,) = wheels.glob("tcpwatchd-*.whl")
    run(
        "venv/bin/pip", "install", "--quiet", "--no-index", "--find-links=wheels", f"wheels/{ours.name}[test]"
    )
    return Environment(place, run)


def _run(*command: str, directory: Path | None = None) -> str:
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_TIMEOUT_S)
    assert ran.returncode == 0, f"{' '.join(command)}:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}"
    return ran.stdout
