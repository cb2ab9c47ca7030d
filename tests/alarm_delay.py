"""How long it takes from a fault to its problem in a real Zabbix, with the intervals of the default
configuration: `python -m tests.alarm_delay`. Debian 12, root; three minutes.

Each trial has a host, a lab and a daemon of its own, and begins at another moment between two pushes.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.lab.exit_code import exit_code
from tests.lab.faults import FLOOD, HANGS, HASTY, NO_POOL, link_for_floods, running, watched
from tests.lab.processes import wait_for
from tests.lab.socket_lab import Lab
from tests.lab.stands import SevenStand, brought_up
from tests.lab.zabbix_stand import Stand, StandError

KINDS = {
    "accept queue full": (HANGS, ""),
    "SYN flood": (FLOOD, ""),
    "ports run out": (NO_POOL, "net.ipv4.ip_local_port_range=40000 40099"),
    "TIME_WAIT at its limit": (HASTY, "net.ipv4.tcp_max_tw_buckets=100"),
}
EACH = 3
_AT_ONCE = 4


def delay_s(stand: Stand, program: str, sysctl: str, name: str, rest_s: float) -> float:
    """One trial: seconds from the program's word that its fault is there."""
    with tempfile.TemporaryDirectory(prefix="tcpwatchd-delay-") as directory, Lab() as lab:
        link_for_floods(lab)
        if sysctl:
            lab.run(["sysctl", "-qw", sysctl])
        with watched([stand], lab, name, Path(directory), {}, push="60s", sample="1s"):
            time.sleep(rest_s)
            with running(lab, program):
                began_s = time.monotonic()
                wait_for(lambda: stand.problems(name), f"the problem of {name}", 120)
                return time.monotonic() - began_s


def trials(stand: Stand) -> list[float]:
    """All of them, some at a time; prints each kind."""
    luck = random.Random(7)  # noqa: S311 - moments, no secret
    version = ".".join(map(str, stand.version))
    every: list[float] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for kind, (program, sysctl) in KINDS.items():
            names = [f"{kind.replace(' ', '-')}-{nth}" for nth in range(EACH)]
            rests_s = [luck.uniform(5, 45) for _ in names]
            took_s = sorted(pool.map(partial(delay_s, stand, program, sysctl), names, rests_s))
            every += took_s
            print(f"Zabbix {version}  {kind:<24}{'  '.join(f'{each:5.1f} s' for each in took_s)}", flush=True)
    return every


def measured() -> bool:
    """True when all trials had their problem."""
    if os.geteuid() != 0:
        raise StandError("The lab and the test Zabbix need root: start it as root.")
    for kind in (Stand, SevenStand):
        with brought_up(kind, push_s=60.0) as stand:
            every = trials(stand)
            print(f"median {statistics.median(every):.1f} s, longest {max(every):.1f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(exit_code(measured))
