"""Tells systemd's watchdog that the daemon moves on. Source: sd_watchdog_enabled(3)."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

from tcpwatchd.daemon.notify import Notifier
from tcpwatchd.delivery.shipping import ShipLoop
from tcpwatchd.model.transition_log import TransitionLog

log = logging.getLogger(__name__)

# Of the time that the watchdog allows, how much passes at most until it is told again.
_SHARE = 1 / 3


class Watchdog:
    """Called by the main loop. systemd ends a daemon that hangs; the spool keeps all values."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._delivery = TransitionLog(log, "the watchdog")

    @property
    def interval_s(self) -> float:
        """The longest time between two calls, in seconds; infinite without a watchdog."""
        return self._notifier.watchdog_s * _SHARE

    def tell(self, ships: Mapping[str, ShipLoop], now_s: float) -> None:
        """Tells systemd that the daemon is alive, unless a delivery hangs: it takes longer than all its time
        limits together.
        """
        if math.isinf(self._notifier.watchdog_s):
            return
        hanging = [name for name, ship in ships.items() if ship.hangs(now_s)]
        if hanging:
            self._delivery.failed(
                f"delivery to {', '.join(hanging)} hangs", "the watchdog restarts the daemon"
            )
        else:
            self._delivery.worked("delivery moves on")
            self._notifier.tell("WATCHDOG=1")
