"""Sends the state of the service to systemd. Does nothing without NOTIFY_SOCKET.

Sources: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends states such as `READY=1` or `STATUS=…` to the socket that the environment names.

    `watchdog_s`: how long a WATCHDOG=1 lasts before the service is taken for dead; endless where none is
    asked for.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        # "@" stands for the null byte of an abstract socket's name.
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self.watchdog_s = _watchdog_s(environment)

    def tell(self, *states: str) -> None:
        """One datagram with these assignments. A manager that does not listen is no fault of ours."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
                connection.setblocking(False)
                connection.sendto("\n".join(states).encode(), self._address)
        except OSError:
            return


def _watchdog_s(environment: Mapping[str, str]) -> float:
    asked, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    meant = not pid or pid == str(os.getpid())
    return int(asked) / 1e6 if meant and asked.isdigit() and int(asked) else math.inf
