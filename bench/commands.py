"""The contenders that are started anew for each sample: the usual pipes, and psutil.

Pipes are charged with the CPU time of their children, because starting two programs is part of that way. Of
psutil only the call is charged, because it could stay loaded.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from typing import ClassVar

from .accounting import PeakWatch
from .contender import Contender, Reading
from .errors import ContenderError, end_of
from .farm import REPOSITORY
from .plan import NETSTAT, PSUTIL, SS, Mix

_TURN_S = 120.0


class Pipe(Contender):
    """A shell command that prints `STATE number` a line. Its own names of the states, as in Mix."""

    command: str
    states: ClassVar[tuple[str, str, str]]

    def turn(self) -> Reading:
        """One sample."""
        process = subprocess.Popen(
            ["sh", "-c", self.command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout, PeakWatch(process.pid) as watch:
            output = process.stdout.read()
            _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise ContenderError(f"exit code {process.returncode}")
        counts = dict(line.split() for line in output.splitlines())
        seen = mix(counts, self.states)
        return Reading(usage.ru_utime + usage.ru_stime, 1, watch.peak_bytes, seen)


def mix(counts: Mapping[str, str | int], states: tuple[str, str, str]) -> Mix:
    """The three that were made, from what a contender says."""
    return Mix(*(int(counts.get(state, 0)) for state in states))


class Ss(Pipe):
    """What most UserParameters and scripts do."""

    name = SS
    packages = ("iproute2", "mawk")
    programs = ("ss", "awk")
    command = "ss -tan | awk 'NR > 1 {n[$1]++} END {for (s in n) print s, n[s]}'"
    states = ("ESTAB", "CLOSE-WAIT", "FIN-WAIT-2")


class Netstat(Pipe):
    """What they did before."""

    name = NETSTAT
    packages = ("net-tools", "mawk")
    programs = ("netstat", "awk")
    command = "netstat -nat | awk '/^tcp/ {n[$6]++} END {for (s in n) print s, n[s]}'"
    states = ("ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT2")


_PSUTIL = """
import collections, json, re, time, psutil
began_s = time.process_time()
counts = collections.Counter(one.status for one in psutil.net_connections("tcp"))
cpu_s = time.process_time() - began_s
with open("/proc/self/status") as file:
    peak_kib = int(re.search(r"VmHWM:\\s+(\\d+)", file.read())[1])
print(json.dumps([cpu_s, peak_kib * 1024, counts]))
"""


class Psutil(Contender):
    """The way of most agents in Python. The package is tcpwatchd's own dependency, so never missing."""

    name = PSUTIL
    packages = ()
    programs = ()
    rounds = 1

    def turn(self) -> Reading:
        """One sample, in a process of its own."""
        ran = subprocess.run(
            [sys.executable, "-c", _PSUTIL], capture_output=True, text=True, timeout=_TURN_S, check=False
        )
        if ran.returncode:
            raise ContenderError(end_of(ran.stderr))
        cpu_s, peak_bytes, counts = json.loads(ran.stdout)
        return Reading(cpu_s, 1, peak_bytes, mix(counts, Netstat.states))


def own_command_s() -> float:
    """CPU time of one `tcpwatchd sample`, start of the interpreter included; the median of nine."""
    command = [sys.executable, "-m", "tcpwatchd", "sample"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    spent_s = []
    for _ in range(9):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=REPOSITORY, env=environment)
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise ContenderError(f"tcpwatchd sample ended with {process.returncode}")
        spent_s.append(usage.ru_utime + usage.ru_stime)
    return statistics.median(spent_s)
