"""Walks over the sockets as a sample does and nothing else, while the whole daemon runs beside it.

The same walk takes two or three times as long now and then, on a machine that others use too. So the longest
burst of the daemon is held against the longest of these.

    python -m bench.bare_walk INTERVAL_S
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tcpwatchd.kernel.inet_diag import mask
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.model.sockets import State

from .farm import REPOSITORY
from .resident import Resident

# As many walks as the four daemons make together, each every eight or nine seconds.
INTERVAL_S = 2.0
_COPIED = mask(set(State) - {State.ESTABLISHED, State.TIME_WAIT})


class BareWalk:
    """It runs between `with` and its end; then `longest_s` is the CPU time of its longest walk."""

    def __init__(self, log: Path, interval_s: float) -> None:
        self._log = log
        self._interval_s = interval_s
        self.longest_s = 0.0

    def __enter__(self) -> BareWalk:
        command = [sys.executable, "-m", "bench.bare_walk", f"{self._interval_s}"]
        self._resident = Resident(command, self._log, REPOSITORY)
        return self

    def __exit__(self, *_error: object) -> None:
        self._resident.end()
        self.longest_s = longest_s(self._log.read_text(encoding="utf-8"))


def longest_s(log: str) -> float:
    """Of all walks in it, a line each; 0 where there is none."""
    return max((float(line) for line in log.splitlines()), default=0.0)


def main(interval_s: float) -> None:
    """Until it is ended."""
    kernel = NetlinkBackend()
    kernel.attempt()
    while True:
        before_s = time.thread_time()
        kernel.read(_COPIED)
        print(time.thread_time() - before_s, flush=True)
        time.sleep(interval_s)


if __name__ == "__main__":
    main(float(sys.argv[1]))
