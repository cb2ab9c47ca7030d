"""A Debian package of the project, with what it needs inside: `make deb`.

One package is for every Python from 3.9 on: of what is always needed only psutil is compiled, for the stable
interface of Python. Two builds of one commit are the same bytes.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from email.utils import formatdate
from pathlib import Path

from release.epoch import ROOT, source_date_epoch
from release.tree import CONFIG, compress, fill, settle, size_kib
from release.wheels import run
from tcpwatchd import __version__

_MAINTAINER = "The tcpwatchd maintainers <tcpwatchd@localhost>"
SCRIPTS = Path(__file__).parent / "debian"
_CHANGELOG = """\
tcpwatchd ({version}) stable; urgency=medium

  * What is new stands in CHANGELOG.md beside this file.

 -- {maintainer}  {date}
"""
_CONTROL = """\
Package: tcpwatchd
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Depends: python3 (>= 3.9), libc6
Section: net
Priority: optional
Installed-Size: {size_kib}
Description: TCP socket states of a host, sampled from the kernel and pushed to Zabbix
 A small daemon that reads the kernel's TCP sockets over netlink once a second,
 computes counts, changes and extremes for each state, and pushes them in
 batches as Zabbix trapper items, through a spool on disk.
"""


def build(directory: Path, version: str = __version__) -> Path:
    """The package as a file in `directory`."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        fill(tree)
        told = {"version": version, "maintainer": _MAINTAINER, "date": formatdate(source_date_epoch())}
        compress(tree / "usr/share/doc/tcpwatchd/changelog.gz", _CHANGELOG.format(**told))
        architecture = run("dpkg", "--print-architecture")
        shutil.copytree(SCRIPTS / "lintian", tree / "usr/share/lintian/overrides")
        sums = _sums(tree)
        control = tree / "DEBIAN"
        control.mkdir()
        fields = {**told, "architecture": architecture, "size_kib": size_kib(tree)}
        (control / "control").write_text(_CONTROL.format(**fields), encoding="utf-8")
        (control / "conffiles").write_text(f"/{CONFIG}\n", encoding="utf-8")
        (control / "md5sums").write_text(sums, encoding="utf-8")
        for script in SCRIPTS.glob("p*"):
            shutil.copyfile(script, control / script.name)
            (control / script.name).chmod(0o755)
        settle(tree)
        directory.mkdir(parents=True, exist_ok=True)
        package = directory / f"tcpwatchd_{version}_{architecture}.deb"
        run("dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(package))
        return package


def _sums(tree: Path) -> str:
    """As dpkg --verify reads them."""
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return "".join(
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(tree)}\n"
        for path in files
        if path.relative_to(tree) != Path(CONFIG)
    )


if __name__ == "__main__":
    print(build(ROOT / "dist"))
