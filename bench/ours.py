"""The contender that all others are held against: `tcpwatchd run`, the real daemon.

Its pushes go to a trapper in this process, which reads the CPU time of the daemon as each arrives. From one
push to another, the samples are those that the daemon counts (tcpwatchd.self[samples]), and the CPU is
everything it did meanwhile: sampling, and a push for every twenty samples, where by default it is one for
sixty. The budget is wide open: what is looked for here is the price of a sample. What else a daemon does,
such as a search for who holds sockets, is measured with the whole daemon.
"""

from __future__ import annotations

import os
import queue
import time
from pathlib import Path

from tcpwatchd.kernel.sampler import FAST, FULL

from . import accounting
from .as_nobody import NOBODY
from .contender import Contender, Reading
from .errors import ContenderError, last_line
from .plan import AS_NOBODY, OURS, OURS_IN_FULL, Mix
from .pushing_daemon import Push, PushingDaemon

SAMPLE_S = 0.1
_PATIENCE_S = 60.0
_WHOLE = 0.9  # of the time from push to push, or it was not one of the daemon's own pace
_ANSWER_S = 0.2  # what it takes the daemon, amply, to note that a push was accepted
_CONFIG = """\
intervals: {{sample: {sample_ms:.0f}ms, push: {push_ms:.0f}ms}}
sampler: {{mode: {mode}}}
budget: {{cpu_percent: 100}}
culprits: {{threshold: 1000000}}
"""


class Ours(Contender):
    """One daemon for all sizes: what it holds in memory must not depend on them."""

    name = OURS
    packages = ()
    programs = ()
    module = "tcpwatchd"
    mode = FAST

    def __init__(self, directory: Path, turn_s: float) -> None:
        """It pushes every `turn_s`."""
        super().__init__(directory)
        self._turn_s = turn_s

    def start(self) -> None:
        """It runs, and has pushed once."""
        self._pushes: queue.SimpleQueue[Push] = queue.SimpleQueue()
        config = _CONFIG.format(sample_ms=SAMPLE_S * 1000, push_ms=self._turn_s * 1000, mode=self.mode)
        self._daemon = PushingDaemon(self.module, config, self.directory, self._pushes.put)
        self.ends.enter_context(self._daemon)
        self._next()
        time.sleep(_ANSWER_S)
        self._daemon.resident.pause()

    def turn(self) -> Reading:
        """All that it does from one push to the next."""
        while not self._pushes.empty():
            self._pushes.get()  # came when the last turn was over
        with self._daemon.resident.awake():
            first, last = self._next(), self._next()
            # The push that was due during the pause comes late, and so may be too near to the one behind it.
            while last.at_s - first.at_s < _WHOLE * self._turn_s:
                first, last = last, self._next()
            time.sleep(_ANSWER_S)
        if not last.samples:
            raise ContenderError(f"it took no sample: {last_line(self._daemon.log)}")
        spent_s = last.cpu_s - first.cpu_s
        states = ("established", "close_wait", "fin_wait2")
        seen = Mix(*(int(last.values.get(f"tcpwatchd.sockets[{state}]", 0)) for state in states))
        return Reading(spent_s / last.samples, last.samples, self.memory().peak_bytes, seen)

    def memory(self) -> accounting.Memory:
        """Of the daemon, now."""
        return self._daemon.memory()

    def _next(self) -> Push:
        try:
            return self._pushes.get(timeout=_PATIENCE_S)
        except queue.Empty:
            raise ContenderError(f"no push in {_PATIENCE_S:g} s: {last_line(self._daemon.log)}") from None


class OursInFull(Ours):
    """The same, but it reads every socket each time: what an audit costs."""

    name = OURS_IN_FULL
    mode = FULL


class OursAsNobody(Ours):
    """The same by a user without any privilege."""

    name = AS_NOBODY
    module = "bench.as_nobody"

    def __init__(self, directory: Path, turn_s: float) -> None:
        super().__init__(directory, turn_s)
        os.chown(directory, NOBODY, NOBODY)
