"""The wheels of the project and of what it needs: made anew, once for all packages of one run."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from release.epoch import ROOT, environment

_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir")


@functools.cache
def wheels() -> Path:
    """A directory with all of them; it is gone when the process ends.

    Not from pip's cache: what an earlier build left there has paths and times of that build.
    """
    directory = Path(tempfile.mkdtemp(prefix="tcpwatchd-wheels-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    source = directory / "source"
    # Of a copy: setuptools leaves directories in the tree that it builds.
    _copy_of_the_source(source)
    try:
        # Pre-shared keys before Python 3.13: compiled, and for the Python that builds the package.
        _wheel(directory, f"{source}[psk]")
    except subprocess.CalledProcessError:
        print("without tcpwatchd[psk], which cannot be compiled here: pre-shared keys need Python 3.13")
        _wheel(directory, str(source))
    shutil.rmtree(source)
    return directory


def has_psk() -> bool:
    """Whether pre-shared keys before Python 3.13 are among them."""
    return any(wheels().glob("sslpsk3-*.whl"))


def install(target: Path, psk: bool) -> None:
    """All of them in `target`, as pip does it, without what tells where and when."""
    name = "tcpwatchd[psk]" if psk and has_psk() else "tcpwatchd"
    found = ("--no-index", "--find-links", str(wheels()))
    # Byte code is made on the host, for the Python that is there.
    run(*_PIP, "install", "--no-compile", *found, "--target", str(target), name)
    shutil.rmtree(target / "bin", ignore_errors=True)
    # It is there for speed alone, and for one Python alone.
    for compiled in (target / "yaml").glob("_yaml*.so"):
        compiled.unlink()
    for tests_of_psutil in target.glob("psutil/tests"):
        shutil.rmtree(tests_of_psutil)
    # How it got there, and sums that what follows makes untrue.
    for name in ("RECORD", "INSTALLER", "REQUESTED"):
        for of_pip in target.glob(f"*.dist-info/{name}"):
            of_pip.unlink()
    for compiled in target.rglob("*.so"):
        run("strip", "--strip-unneeded", str(compiled))


def run(*command: str) -> str:
    """What a tool prints; CalledProcessError if it fails."""
    ran = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment(), umask=0o022
    )
    return ran.stdout.strip()


def _wheel(directory: Path, what: str) -> None:
    run(*_PIP, "wheel", "--wheel-dir", str(directory), what)


def _copy_of_the_source(target: Path) -> None:
    target.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target)
    shutil.copytree(ROOT / "tcpwatchd", target / "tcpwatchd", ignore=shutil.ignore_patterns("__pycache__"))
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)  # a wheel keeps modes, and an umask made these
