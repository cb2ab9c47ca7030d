"""What every package of an operating system puts on a host, as a tree of files."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

from release.epoch import ROOT, source_date_epoch
from release.manpage import manpage
from release.sbom import licences, sbom
from release.wheels import install
from tcpwatchd.commands.cli import parser

LIBRARY = "opt/tcpwatchd/lib"
CONFIG = "etc/tcpwatchd/config.yaml"
_LAUNCHER = f"""\
#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "/{LIBRARY}")
from tcpwatchd.commands.cli import main

sys.exit(main())
"""
_DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    "systemd/culprits.conf",
    "systemd/credentials.conf",
    "config.example.yaml",
)


def fill(tree: Path) -> None:
    """Library, launcher, unit, configuration, template, pages, licences and the list of what is inside."""
    library = tree / LIBRARY
    install(library, psk=True)
    _write(tree / "opt/tcpwatchd/bin/tcpwatchd", _LAUNCHER, 0o755)
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/tcpwatchd").symlink_to("/opt/tcpwatchd/bin/tcpwatchd")
    _copy("config.example.yaml", tree / CONFIG)
    _copy("systemd/tcpwatchd.service", tree / "usr/lib/systemd/system/tcpwatchd.service")
    _copy("zabbix/tcpwatchd.yaml", tree / "usr/share/tcpwatchd/tcpwatchd.yaml")
    documents = tree / "usr/share/doc/tcpwatchd"
    for name in _DOCUMENTS:
        _copy(name, documents / Path(name).name)
    _write(documents / "copyright", licences(library))
    _write(documents / "sbom.cdx.json", sbom(library))
    compress(tree / "usr/share/man/man8/tcpwatchd.8.gz", manpage(parser()))


def settle(tree: Path) -> None:
    """Modes that no umask changes, and one time for all: the same tree gives the same package."""
    now = source_date_epoch()
    for path in (*tree.rglob("*"), tree):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable and path.suffix != ".so" else 0o644)
        os.utime(path, (now, now), follow_symlinks=False)


def size_kib(tree: Path) -> int:
    """Of all files."""
    return sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) // 1024


def _copy(name: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / name, target)


def _write(target: Path, text: str, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    target.chmod(mode)


def compress(target: Path, text: str) -> None:
    """A text as documents of packages are kept; the same bytes at any time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode(), mtime=0))
