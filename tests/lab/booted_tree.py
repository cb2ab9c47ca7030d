"""A Debian tree with a real systemd in it, booted as a container on this host's network.

A clean tree is kept, as packages are: to make one takes the better part of a minute.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType

from tests.lab.requirements import require

DEBIAN_PACKAGES = ("debootstrap", "systemd-container", "util-linux")
_MIRROR = "http://deb.debian.org/debian"
# What a minimal host has; python3 comes with the package, as it would there.
_INCLUDED = {"bookworm": "systemd,systemd-sysv,dbus,python3", "trixie": "systemd,systemd-sysv,dbus,python3"}
# Not booted: it is there for the newest Python and its tests, and for the package of Debian.
_INCLUDED["sid"] = "python3,python3.14-venv,iproute2"
_BOOT_S = 180.0
_KEPT = Path("/var/cache/tcpwatchd-test/trees")
RELEASES = tuple(_INCLUDED)


def make_tree(suite: str, directory: Path) -> Path:
    """A clean tree of a Debian release; made once, see `prepare`, and then copied."""
    require(prepare(suite), f"debootstrap cannot make a tree of {suite} from {_MIRROR}")
    target = directory / suite
    subprocess.run(["cp", "-a", "--reflink=auto", str(_kept(suite)), str(target)], check=True)
    return target


def _kept(suite: str) -> Path:
    """Its name says what is in it: with another list of packages it is made anew."""
    return _KEPT / "+".join((suite, *_INCLUDED[suite].split(",")))


def prepare(suite: str) -> bool:
    """Has a clean tree of a release at hand; False where it cannot be made. Whoever comes second waits."""
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        return False
    _KEPT.mkdir(parents=True, exist_ok=True)
    with (_KEPT / f"{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept, made = _kept(suite), _KEPT / f"{suite}.new"
        if kept.exists():
            return True
        shutil.rmtree(made, ignore_errors=True)
        command = [
            "debootstrap",
            "--variant=minbase",
            f"--include={_INCLUDED[suite]}",
            suite,
            str(made),
            _MIRROR,
        ]
        if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            return False
        made.rename(kept)
        return True


class BootedTree:
    """Booted between `with` and its end; `binds` are directories of this host, each with its
    path inside.
    """

    def __init__(self, tree: Path, binds: Mapping[Path, str] = MappingProxyType({})) -> None:
        self.tree = tree
        self._binds = binds

    def __enter__(self) -> BootedTree:
        self._log = (self.tree.parent / f"{self.tree.name}.log").open("wb")
        self._nspawn = subprocess.Popen(
            [
                *("systemd-nspawn", "--quiet", "--boot", f"--directory={self.tree}", "--register=no"),
                *("--keep-unit", "--console=pipe", f"--machine=tcpwatchd-{self.tree.name}-{os.getpid()}"),
                *(f"--bind={outside}:{inside}" for outside, inside in self._binds.items()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        until = time.monotonic() + _BOOT_S
        while (state := self._state()) not in ("running", "degraded"):
            assert self._nspawn.poll() is None, "the container has ended"
            assert time.monotonic() < until, f"after {_BOOT_S:g} s the tree is {state or 'not there'}"
            time.sleep(0.2)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        # SIGRTMIN+4 asks the inner systemd to power off; nspawn hands SIGTERM on as that.
        self._nspawn.send_signal(signal.SIGTERM)
        try:
            self._nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._log.close()

    def _leader(self) -> int | None:
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        try:
            return int(children.read_text(encoding="ascii").split()[0])
        except (OSError, IndexError):
            return None

    def _state(self) -> str:
        if self._leader() is None:
            return ""
        return self.run("systemctl", "is-system-running").stdout.strip()

    def run(self, *command: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """One command inside, to its end; its exit code is for the caller."""
        return subprocess.run(
            ["nsenter", "-t", str(self._leader()), "-a", *command],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={
                "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "DEBIAN_FRONTEND": "noninteractive",
                "LANG": "C",
            },
        )

    def do(self, *command: str, timeout_s: float = 300) -> str:
        """The same; it has to work. What it says."""
        ran = self.run(*command, timeout_s=timeout_s)
        assert ran.returncode == 0, f"{' '.join(command)}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def show(self, name: str) -> str:
        """A property of the service."""
        return self.do("systemctl", "show", "--value", f"--property={name}", "tcpwatchd").strip()

    def journal(self, *more: str) -> str:
        """What the service has said so far."""
        return self.do("journalctl", "--no-pager", "--output=cat", "--unit=tcpwatchd", *more)


def require_tree() -> None:
    """Skips the test, or under CI fails it, where no tree can be made and booted."""
    missing = [name for name in ("debootstrap", "systemd-nspawn", "nsenter") if shutil.which(name) is None]
    require(os.geteuid() == 0, "a booted tree needs root")
    require(not missing, f"a booted tree needs {', '.join(missing)}; apt install {' '.join(DEBIAN_PACKAGES)}")


if __name__ == "__main__":  # beside other tests: to make a tree takes the better part of a minute
    for release in RELEASES:
        prepare(release)
