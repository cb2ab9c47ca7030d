"""Disks for a spool: one that answers at once, and one that answers when it is told to."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tcpwatchd.spool.disk_thread import PATIENCE_S, HangingError
from tcpwatchd.spool.spool import Spool

_Answer = TypeVar("_Answer")


class AtOnce:
    """Runs each job in the caller's thread: when a call returns, the disk has what it brought."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def post(self, work: Callable[[], None]) -> None:
        with self._lock:
            work()

    def call(
        self,
        work: Callable[[], _Answer],
        lasting: bool = False,  # noqa: ARG002 - all is done at once
        patience_s: float = PATIENCE_S,  # noqa: ARG002 - as above
    ) -> _Answer:
        with self._lock:
            return work()

    def busy_s(self) -> float:
        return 0.0


class Late:
    """Answers at once until it is frozen; then nothing is done until it is thawed."""

    def __init__(self) -> None:
        self.frozen = False
        self._jobs: deque[Callable[[], object]] = deque()
        self.hung_s = 0.0

    def post(self, work: Callable[[], None]) -> None:
        self._jobs.append(work)
        self._work()

    def call(
        self,
        work: Callable[[], _Answer],
        lasting: bool = False,
        patience_s: float = PATIENCE_S,  # noqa: ARG002 - no time passes here
    ) -> _Answer:
        if not self.frozen:
            return work()
        if lasting:
            self._jobs.append(work)
        raise HangingError

    @property
    def waiting(self) -> int:
        """Jobs that are not done yet."""
        return len(self._jobs)

    def busy_s(self) -> float:
        return self.hung_s if self._jobs else 0.0

    def freeze(self, hung_s: float = 60.0) -> None:
        self.frozen, self.hung_s = True, hung_s

    def thaw(self) -> None:
        self.frozen = False
        self._work()

    def _work(self) -> None:
        while self._jobs and not self.frozen:
            self._jobs.popleft()()


def open_spool(path: Path, destinations: Sequence[str]) -> Spool:
    """A spool on a disk that answers at once."""
    return Spool(path, destinations, AtOnce())
