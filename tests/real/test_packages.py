"""The packages as files: two builds are the same bytes, Debian's checker is content, and all is told that is
inside.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from release.__main__ import SUMS
from tcpwatchd import __version__
from tests.generated import ROOT
from tests.lab.requirements import require

BUILD = "import pathlib, sys; from release.__main__ import build; build(pathlib.Path(sys.argv[1]))"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds, each by a process of its own, from copies of the source in two places, with two umasks."""
    require(os.geteuid() == 0, "rpmbuild and dpkg-deb give files to root")
    for program in ("rpmbuild", "lintian", "dpkg-deb"):
        require(shutil.which(program) is not None, f"packages need {program}; apt install rpm lintian")
    made = []
    for umask in (0o022, 0o077):
        place = tmp_path_factory.mktemp("source")
        clone = place / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        # What is being tested is the tree as it stands, not the last commit.
        for name in ("tcpwatchd", "release", "systemd", "zabbix"):
            shutil.rmtree(clone / name)
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, clone / name, ignore=ignored)
        subprocess.run(
            [sys.executable, "-c", BUILD, str(place / "dist")],
            cwd=clone,
            check=True,
            stdout=subprocess.DEVNULL,
            umask=umask,
            env={**os.environ, "PYTHONPATH": str(clone)},
        )
        made.append(place / "dist")
    return made[0], made[1]


def file(directory: Path, pattern: str) -> Path:
    (found,) = directory.glob(pattern)
    return found


def test_two_builds_are_the_same_bytes_and_the_sums_are_theirs(built: tuple[Path, Path]) -> None:
    first, second = ((directory / SUMS).read_text(encoding="ascii") for directory in built)
    assert first == second
    sums = {name: told for told, name in (line.split() for line in first.splitlines())}
    assert {Path(name).suffix for name in sums} == {".deb", ".rpm", ".pyz", ".whl"}
    for directory in built:
        for name, told in sums.items():
            assert hashlib.sha256((directory / name).read_bytes()).hexdigest() == told


def test_debians_checker_has_nothing_but_what_is_argued(built: tuple[Path, Path]) -> None:
    package = file(built[0], "*.deb")
    ran = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", str(package)],
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (0, "")


def test_nothing_tells_where_it_was_built(built: tuple[Path, Path], tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "--extract", str(file(built[0], "*.deb")), str(tree)], check=True)
    places = [str(built[0].parent).encode(), str(Path.home()).encode() + b"/", b"tcpwatchd-wheels"]
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert not [place for place in places if place in content], path


def test_what_is_inside_is_listed_with_its_licence(built: tuple[Path, Path], tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "--extract", str(file(built[0], "*.deb")), str(tree)], check=True)
    documents = tree / "usr/share/doc/tcpwatchd"
    listed = json.loads((documents / "sbom.cdx.json").read_text(encoding="utf-8"))
    assert listed["metadata"]["component"]["version"] == __version__
    inside = {one["name"] for one in listed["components"]}
    installed = {
        path.name.partition("-")[0].replace("_", "-") for path in tree.glob("opt/tcpwatchd/lib/*.dist-info")
    }
    assert inside == installed - {"tcpwatchd"}
    assert inside >= {"py-zabbix", "psutil", "pyyaml"}
    copyright_text = (documents / "copyright").read_text(encoding="utf-8")
    for words in ("GPL-3+", "Alexey Dubkov", "Giampaolo Rodola", "Redistribution and use in source"):
        assert words in copyright_text


def test_the_one_file_needs_no_directory_and_writes_nothing(built: tuple[Path, Path], tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    program = Path(shutil.copy(file(built[0], "*.pyz"), alone))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(alone), "TMPDIR": str(alone), "LC_ALL": "C.UTF-8"}

    def told(*arguments: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-I", str(program), *arguments],
            capture_output=True,
            text=True,
            cwd=alone,
            env=environment,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert "ESTABLISHED" in told("sample")
    assert told("--version") == f"tcpwatchd {__version__}\n"
    # Its compiled part cannot be imported out of an archive.
    (tmp_path / "psutil.yaml").write_text("sampler: {backend: psutil}\n", encoding="utf-8")
    assert "read with psutil" in told("sample", "-c", str(tmp_path / "psutil.yaml"))
    assert [path.name for path in alone.iterdir()] == [program.name]


def test_the_one_file_says_which_python_it_needs(built: tuple[Path, Path]) -> None:
    """Read by a Python that knows no newer syntax: so the file that starts has to be simple."""
    program = file(built[0], "*.pyz")
    older = (
        "import runpy, sys; sys.version_info = (3, 8, 18, 'final', 0); sys.version = '3.8.18 (old)'; "
        "sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[1], run_name='__main__')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", older, str(program)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr == "tcpwatchd needs Python 3.9 or later; this is 3.8.18\n"
