"""Reports how full the spool is, and logs when values are discarded."""

from __future__ import annotations

import logging

from tcpwatchd.model.backlog_level import Level, Lost, oldest_age_s
from tcpwatchd.model.transition_log import TransitionLog
from tcpwatchd.spool.spool import Spool

log = logging.getLogger(__name__)


class Retention:
    """To be asked at each push."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._bounding = TransitionLog(log, "values")

    def level(self, now_clock: int) -> Level:
        """How much waits at this moment, `now_clock` in Unix seconds."""
        backlog = self._spool.backlog()
        return Level(
            values=max(waiting.values for waiting in backlog),
            age_s=oldest_age_s(backlog, now_clock),
            size_bytes=self._spool.size_bytes(),
            refused_keys=len({key for waiting in backlog for key in waiting.aside}),
            in_memory=self._spool.in_memory(),
            disk_hangs_s=round(self._spool.hangs_s()),
            set_aside=sum(sum(waiting.aside.values()) + waiting.doubted for waiting in backlog),
        )

    def take_lost(self) -> Lost:
        """What was given up since this was last asked."""
        lost = self._spool.take_lost()
        if lost:
            causes = ", ".join(f"{count} {cause}" for cause, count in vars(lost).items() if count)
            self._bounding.failed(f"the oldest are discarded ({causes})", "`tcpwatchd backlog` shows why")
        else:
            self._bounding.worked("no more are discarded")
        return lost
