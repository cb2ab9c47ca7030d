"""Long-running processes that outlive their starter, and how to end exactly these.

This file alone knows: how a process is started detached, how it is told from a later one that
got the same pid (by its start time in /proc), and how it is ended together with its children.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, NamedTuple

from .errors import StandError, last_lines

# Nothing of the caller's: a PGHOST or http_proxy there must not lead the stand astray.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}

PORTS = range(20000, 32768)


class _Stat(NamedTuple):
    state: str
    parent: int
    session: int
    started: int  # clock ticks since boot


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks
    return _Stat(fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


@dataclass(frozen=True)
class Process:
    """One that we started, as leader of its own session."""

    pid: int
    started: int
    log: str

    def alive(self) -> bool:
        """Whether this very process still runs."""
        stat = _stat(self.pid)
        return stat is not None and stat.started == self.started and stat.state not in "ZX"

    def end(self, stop_signal: signal.Signals, patience_s: float) -> None:
        """Ask it to stop; what is left of it and its children after the patience is killed."""
        family = self.family()
        _send(stop_signal, self.pid, self.started)
        if not _wait_until_gone(family, patience_s):
            family.update(self.family())
            for pid, started in family.items():
                _send(signal.SIGKILL, pid, started)
            _wait_until_gone(family, 5.0)

    def family(self) -> dict[int, int]:
        """Pid -> start time of itself, its children, and everything in its session."""
        own = _stat(self.pid)
        if own is not None and own.started != self.started:
            return {}  # the pid belongs to somebody else by now: ours and its session are over
        family: dict[int, int] = {}
        for entry in os.listdir("/proc"):
            stat = _stat(int(entry)) if entry.isdigit() else None
            if (
                stat is not None
                and self.pid in (int(entry), stat.parent, stat.session)
                and stat.started >= self.started
            ):
                family[int(entry)] = stat.started
        return family


def _is_running(pid: int, started: int) -> bool:
    stat = _stat(pid)
    if stat is not None and stat.state == "Z" and stat.parent == os.getpid():
        with contextlib.suppress(ChildProcessError):  # done already
            os.waitpid(pid, os.WNOHANG)  # our own dead child: nobody else can bury it
    return stat is not None and stat.started == started and stat.state not in "ZX"


def _send(number: signal.Signals, pid: int, started: int) -> None:
    if _is_running(pid, started):
        with contextlib.suppress(ProcessLookupError):  # it has ended at this very moment
            os.kill(pid, number)


def _wait_until_gone(family: dict[int, int], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while any(_is_running(*member) for member in family.items()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def start(
    command: Sequence[str],
    user: str,
    directory: Path,
    log: Path,
    environment: dict[str, str] | None = None,
) -> Process:
    """Start a command as that user, detached: no terminal, no pipe to the caller, own session."""
    with log.open("ab") as output:
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**ENVIRONMENT, **(environment or {})},
                start_new_session=True,
                user=user,
                group=pwd.getpwnam(user).pw_gid,
                extra_groups=[],
            )
        except FileNotFoundError:
            raise StandError(f"{command[0]} is missing: install the stand's packages.") from None
    stat = _stat(child.pid)
    if stat is None:  # cannot be: even if it is dead already, nobody has buried it yet
        raise StandError(f"{command[0]} vanished at its start; {last_lines(log)}")
    # It outlives us on purpose; without this, Popen warns about it and buries it itself.
    child.returncode = 0
    return Process(child.pid, stat.started, str(log))


def run(command: Sequence[str], user: str, directory: Path, log: Path, standard_input: bytes = b"") -> None:
    """Run a command as that user to its end; its output goes to the log."""
    with log.open("ab") as output:
        result = subprocess.run(
            command,
            input=standard_input,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=ENVIRONMENT,
            user=user,
            group=pwd.getpwnam(user).pw_gid,
            extra_groups=[],
            check=False,
        )
    if result.returncode != 0:
        raise StandError(f"{command[0]} failed ({result.returncode}); {last_lines(log)}")


def wait_until(ready: Callable[[], bool], what: str, process: Process, patience_s: float = 60.0) -> None:
    """Poll until ready; fails at once when the process ends, and when the patience is over."""
    deadline = time.monotonic() + patience_s
    while not ready():
        if not process.alive():
            raise StandError(f"{what} ended while starting; {last_lines(Path(process.log))}")
        if time.monotonic() > deadline:
            raise StandError(
                f"{what} was not ready within {patience_s:.0f} s; {last_lines(Path(process.log))}"
            )
        time.sleep(0.05)


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Let Ctrl-C and kill wait for the end of a piece of work that must not be cut in two."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals never interrupt any other thread
        return
    arrived: list[int] = []
    # Handlers and not a signal mask: a mask would be inherited by what is started meanwhile.
    before = {
        number: signal.signal(number, lambda number, _frame: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            os.kill(os.getpid(), arrived[0])


def free_port(taken: Collection[int] = ()) -> int:
    """A TCP port of 127.0.0.1 that nobody uses at this moment, and none of the taken ones.

    Not by binding to port 0: Zabbix takes no ListenPort above 32767, and a port of the ephemeral
    range might be gone as the source of some connection while the server is stopped for a test.
    """
    for port in random.sample(PORTS, len(PORTS)):
        if port in taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StandError(f"No TCP port from {PORTS[0]} to {PORTS[-1]} is free on 127.0.0.1.")
