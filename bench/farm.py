"""The farm: real connections on loopback, in a number that grows.

How one process makes its share is farm_resident's. The residents end when this process does, however it
ends: their standard input is then over.
"""

from __future__ import annotations

import re
import resource
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from .errors import BenchError
from .plan import CLOSE_SOCKETS, Mix

PAIRS_EACH = 9_000  # of one process: two descriptors a pair, and 20,000 is a usual limit
SOCKET_BYTES = 6 << 10  # what the kernel keeps of one, with its file and its dentry; 4.5 KB on Linux 6.18
SPARE_BYTES = 1 << 30  # for the contenders
PATIENCE_S = 180.0
REPOSITORY = Path(__file__).resolve().parent.parent


def shortage(sockets: int) -> str:
    """What this machine has too little of for so many sockets, in a sentence; empty if nothing."""
    available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    used, _, most_files = map(int, Path("/proc/sys/fs/file-nr").read_text().split())
    pages = re.search(r"^TCP: .* mem (\d+)", Path("/proc/net/sockstat").read_text(), re.MULTILINE)
    return lacking(
        sockets,
        {
            "memory_bytes": int(available[1]) * 1024 if available else 0,
            "files": most_files - used,
            "files_a_process": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            "tcp_pages": int(Path("/proc/sys/net/ipv4/tcp_mem").read_text().split()[1])
            - (int(pages[1]) if pages else 0),
        },
    )


def lacking(sockets: int, there: Mapping[str, int]) -> str:
    """As `shortage`, from the numbers."""
    mix = Mix.of(sockets)
    every = mix.established + mix.close_wait + mix.fin_wait2
    needs = (
        ("memory_bytes", every * SOCKET_BYTES + SPARE_BYTES, "bytes of available memory"),
        ("files", every + 10_000, "more open files (sysctl fs.file-max)"),
        ("files_a_process", 2 * PAIRS_EACH + 100, "open files a process (ulimit -Hn)"),
        # Each FIN that no program has read is kept in a page of TCP's; under pressure it would drop some.
        ("tcp_pages", mix.close_wait, "pages for TCP before it feels pressure (sysctl net.ipv4.tcp_mem)"),
    )
    for name, needed, words in needs:
        if there[name] < needed:
            return f"{sockets:,} sockets need {needed:,} {words}, and there are {there[name]:,}."
    return ""


class Farm:
    """Grows between `with` and its end; `made` is what it holds."""

    def __init__(self) -> None:
        self.made = Mix(0, 0, 0)
        self._residents: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Farm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for resident in self._residents:
            assert resident.stdin is not None
            resident.stdin.close()  # it resets its connections and ends
        for resident in self._residents:
            try:
                resident.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                resident.kill()
                resident.wait()
            assert resident.stdout is not None
            resident.stdout.close()

    def grow(self, sockets: int) -> None:
        """Adds what is missing until there are so many; returns when every connection is made."""
        goal = Mix.of(sockets)
        shares = split(
            (goal.established - self.made.established) // 2, goal.close_wait - self.made.close_wait
        )
        close = 0 if self._residents else CLOSE_SOCKETS
        new = [self._start(*share, 0 if nth else close) for nth, share in enumerate(shares)]
        deadline = time.monotonic() + PATIENCE_S
        for resident in new:
            assert resident.stdout is not None
            ready, _, _ = select.select([resident.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready or resident.stdout.readline() != "made\n":
                raise BenchError("A process of the farm did not make its connections; its error is above.")
        self.made = goal

    def _start(self, established_pairs: int, half_closed_pairs: int, close: int) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "bench.farm_resident",
            str(established_pairs),
            str(half_closed_pairs),
            str(close),
        ]
        resident = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # the terminal's Ctrl-C is for the bench, which ends them
        )
        self._residents.append(resident)
        return resident


def split(established_pairs: int, half_closed_pairs: int) -> list[tuple[int, int]]:
    """Shares of at most PAIRS_EACH pairs, established and half-closed."""
    shares = []
    while established_pairs or half_closed_pairs:
        established = min(established_pairs, PAIRS_EACH)
        half_closed = min(half_closed_pairs, PAIRS_EACH - established)
        shares.append((established, half_closed))
        established_pairs -= established
        half_closed_pairs -= half_closed
    return shares
