"""A lab: a network namespace of its own with known numbers of real sockets in every state.

How a socket is brought into a state is lab_resident's.

The namespace has no name and no link to any other; it is there as long as the resident process lives.
TIME_WAIT and orphaned FIN_WAIT2 last 40 s; everything else stays as it was made for at least ten minutes.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import json
import os
import pickle
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Callable, TypeVar, Union

from tcpwatchd.model.sockets import State
from tests.lab import ss
from tests.lab.requirements import require

T = TypeVar("T")

DEBIAN_PACKAGES = ("iproute2", "util-linux")  # ip and ss; unshare and nsenter
REPOSITORY = Path(__file__).resolve().parents[2]
NOBODY = 65534
PATIENCE_S = 60.0  # for the resident's answers and for what ss shows; a loaded machine may take a second
CALL_S = 60.0

_CLONE_NEWNET = 0x40000000
Counts = Mapping[State, tuple[int, int]]
"""Sockets per state, IPv4 and IPv6: every state is there. CLOSE is what tables show of it: nothing."""


class Variant(enum.Enum):
    """Connections that a state's name does not tell apart."""

    MAPPED = "IPv4 on the wire, an IPv6 socket at one end: one socket of each family, both ESTABLISHED"
    ORPHANED_FIN_WAIT2 = "FIN_WAIT2 that no program holds: a mini-socket in the kernel"
    LONG_ORPHANED_FIN_WAIT2 = "the same with a longer time limit: for as long as it lasts, a whole socket"
    RESET = "reset by the peer and still held by the program: CLOSE"


Kind = Union[State, Variant]

# What one connection brings, both ends together. A LISTEN that SYN_SENT or SYN_RECV needs comes once a call.
BRINGS: Mapping[Kind, Mapping[State, int]] = {
    State.ESTABLISHED: {State.ESTABLISHED: 2},
    State.SYN_SENT: {State.SYN_SENT: 1},
    State.SYN_RECV: {State.SYN_RECV: 1, State.SYN_SENT: 1},
    State.FIN_WAIT1: {State.FIN_WAIT1: 1, State.ESTABLISHED: 1},
    State.FIN_WAIT2: {State.FIN_WAIT2: 1, State.CLOSE_WAIT: 1},
    State.TIME_WAIT: {State.TIME_WAIT: 1},
    State.CLOSE: {},
    State.CLOSE_WAIT: {State.CLOSE_WAIT: 1, State.FIN_WAIT2: 1},
    State.LAST_ACK: {State.LAST_ACK: 1, State.FIN_WAIT2: 1},
    State.LISTEN: {State.LISTEN: 1},
    State.CLOSING: {State.CLOSING: 1, State.FIN_WAIT1: 1},
    Variant.MAPPED: {State.ESTABLISHED: 1},  # and one of the other family
    Variant.ORPHANED_FIN_WAIT2: {State.FIN_WAIT2: 1, State.CLOSE_WAIT: 1},
    Variant.LONG_ORPHANED_FIN_WAIT2: {State.FIN_WAIT2: 1, State.CLOSE_WAIT: 1},
    Variant.RESET: {},
}
_ORPHANED = (Variant.ORPHANED_FIN_WAIT2, Variant.LONG_ORPHANED_FIN_WAIT2)
_NEEDS_LISTENER = (State.SYN_SENT, State.SYN_RECV)


class LabError(Exception):
    """The lab is not what it should be: its resident died, or the kernel shows other sockets than made."""


def require_lab() -> None:
    """Skips the test, or under CI fails it, where no lab can be built."""
    missing = [name for name in ("ip", "ss", "unshare", "nsenter") if shutil.which(name) is None]
    require(sys.platform == "linux", "a lab needs Linux")
    require(os.geteuid() == 0, "a lab needs root, for a network namespace")
    require(not missing, f"a lab needs {', '.join(missing)}; try: apt install {' '.join(DEBIAN_PACKAGES)}")
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True)
    require(tried.returncode == 0, f"no network namespace can be made here: {tried.stderr.strip()}")
    require(Path("/proc/net/if_inet6").exists(), "a lab needs IPv6 in the kernel")


class Lab:
    """One lab, from `with` to the end of the block. `pid` lives in it; `unconnected` sockets in no table,
    FIN_WAIT2 that no program holds, and `minis` of them that the kernel has made small.

    `expected()` is kept from what was made and the table above, not from what the kernel says.
    """

    def __init__(self) -> None:
        self.unconnected = self.orphaned = self.minis = 0
        self._fresh = 0
        self._expected: Counter[tuple[State, int]] = Counter()

    def __enter__(self) -> Lab:
        # unshare turns into the resident (exec), so this process is the one that lives in the namespace.
        self._resident = subprocess.Popen(
            ["unshare", "--net", "--", sys.executable, "-m", "tests.lab.lab_resident"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._resident.pid
        try:
            self._answer()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        assert self._resident.stdin is not None
        assert self._resident.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._resident.stdin.close()  # the resident closes its sockets and ends
        try:
            self._resident.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._resident.stdout.close()

    def kill(self) -> None:
        """Ends the resident without giving it a chance to close anything."""
        self._resident.kill()
        self._resident.wait()

    def _answer(self) -> int:
        assert self._resident.stdout is not None
        ready, _, _ = select.select([self._resident.stdout], [], [], PATIENCE_S)
        line = self._resident.stdout.readline() if ready else ""
        if not line:
            raise LabError("the lab's resident does not answer" if not ready else "the lab's resident died")
        return int(line)

    def _ask(self, *command: object) -> int:
        assert self._resident.stdin is not None
        self._resident.stdin.write(json.dumps(command) + "\n")
        self._resident.stdin.flush()
        return self._answer()

    def make(self, kind: Kind, ipv4: int = 0, ipv6: int = 0) -> None:
        """Makes so many connections of `kind` and waits until ss shows exactly what is expected then."""
        for family, count in ((socket.AF_INET, ipv4), (socket.AF_INET6, ipv6)):
            if not count:
                continue
            self._ask("make", kind.name, int(family), count)
            column = int(family == socket.AF_INET6)
            for state, sockets in BRINGS[kind].items():
                self._expected[state, column] += count * sockets
            self.orphaned += count * (kind in _ORPHANED)
            self.minis += count * (kind is Variant.ORPHANED_FIN_WAIT2)
            if kind is Variant.MAPPED:
                self._expected[State.ESTABLISHED, 1 - column] += count
            if kind in _NEEDS_LISTENER:
                self._expected[State.LISTEN, column] += 1
            if kind in (State.CLOSE, Variant.RESET):
                self.unconnected += count
            if kind is State.CLOSE:
                self._fresh += count
        self.wait()

    def bind_fresh(self) -> None:
        """Binds every fresh (CLOSE) socket to a port; they stay unconnected."""
        self._ask("bind_fresh")

    def close_fresh(self) -> None:
        """Closes every fresh socket."""
        self._ask("close_fresh")
        self.unconnected -= self._fresh
        self._fresh = 0

    @contextlib.contextmanager
    def churn(self) -> Iterator[Callable[[], int]]:
        """Connections come and go all the time within the block; two listeners stay as long.

        Afterwards what was yielded tells how many there were; TIME_WAIT is not in `expected()` for them.
        """
        connections = 0
        self._ask("churn")
        self._expected.update({(State.LISTEN, 0): 1, (State.LISTEN, 1): 1})
        try:
            yield lambda: connections
        finally:
            connections = self._ask("end_churn")
            self._expected.subtract({(State.LISTEN, 0): 1, (State.LISTEN, 1): 1})

    def expected(self) -> Counts:
        """What any whole count of this namespace has to say."""
        return {state: (self._expected[state, 0], self._expected[state, 1]) for state in State}

    def wait(self) -> None:
        """Returns when ss shows what is expected; LabError if it does not come to that."""
        until = time.monotonic() + PATIENCE_S
        while (shown := count_with_ss(self)) != self.expected():
            if time.monotonic() > until:
                raise LabError(f"ss shows {differences(shown, self.expected())}")
            time.sleep(0.01)

    def run(self, command: Sequence[str]) -> str:
        """What a command says that runs in the lab; LabError if it fails or takes a minute."""
        entered = ["nsenter", "-t", str(self.pid), "-n", "--", *command]
        ran = subprocess.run(entered, cwd=REPOSITORY, capture_output=True, text=True, timeout=CALL_S)
        if ran.returncode:
            raise LabError(f"{' '.join(command)}: exit code {ran.returncode}: {ran.stderr.strip()}")
        return ran.stdout

    def call(self, function: Callable[[], T], user: int = 0) -> T:
        """What `function` returns in a forked child that lives in the lab, as `user`.

        Privileges are dropped in the child, not by setpriv: an interpreter below /root cannot be started
        by nobody, but one that runs already, with everything imported, can go on as nobody.
        """
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            _child(reader, writer, self.pid, function, user)
        os.close(writer)
        try:
            worked, result = pickle.loads(_read_all(reader, time.monotonic() + CALL_S))  # noqa: S301 - ours
        except (EOFError, TimeoutError) as error:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            raise LabError("the child in the lab gave no answer") from error
        finally:
            os.close(reader)
            os.waitpid(pid, 0)
        if not worked:
            raise LabError(f"in the lab:\n{result}")
        answer: T = result
        return answer


def _child(reader: int, writer: int, pid: int, function: Callable[[], object], user: int) -> None:
    """The child's whole life."""
    code = 1
    try:
        os.close(reader)
        try:
            with open(f"/proc/{pid}/ns/net", encoding="ascii") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            if user:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            answer = pickle.dumps((True, function()))
        except Exception:
            answer = pickle.dumps((False, traceback.format_exc()))
        with open(writer, "wb") as file:
            file.write(answer)
        code = 0
    finally:
        os._exit(code)  # nothing of the parent's may run its end here


def _read_all(reader: int, until: float) -> bytes:
    read = b""
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError
        more = os.read(reader, 65536)
        if not more:
            return read
        read += more


def count_with_ss(lab: Lab) -> Counts:
    """The same numbers by another program: ss, asked once a family."""
    ipv4, ipv6 = ss.listed(lab.run, "-4"), ss.listed(lab.run, "-6")
    return {state: (ipv4[state], ipv6[state]) for state in State}


def differences(shown: Counts, expected: Counts) -> str:
    """Where two counts differ, in words; empty if they do not."""
    return ", ".join(
        f"{state.name} {shown[state]} instead of {expected[state]}"
        for state in State
        if shown[state] != expected[state]
    )


def fill(lab: Lab) -> None:
    """Every kind there is, of both families, in numbers that differ so that no mix-up stays unseen."""
    for number, kind in enumerate(BRINGS, 1):
        lab.make(kind, ipv4=number, ipv6=1 + number * 2 % 11)
