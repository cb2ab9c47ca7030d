"""Runs all work on the disk in one thread, one job after another.

A disk may not answer for minutes: a backup freezes the file system, a network disk is away. A thread that
waits for it cannot be killed. So no other thread touches the disk, and whoever needs an answer waits for a
bounded time.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar, cast

from tcpwatchd.model.transition_log import TransitionLog
from tcpwatchd.model.units import format_duration
from tcpwatchd.spool.spool_file import PassingError

log = logging.getLogger(__name__)

# How long a caller waits for an answer.
PATIENCE_S = 2.0
# A disk that takes longer than this for one transaction is late: values are sent from memory meanwhile.
_LATE_S = 0.5
# One that takes longer than this hangs, which is worth a line in the log.
_HANGS_S = 5.0

_Answer = TypeVar("_Answer")


class HangingError(PassingError):
    """The disk has not answered in time."""

    def __init__(self) -> None:
        super().__init__("the disk does not answer", "", "a backup may have frozen it; dmesg, fsfreeze -u")


class Jobs(Protocol):
    """What runs jobs that touch the disk, in the order in which they come."""

    def post(self, work: Callable[[], None]) -> None:
        """Has it done, later."""

    def call(
        self, work: Callable[[], _Answer], lasting: bool = False, patience_s: float = PATIENCE_S
    ) -> _Answer:
        """Has it done and returns its answer; raises what it raises, and HangingError where that takes too
        long. What is `lasting` is done all the same, later; anything else is not begun any more.
        """

    def busy_s(self) -> float:
        """How long the job under way has taken so far, in seconds; 0 where there is none."""


class DiskThread:
    """Jobs in a thread that begins with the first of them and ends with the process."""

    def __init__(self, steady_s: Callable[[], float] = time.monotonic) -> None:
        self._steady_s = steady_s
        self._queue: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._began_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
        self._starting = threading.Lock()

    def post(self, work: Callable[[], None]) -> None:
        """See Jobs."""
        self._put(_Job(work))

    def call(
        self, work: Callable[[], _Answer], lasting: bool = False, patience_s: float = PATIENCE_S
    ) -> _Answer:
        """See Jobs."""
        job = _Job(work)
        self._put(job)
        if not job.done.wait(patience_s):
            job.cancelled = not lasting
            raise HangingError
        if job.error is not None:
            raise job.error
        return cast(_Answer, job.answer)

    def busy_s(self) -> float:
        """See Jobs."""
        began_s = self._began_s
        return 0.0 if began_s is None else self._steady_s() - began_s

    def _put(self, job: _Job) -> None:
        with self._starting:
            if self._thread.ident is None:
                self._thread.start()
        self._queue.put(job)

    def _run(self) -> None:
        while True:
            job = self._queue.get()
            if not job.cancelled:
                self._began_s = self._steady_s()
                job.do()
                self._began_s = None
            del job  # else it stays, with all that it refers to, until the next one comes


class DiskWatch:
    """Whether the disk answers, and one line each when it ceases to and when it does again."""

    def __init__(self, jobs: Jobs, path: Path) -> None:
        self._jobs = jobs
        self._edge = TransitionLog(log, f"the disk of {path}")
        self._busy_s = 0.0
        self._hung_s = 0.0

    def look(self) -> None:
        """To be called every second or so."""
        self._busy_s = self._jobs.busy_s()
        if self.hangs_s:
            self._hung_s = self.hangs_s
            self._edge.failed(
                f"has not answered for {_HANGS_S:g} s; values are held in memory and sent from there",
                "does a backup freeze it, or is it on the network? see dmesg and mount",
            )
        else:
            self._edge.worked(f"answers again, after {format_duration(round(self._hung_s))}")

    @property
    def late(self) -> bool:
        """Whether the disk takes so long that nothing should wait for it."""
        return self._busy_s > _LATE_S

    @property
    def hangs_s(self) -> float:
        """For how many seconds it has not answered, where that is worth telling; else 0."""
        return self._busy_s if self._busy_s > _HANGS_S else 0.0


class _Job:
    """One piece of work, and what came of it."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self.done = threading.Event()
        self.cancelled = False
        self.answer: object = None
        self.error: Exception | None = None

    def do(self) -> None:
        """Does it. Nothing that it raises ends the thread."""
        try:
            self.answer = self._work()
        except Exception as error:  # raised again where somebody waits for the answer
            self.error = error
        self.done.set()
