"""Where the programs and files of a Zabbix lie: this machine's own 6.0, or a 7.0 unpacked beside it.

This file alone knows: Debian's layout, how a program runs with the libraries it was built for, and how 7.0
is fetched: Debian 13's packages are unpacked and never installed, so that none of them can start, configure
or replace anything here, and nothing has to be mounted. PostgreSQL and PHP are this machine's.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import StandError
from .packages import run_to_end

MIRROR = "http://deb.debian.org/debian"
SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The first with all that they depend on. Of the others only themselves: what they add to it is either there
# already or of no use here, and the proxy would not be installed beside the server.
WITH_LIBRARIES = ("zabbix-server-pgsql", "libsqlite3-0")
ALONE = ("zabbix-proxy-sqlite3", "zabbix-frontend-php")
RECIPE = f"{MIRROR} {SUITE} {' '.join(WITH_LIBRARIES + ALONE)}\n"


@dataclass(frozen=True)
class Programs:
    """One Zabbix below `root`."""

    root: Path

    def command(self, name: str) -> list[str]:
        """What starts a daemon, without its arguments."""
        program = str(self.root / "usr/sbin" / name)
        if self.root == Path("/"):
            return [program]
        # Its own loader, because its own C library is newer than this machine's.
        for loader in self.root.glob("usr/lib/*/ld-linux-*.so.*"):
            return [str(loader), "--library-path", str(loader.parent), program]
        raise StandError(f"{self.root} holds no programs: run python -m tests.lab.zabbix_stand install")

    @property
    def frontend(self) -> Path:
        """The web frontend's PHP."""
        return self.root / "usr/share/zabbix"

    @property
    def schema(self) -> Path:
        """What makes up an empty database."""
        return self.root / "usr/share/zabbix-server-pgsql"


SIX = Programs(Path("/"))
SEVEN = Programs(Path("/var/cache/tcpwatchd-test/zabbix-7.0"))
_MARK = SEVEN.root / "made-of"


def unpacked() -> bool:
    """Whether the 7.0 is there, whole and of the present recipe."""
    try:
        return _MARK.read_text() == RECIPE
    except OSError:
        return False


def unpack() -> bool:
    """Make the 7.0 in about ten seconds; False if it is there. What was cut short is begun anew."""
    if unpacked():
        return False
    if os.geteuid() != 0:
        raise StandError(f"Zabbix 7.0 is not in {SEVEN.root} yet, and only root can put it there.")
    SEVEN.root.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (SEVEN.root.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the tests, say
        if not unpacked():
            shutil.rmtree(SEVEN.root, ignore_errors=True)
            for package in _fetch(SEVEN.root / "fetched"):
                _run(["dpkg-deb", "--extract", str(package), str(SEVEN.root)])
            shutil.rmtree(SEVEN.root / "fetched")
            # Nobody updates these: they shall give nobody rights.
            _run(["chmod", "--recursive", "u-s,g-s", str(SEVEN.root)])
            SEVEN.root.chmod(0o755)  # Zabbix' own user runs them
            _MARK.write_text(RECIPE)
    return True


def _fetch(directory: Path) -> list[Path]:
    """Download the packages, checked against Debian's keys, by an apt that takes this machine for empty."""
    for name in ("lists/partial", "archives/partial"):
        (directory / name).mkdir(parents=True)
    (directory / "status").touch()
    (directory / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {SUITE} main\n")
    places = {
        "Dir::State": directory,
        "Dir::State::status": directory / "status",
        "Dir::Cache": directory,
        "Dir::Etc::sourcelist": directory / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",  # apt's own user does not get in here
    }
    apt_get = ["apt-get", "-q", "-y", "--no-install-recommends"]
    apt_get += [f"-o{name}={value}" for name, value in places.items()]
    archives = directory / "archives"
    _run([*apt_get, "update"])
    _run([*apt_get, "install", "--download-only", *WITH_LIBRARIES])
    _run([*apt_get, "download", *ALONE], archives)
    return sorted(archives.glob("*.deb"))


def _run(command: Sequence[str], directory: Path = Path("/")) -> None:
    result = run_to_end(command, directory)
    if result.returncode != 0:
        raise StandError(
            f"Zabbix 7.0 could not be fetched; {' '.join(command[-4:])} says:\n"
            + "\n".join("    " + line for line in result.stdout.splitlines()[-15:])
        )
