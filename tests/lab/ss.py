"""What `ss` says: the count that is independent of tcpwatchd."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from tcpwatchd.model.sockets import State

_NAMES = {
    "ESTAB": State.ESTABLISHED,
    "SYN-SENT": State.SYN_SENT,
    "SYN-RECV": State.SYN_RECV,
    "FIN-WAIT-1": State.FIN_WAIT1,
    "FIN-WAIT-2": State.FIN_WAIT2,
    "TIME-WAIT": State.TIME_WAIT,
    "UNCONN": State.CLOSE,
    "CLOSE-WAIT": State.CLOSE_WAIT,
    "LAST-ACK": State.LAST_ACK,
    "LISTEN": State.LISTEN,
    "CLOSING": State.CLOSING,
}

Run = Callable[[Sequence[str]], str]


def here(command: Sequence[str]) -> str:
    """Runs a command in this network namespace."""
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def listed(run: Run, *options: str) -> Counter[State]:
    """The sockets that `ss` lists, per state; no CLOSE, which only newer kernels list, and only if bound."""
    states = Counter(_NAMES[line.split()[0]] for line in run(["ss", "-Htan", *options]).splitlines())
    del states[State.CLOSE]
    return states


def counted(run: Run = here) -> Mapping[State, int]:
    """All eleven of this namespace, both families together.

    CLOSE comes from the sums of `ss -s`, which counts TIME-WAIT in, and, as it allots the whole host's
    sockets to one namespace, those in use in every other one: lsns names them.
    """
    closed, timewait = re.findall(r"^TCP: .*closed (\d+),.*timewait (\d+)", run(["ss", "-s"]), re.MULTILINE)[
        0
    ]
    states = listed(run)
    states[State.CLOSE] = max(0, int(closed) - int(timewait) - _in_use_elsewhere(run))
    return {state: states[state] for state in State}


def _in_use_elsewhere(run: Run) -> int:
    own = run(["readlink", "/proc/self/ns/net"]).strip().strip("net:[]")
    sockets = 0
    for line in run(["lsns", "-n", "-t", "net", "-o", "NS,PID"]).splitlines():
        namespace, pid = line.split()
        if namespace != own:
            texts = subprocess.run(
                ["nsenter", "-t", pid, "-n", "cat", "/proc/net/sockstat", "/proc/net/sockstat6"],
                capture_output=True,
                text=True,
                timeout=60,
            ).stdout  # empty where the namespace has just ended
            sockets += sum(map(int, re.findall(r"^TCP6?: inuse (\d+)", texts, re.MULTILINE)))
    return sockets
