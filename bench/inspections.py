"""What an inspection costs at the last size, each in a process of its own.

python -m bench.inspections NAME CONNECTIONS
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tcpwatchd.config.config import parse
from tcpwatchd.diagnosis.inspector import SocketInspector
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.model.sockets import State

from . import accounting
from .errors import ContenderError
from .farm import REPOSITORY
from .plan import SERVICES

_TURNS = 3
_PEAK_ANEW = "5"  # proc_pid_clear_refs(5): the peak of resident memory begins anew
_PATIENCE_S = 120.0
_Work = Callable[[SocketInspector, int], object]


class Cost(NamedTuple):
    """CPU time, and the most memory that it had at a time beyond what it began with."""

    cpu_s: float
    peak_bytes: int


def _ports(inspector: SocketInspector, connections: int) -> object:
    return inspector.ports(connections)


def _holders(inspector: SocketInspector, connections: int) -> object:
    return inspector.culprits([State.CLOSE], time.monotonic(), {State.ESTABLISHED: connections})


def _services(inspector: SocketInspector, connections: int) -> object:
    return inspector.services(parse(SERVICES, "bench").services, False, connections)


DESTINATION, HOLDERS, OF_SERVICES = "busiest destination", "holders of CLOSE", "two services"
_WORK: Mapping[str, _Work] = MappingProxyType(
    {DESTINATION: _ports, HOLDERS: _holders, OF_SERVICES: _services}
)
# The same three on the same machine and sockets at commit c514038, which copied a row or kept an object for
# each connection.
BEFORE_COMMIT = "c514038"
BEFORE: Mapping[str, Cost] = MappingProxyType(
    {
        DESTINATION: Cost(0.574, 8_400_000),
        HOLDERS: Cost(5.95, 7_700_000),
        OF_SERVICES: Cost(2.02, 119_100_000),
    }
)


def inspections(connections: int) -> Mapping[str, Cost]:
    """The cost of each, by its name. ContenderError."""
    return {name: _measured(name, connections) for name in _WORK}


def _measured(name: str, connections: int) -> Cost:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.inspections", name, f"{connections}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    if ran.returncode:
        raise ContenderError(f"{name}: {ran.stderr.strip().splitlines()[-1:]}")
    return Cost(*json.loads(ran.stdout))


def main(name: str, connections: int) -> None:
    """Prints the cost of this one."""
    kernel = NetlinkBackend()
    kernel.attempt()
    inspector = SocketInspector(kernel)
    pid = os.getpid()
    Path("/proc/self/clear_refs").write_text(_PEAK_ANEW)
    began_bytes = accounting.memory(pid).now_bytes
    turns = []
    for _ in range(_TURNS):
        before_s = time.process_time()
        _WORK[name](inspector, connections)
        turns.append(time.process_time() - before_s)
    print(json.dumps(Cost(statistics.median(turns), accounting.memory(pid).peak_bytes - began_bytes)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
