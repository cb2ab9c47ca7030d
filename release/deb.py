"""A Debian package of the project, with what it needs inside: `make deb`.

One package is for every Python from 3.9 on: of what is always needed only psutil is compiled, for the stable
interface of Python.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from release.manpage import manpage
from tcpwatchd import __version__
from tcpwatchd.commands.cli import parser

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(__file__).parent / "debian"
LIBRARY = "opt/tcpwatchd/lib"
_LAUNCHER = f"""\
#!/usr/bin/python3 -I
import sys

sys.path.insert(0, "/{LIBRARY}")
from tcpwatchd.commands.cli import main

sys.exit(main())
"""
_CONTROL = """\
Package: tcpwatchd
Version: {version}
Architecture: {architecture}
Maintainer: The tcpwatchd maintainers <tcpwatchd@localhost>
Depends: python3 (>= 3.9)
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
        _fill(tree)
        architecture = _output("dpkg", "--print-architecture")
        control = tree / "DEBIAN"
        control.mkdir()
        size_kib = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file()) // 1024
        fields = {"version": version, "architecture": architecture, "size_kib": size_kib}
        (control / "control").write_text(_CONTROL.format(**fields), encoding="utf-8")
        (control / "conffiles").write_text("/etc/tcpwatchd/config.yaml\n", encoding="utf-8")
        for script in SCRIPTS.iterdir():
            shutil.copy(script, control)
            (control / script.name).chmod(0o755)
        directory.mkdir(parents=True, exist_ok=True)
        package = directory / f"tcpwatchd_{version}_{architecture}.deb"
        _output("dpkg-deb", "--root-owner-group", "--build", str(tree), str(package))
        return package


def _fill(tree: Path) -> None:
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    target = ("--no-compile", "--target", str(tree / LIBRARY))
    try:
        # Pre-shared keys before Python 3.13: compiled, and for the Python that builds the package.
        _output(*install, *target, f"{ROOT}[psk]")
    except subprocess.CalledProcessError:
        print("without tcpwatchd[psk], which cannot be compiled here: pre-shared keys need Python 3.13")
        _output(*install, *target, str(ROOT))
    # It is there for speed alone, and for one Python alone.
    for compiled in (tree / LIBRARY / "yaml").glob("_yaml*.so"):
        compiled.unlink()
    shutil.rmtree(tree / LIBRARY / "bin", ignore_errors=True)
    for where_built in (tree / LIBRARY).glob("tcpwatchd-*.dist-info/direct_url.json"):
        where_built.unlink()
    _write(tree / "opt/tcpwatchd/bin/tcpwatchd", _LAUNCHER, 0o755)
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/tcpwatchd").symlink_to("/opt/tcpwatchd/bin/tcpwatchd")
    _copy("config.example.yaml", tree / "etc/tcpwatchd/config.yaml")
    _copy("systemd/tcpwatchd.service", tree / "usr/lib/systemd/system/tcpwatchd.service")
    _copy("zabbix/tcpwatchd.yaml", tree / "usr/share/tcpwatchd/tcpwatchd.yaml")
    documents = tree / "usr/share/doc/tcpwatchd"
    for name in ("README.md", "systemd/culprits.conf", "systemd/credentials.conf", "config.example.yaml"):
        _copy(name, documents / Path(name).name)
    _copy("LICENSE", documents / "copyright")
    _compress(documents / "changelog.gz", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    _compress(tree / "usr/share/man/man8/tcpwatchd.8.gz", manpage(parser()))
    for path in tree.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


def _copy(name: str, target: Path) -> None:
    _write(target, (ROOT / name).read_text(encoding="utf-8"), 0o644)


def _write(target: Path, text: str, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    target.chmod(mode)


def _compress(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode(), mtime=0))


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    print(build(ROOT / "dist"))
