"""All packages of one commit, their sums and the list of what is inside: `make packages`."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from release import deb, pyz, rpm
from release.epoch import ROOT
from release.wheels import wheels
from tcpwatchd import __version__

SUMS = "SHA256SUMS"


def build(directory: Path) -> list[Path]:
    """Everything that a release has, in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    made = [deb.build(directory), rpm.build(directory), pyz.build(directory)]
    (wheel,) = wheels().glob(f"tcpwatchd-{__version__}-*.whl")
    made.append(Path(shutil.copy(wheel, directory)))
    sums = directory / SUMS
    sums.write_text("".join(f"{_sha256(path)}  {path.name}\n" for path in made), encoding="ascii")
    return [*made, sums]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    for package in build(ROOT / "dist"):
        print(package.relative_to(ROOT))
