"""The backlog on disk: append, peek, ack, trim. No caller waits for the disk.

One row is one push (a long push is cut into several); each destination has a position. A row is removed when
every destination has it, or when the bounds force it out. Changes are made in memory first (`SpoolState`),
and the disk thread writes them to the file. A row is given to destinations when the disk has it. If the disk
takes nothing or is late, the row is sent from memory. Only rows that are on disk alone have to be read and
waited for.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tcpwatchd.model.backlog_level import Backlog, Lost
from tcpwatchd.model.batch import Aside, Batch, Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.errors import SpoolError
from tcpwatchd.model.transition_log import TransitionLog
from tcpwatchd.spool.disk_thread import PATIENCE_S, DiskThread, DiskWatch, HangingError, Jobs
from tcpwatchd.spool.schema import Row
from tcpwatchd.spool.spool_file import DamagedError, PassingError
from tcpwatchd.spool.spool_state import SpoolState
from tcpwatchd.spool.spool_writer import SetAsideState, SpoolWriter

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


def _nobody() -> None:
    """Does nothing."""


class Spool:
    """One file, one daemon; any thread may call. What the disk does not take is held in memory, as much as
    fits there (see MemoryBuffer), and written when it does.
    """

    def __init__(self, path: Path, destinations: Sequence[str], jobs: Jobs | None = None) -> None:
        """Opens or makes the file, and refuses (SpoolError) one that another daemon has open.

        A destination that is new here starts with all that still waits; one that is gone from the
        configuration is forgotten, and what waited for it alone goes with the next ack or trim. A damaged
        file is put aside. On a disk that takes nothing just now, or does not answer, it begins in memory.
        """
        self.path = path
        self._jobs: Jobs = jobs or DiskThread()
        self._disk_watch = DiskWatch(self._jobs, path)
        self._writer = SpoolWriter(path)
        self._lock = threading.RLock()
        self._state = SpoolState(destinations)
        self._listener: Callable[[], None] = _nobody
        self._posted = self._closed = False
        self._writing = TransitionLog(log, "values")
        # Whether there may be rows in the file that are older than what is held in memory.
        self._older = _holds_something(path)
        try:
            self._jobs.call(self._write_twice, lasting=True)
        except PassingError as error:
            self._failed(error)
        except SpoolError:
            self.close()
            raise

    def listen(self, listener: Callable[[], None]) -> None:
        """Has `listener` called, from any thread, whenever there may be something new to send."""
        self._listener = listener

    def direct(self, destinations: Sequence[str]) -> None:
        """Sets the destinations; positions of those already known stay."""
        with self._lock:
            self._state.direct(destinations)
        self._post()

    def append(self, host: str, values: Sequence[Value], at_most: int, epoch: int = 0) -> None:
        """Adds one push for every destination.

        It is cut into rows of `at_most` values, the most one request holds. `epoch` is kept with the last
        stamp (see `latest`).
        """
        with self._lock:
            self._check_open()
            self._state.append(host, values, at_most, epoch)
        self._post()
        self.watch()

    def latest(self) -> tuple[Stamp, int] | None:
        """Stamp and epoch of the last push ever appended, also by a daemon before this one."""
        return self._state.latest

    def peek(self, destination: str, at_most: int, after_id: int = 0) -> Batch | None:
        """The oldest values that wait for a destination, of one host: whole rows, while they fit.

        At least one row, whatever its length. None when nothing waits, or for one not configured (any more).
        With `after_id`, what comes behind that row. SpoolError where the disk has to be asked and does not
        answer: what is on it goes first.
        """
        behind_id = after_id
        while True:
            with self._lock:
                self._check_open()
                state = self._state
                if destination not in state.acked:
                    return None
                if self._older and not state.opened and not self._writer.disk.damages:
                    what = f"the spool {self.path} cannot be opened yet, and what is in it goes first"
                    raise PassingError(what)
                behind_id = max(state.acked[destination], behind_id)
                through_id = state.disk_only_id
                if behind_id >= through_id:
                    return state.in_memory_batch(behind_id, at_most)
            found = self._read(behind_id, through_id, at_most)
            with self._lock:
                if batch := state.on_disk_batch(destination, found, at_most, first=not after_id):
                    return batch
                # Nothing there waits for it, or nothing that can be read.
                behind_id = found[-1].row_id if found else through_id
                if not after_id:
                    state.ack(destination, behind_id)

    def ack(self, destination: str, last_id: int, asides: Sequence[Aside] = ()) -> None:
        """Moves a destination's position to `last_id`, and removes what no destination waits for.

        `asides` are stored as refused values. The position holds from now on in this process, whatever the
        disk does.
        """
        with self._lock:
            self._state.ack(destination, last_id, asides)
        self._post()

    def trim(self, before_clock: int, most_bytes: int) -> None:
        """Has what is older than `before_clock` given up, and what exceeds `most_bytes`, oldest first.

        Of what exceeds them, first what is set aside: a server has said no to it.
        """
        with self._lock:
            self._state.bounds = (before_clock, most_bytes)
        self._post()

    def note(self, destination: str, trouble: str, clock: int) -> None:
        """Stores why delivery fails since `clock` (empty: it works), for `tcpwatchd backlog`."""
        with self._lock:
            self._state.note(destination, trouble, clock)
        self._post()

    def take_lost(self) -> Lost:
        """What was given up since this was last asked."""
        with self._lock:
            return self._state.take_lost()

    def backlog(self) -> tuple[Backlog, ...]:
        """What waits, one row a destination; of what is on disk alone, as last seen."""
        with self._lock:
            return self._state.backlog()

    def size_bytes(self) -> int:
        """Bytes of the file in use when it was last written; room that was freed is used again."""
        return self._state.size_bytes

    def in_memory(self) -> int:
        """Values that wait for some destination and are not on the disk."""
        with self._lock:
            return self._state.unwritten_values()

    @property
    def failing(self) -> bool:
        """Whether the disk took nothing when it was last written to."""
        return self._writing.failing

    def hangs_s(self) -> float:
        """For how many seconds the disk has not answered; 0 while it does."""
        return self._disk_watch.hangs_s

    def watch(self) -> None:
        """To be called every second or so: has what the disk is late to take sent from memory, and says when
        it begins to hang and when it answers again.
        """
        self._disk_watch.look()
        if self._disk_watch.late:
            self._release()

    def flush(self, patience_s: float = PATIENCE_S) -> bool:
        """Waits until the disk has everything, at most so long; False if it does not. From then on what it
        does not have is sent from memory.
        """
        try:
            self._jobs.call(self._sync, lasting=True, patience_s=patience_s)
        except HangingError:
            self._release()
            return False
        with self._lock:
            return self._state.all_written()

    def set_aside(self, destination: str) -> SetAsideState:
        """What is set aside for a destination, as last seen."""
        with self._lock:
            return self._state.aside.get(destination, SetAsideState())

    def ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """What the file answers. SpoolError."""
        return self._jobs.call(lambda: self._writer.ask(question))

    def change_aside(self, destination: str, change: Callable[[sqlite3.Connection], None]) -> None:
        """Changes what is set aside for a destination. SpoolError; on a disk that hangs it is done later."""

        def work() -> None:
            aside = self._writer.change(destination, change)
            with self._lock:
                self._state.aside[destination] = aside

        self._jobs.call(work, lasting=True)

    def close(self, patience_s: float = PATIENCE_S) -> int:
        """Gives the file back; returns how many values the disk did not take, which are lost. It waits for
        the disk at most so long.
        """
        if not self._closed:
            self.flush(patience_s)
            with self._lock:
                self._closed = True
            with suppress(HangingError):  # then it ends with the process
                self._jobs.call(self._writer.disk.close, lasting=True, patience_s=0.1 * patience_s)
        return self.in_memory()

    def _check_open(self) -> None:
        if self._closed:
            raise SpoolError(f"the spool {self.path} is closed")

    def _read(self, after_id: int, through_id: int, at_most: int) -> list[Row]:
        return self._jobs.call(lambda: self._writer.rows(after_id, through_id, at_most))

    def _release(self) -> None:
        """What the disk does not take is sent from memory."""
        with self._lock:
            self._state.release()
        self._listener()

    def _failed(self, error: SpoolError) -> None:
        self._writing.failed(f"kept in memory and sent from there until the disk is writable: {error}")
        self._release()

    def _post(self) -> None:
        with self._lock:
            if self._posted:
                return  # what waits for its turn takes this along
            self._posted = True
        self._jobs.post(self._sync)

    # In the disk thread.

    def _sync(self) -> None:
        """Brings the file up to date, as far as the disk takes it."""
        self._posted = False
        try:
            self._write_twice()
        except SpoolError as error:
            self._failed(error)
        except Exception:  # a bug costs this attempt, and no value
            log.exception("a bug in tcpwatchd; values are held in memory, please report it")
            self._release()

    def _write_twice(self) -> None:
        try:
            self._write()
        except DamagedError:
            self._write()  # into the file that has taken the damaged one's place

    def _write(self) -> None:
        known = self._writer.open()
        with self._lock:
            if known is not None:
                self._state.learn(known, self._writer.disk.damages)
            pending = self._state.pending()
        written = self._writer.write(pending)
        with self._lock:
            self._state.written(pending, written)
        self._writing.worked("written to the disk again")
        self._listener()


def _holds_something(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False
