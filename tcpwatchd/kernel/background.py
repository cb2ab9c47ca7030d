"""Runs work that may take long in a thread of its own, so that no sample waits for it.

A search through the descriptors of all processes, or a dump of many sockets, takes seconds on a large host.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

_Answer = TypeVar("_Answer")


class Task(Generic[_Answer]):
    """One piece of work. When it is `done`, `cpu_s` is the CPU time in seconds that it took."""

    def __init__(self, work: Callable[[], _Answer], thread_cpu_s: Callable[[], float]) -> None:
        self._work = work
        self._thread_cpu_s = thread_cpu_s
        self._answer: _Answer
        self._error: Exception | None = None
        self._ended = threading.Event()
        self.cpu_s = 0.0

    def run(self) -> None:
        """Does the work in the calling thread."""
        before_s = self._thread_cpu_s()
        try:
            self._answer = self._work()
        except Exception as error:  # whatever it is, it is the caller's to handle
            self._error = error
        self.cpu_s = self._thread_cpu_s() - before_s
        self._ended.set()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._ended.is_set()

    def wait(self) -> None:
        """Waits until it has ended."""
        self._ended.wait()

    def result(self) -> _Answer:
        """The answer of work that is done; raises what the work raised."""
        if self._error is not None:
            raise self._error
        return self._answer


class Background(Protocol):
    """What runs tasks, in the order in which they are started."""

    def start(self, work: Callable[[], _Answer]) -> Task[_Answer]:
        """Starts the work, or has it wait until the work before it is done."""


class AtOnce:
    """Runs each task before `start` returns: for commands that take one sample and end."""

    def __init__(self, thread_cpu_s: Callable[[], float]) -> None:
        self._thread_cpu_s = thread_cpu_s

    def start(self, work: Callable[[], _Answer]) -> Task[_Answer]:
        """See Background."""
        task = Task(work, self._thread_cpu_s)
        task.run()
        return task


class BackgroundThread:
    """Runs tasks in one thread, which begins with the first of them and ends with the process."""

    def __init__(self, thread_cpu_s: Callable[[], float]) -> None:
        self._thread_cpu_s = thread_cpu_s
        self._waiting: queue.SimpleQueue[Task[object]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, work: Callable[[], _Answer]) -> Task[_Answer]:
        """See Background."""
        task = Task(work, self._thread_cpu_s)
        if self._thread is None:
            # A daemon thread: a search that is under way when the process ends is given up.
            self._thread = threading.Thread(target=self._run, name="background", daemon=True)
            self._thread.start()
        self._waiting.put(task)  # type: ignore[arg-type] # the thread never looks at an answer
        return task

    def _run(self) -> None:
        while True:
            self._waiting.get().run()
