"""The stand on the command line: python -m tests.lab.zabbix_stand up|down|status [DIRECTORY].

This file alone knows: what a person sees of it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from . import api, packages, programs, watched
from .errors import StandError
from .stand import Stand, Step

DIRECTORY_VARIABLE = "TCPWATCHD_ZABBIX_DIR"
DEFAULT_DIRECTORY = "/tmp/tcpwatchd-zabbix"  # noqa: S108 - up refuses what is not root's


def main() -> int:
    """Do one command; the exit code is 0 when it is done, and for status when all of it runs."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.zabbix_stand",
        description="A private Zabbix server with database and web frontend, to try things on.",
    )
    parser.add_argument("command", choices=["install", "up", "down", "status"])
    parser.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=Path(os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY),
        help=f"where all of it lives (default: ${DIRECTORY_VARIABLE} or {DEFAULT_DIRECTORY})",
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminate)  # so that a kill cleans up like Ctrl-C does
    commands = {"install": _install, "up": _up, "down": _down, "status": _status}
    try:
        return commands[arguments.command](arguments.directory)
    except (StandError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _install(_directory: Path) -> int:
    """Installs what the tests need, where that is possible; elsewhere says what will be skipped."""
    try:
        installed = packages.install((*packages.PACKAGES, *packages.COMPILER, *packages.BENCH))
        unpacked = programs.unpack()
    except StandError as error:
        if os.environ.get("CI"):
            raise
        print(f"{error}\nTests that need more than this machine has will be skipped.")
        return 0
    if installed:
        print(f"installed: {' '.join(installed)}")
    if unpacked:
        print(f"unpacked: Zabbix 7.0, in {programs.SEVEN.root}")
    return 0


def _up(directory: Path) -> int:
    step = _stopwatch()
    missing = packages.missing()
    if missing:
        step(f"installing {len(missing)} Debian packages, about a minute: {' '.join(missing)}")
        packages.install()
    stand = Stand.up(directory, step)
    try:
        watched.watch(stand, step)
        step("waiting for pushes at whose moment ss sees the same twice")
        matches = watched.compare(stand)
    except BaseException:
        step("ending what has started")
        stand.down()
        raise
    step("all eleven states in history equal what ss counts")
    print(f"\n{watched.table(matches)}\n")
    _describe(stand)
    print(f"end it:     make zabbix-down   ({stand.directory} goes with it)")
    return 0


def _down(directory: Path) -> int:
    if not Stand.exists(directory):
        print(f"There is no test Zabbix in {directory}: nothing to do.")
        return 0
    step = _stopwatch()
    step("ending Zabbix and PostgreSQL")
    Stand.load(directory).down()
    step(f"ended; {directory} is removed")
    return 0


def _status(directory: Path) -> int:
    if not Stand.exists(directory):
        print(f"There is no test Zabbix in {directory}.")
        return 1
    stand = Stand.load(directory)
    _describe(stand)
    alive = stand.alive()
    for name, runs in alive.items():
        print(f"{name + ':':<12}{'runs' if runs else 'DOWN'}")
    return 0 if all(alive.values()) else 1


def _describe(stand: Stand) -> None:
    print(f"frontend:   {stand.frontend_url}   (login {api.USER} / {api.PASSWORD})")
    print(f"trapper:    127.0.0.1:{stand.server_port}")
    print(f"directory:  {stand.directory}   (logs, settings)")


def _stopwatch() -> Step:
    start = time.monotonic()

    def step(text: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {text}", flush=True)

    return step


if __name__ == "__main__":
    sys.exit(main())
