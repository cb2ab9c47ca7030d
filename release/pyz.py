"""The whole program in one file: `make pyz`. Copy it to a host, then `python3 tcpwatchd-VERSION.pyz sample`.

Beside the source there is byte code for each Python that was found when it was built: a start with it takes
half the time. Nothing is written on the host.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from release.epoch import ROOT, environment, source_date_epoch
from release.sbom import licences, sbom
from release.tree import settle
from release.wheels import install
from tcpwatchd import __version__

START = Path(__file__).parent / "pyz_start.py"
_PYTHONS = tuple(f"python3.{minor}" for minor in range(9, 15))


def build(directory: Path, version: str = __version__) -> Path:
    """The file, in `directory`."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        library = tree / "lib"
        # Pre-shared keys need a compiled part for each Python before 3.13: they are for packages.
        install(library, psk=False)
        for tag, python in _pythons():
            _compile(python, library, tree / tag)
        shutil.copyfile(START, tree / "__main__.py")
        (tree / "LICENSES").write_text(licences(library), encoding="utf-8")
        (tree / "sbom.cdx.json").write_text(sbom(library), encoding="utf-8")
        settle(tree)
        directory.mkdir(parents=True, exist_ok=True)
        package = directory / f"tcpwatchd-{version}.pyz"
        with package.open("wb") as file:
            file.write(b"#!/usr/bin/env python3\n")
            _pack(tree, file)
        package.chmod(0o755)
        return package


def _pythons() -> Iterator[tuple[str, str]]:
    """Each kind of byte code that can be made here, and the Python that makes it."""
    tag = "import sys; print('cp%d%d' % sys.version_info[:2])"
    seen = set()
    for name in (sys.executable, *_PYTHONS):
        program = shutil.which(name)
        # A version manager puts programs on the path that say no when they are run.
        told = program and subprocess.run([program, "-I", "-c", tag], capture_output=True, text=True)
        if program and told and told.returncode == 0 and told.stdout.strip() not in seen:
            seen.add(told.stdout.strip())
            yield told.stdout.strip(), program


def _compile(python: str, library: Path, target: Path) -> None:
    shutil.copytree(library, target, ignore=shutil.ignore_patterns("*.dist-info", "*.so", "py.typed"))
    # Traces name the place in the file, wherever the build was.
    options = ("-q", "-b", "--invalidation-mode", "unchecked-hash", "-s", str(target), "-p", "lib")
    subprocess.run([python, "-I", "-m", "compileall", *options, str(target)], check=True, env=environment())
    for source in target.rglob("*.py"):
        source.unlink()


def _pack(tree: Path, file: IO[bytes]) -> None:
    at = time.gmtime(source_date_epoch())[:6]
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(path for path in tree.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(path.relative_to(tree)), at)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = path.stat().st_mode << 16
            archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    print(build(ROOT / "dist"))
