"""Logs what begins to fail in sampling, and what works again."""

from __future__ import annotations

import logging

from tcpwatchd.config.config import Config
from tcpwatchd.model.schedule import Budget
from tcpwatchd.model.sockets import Snapshot
from tcpwatchd.model.transition_log import TransitionLog
from tcpwatchd.model.units import format_duration

log = logging.getLogger(__name__)


class SampleReport:
    """One line for each change, not for each sample."""

    def __init__(self) -> None:
        self._sampling = TransitionLog(log, "sampling")
        self._close = TransitionLog(log, "state close")
        self._fast_path = TransitionLog(log, "the fast path")
        self._budget = TransitionLog(log, "the budget")

    def dropped(self, error: Exception, expected: bool) -> None:
        """A sample was dropped because of an error; an unexpected one is logged with its traceback."""
        if expected:
            self._sampling.failed(str(error))
        else:
            reason = f"a bug in tcpwatchd ({type(error).__name__}); this sample is dropped"
            self._sampling.failed(reason, "please report it", error)

    def sampled(self, snapshot: Snapshot) -> None:
        """A sample was taken."""
        self._sampling.worked()
        if snapshot.unconnected is None:
            self._close.failed(
                "cannot be counted here and is not sent",
                "all processes of the host must be visible: not in a container, no hidepid on /proc",
            )
        else:
            self._close.worked("can be counted again")

    def fast_path(self, distrust: str) -> None:
        """`distrust` says why the kernel's counters are not used; empty where they are."""
        if distrust:
            self._fast_path.failed(
                f"{distrust}; from now on all sockets are read, which costs more",
                "please report it with `uname -r`; it is used again when audits have agreed for a day",
            )
        else:
            self._fast_path.worked("audits have agreed for a day; the counters are used again")

    def budget(self, budget: Budget, config: Config) -> None:
        """How often samples are taken to keep to the budget."""
        if budget.stride == 1 and budget.kept:
            self._budget.worked(f"a sample every {format_duration(config.sample_s)} is within it again")
            return
        interval = format_duration(budget.stride * config.sample_s)
        taken = f"one every {interval} is taken, to keep {config.cpu_percent:g}%"
        if not budget.kept:
            taken = "one a push is taken, and even that costs more"
        self._budget.failed(
            f"a sample every {format_duration(config.sample_s)} costs more; {taken}",
            "budget.cpu_percent allows more; `tcpwatchd explain 'tcpwatchd.self[sample_cpu]'`",
        )
