"""An RPM package of the project, with what it needs inside: `make rpm`.

For Python 3.9 and later: RHEL 9, Rocky, Alma, SUSE, Fedora. The same tree of files as in Debian's package.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from release.epoch import ROOT
from release.tree import fill, settle
from release.wheels import run
from tcpwatchd import __version__

SPEC = Path(__file__).parent / "tcpwatchd.spec"


def build(directory: Path, version: str = __version__) -> Path:
    """The package as a file in `directory`. `version` has no hyphen."""
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        tree = top / "tree"
        fill(tree)
        # Debian's name for licences, and a list that its tools alone read.
        (tree / "usr/share/licenses/tcpwatchd").mkdir(parents=True)
        shutil.move(
            tree / "usr/share/doc/tcpwatchd/copyright", tree / "usr/share/licenses/tcpwatchd/LICENSES"
        )
        # Debian's policy wants a link between top directories to be absolute, rpm's checks a relative one.
        command = tree / "usr/bin/tcpwatchd"
        command.unlink()
        command.symlink_to("../../opt/tcpwatchd/bin/tcpwatchd")
        settle(tree)
        defined = {
            "_topdir": str(top / "rpmbuild"),
            # Debian's rpm keeps a database in the home directory, which a build has no use for.
            "_dbpath": str(top / "database"),
            "tcpwatchd_tree": str(tree),
            "tcpwatchd_version": version,
        }
        options = [word for name, value in defined.items() for word in ("--define", f"{name} {value}")]
        run("rpmbuild", "--quiet", "-bb", *options, str(SPEC))
        (made,) = (top / "rpmbuild/RPMS").rglob("*.rpm")
        directory.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(made, directory / made.name))


if __name__ == "__main__":
    print(build(ROOT / "dist"))
