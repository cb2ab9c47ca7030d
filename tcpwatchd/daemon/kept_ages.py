"""Keeps since when sockets are known over a restart of the daemon.

In the service's runtime directory, which is in memory and ends with the boot, as cookies and the clock do
that ages are told by. Source: RuntimeDirectory= and RuntimeDirectoryPreserve= in systemd.exec(5).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress

from tcpwatchd.diagnosis.ages import Ages
from tcpwatchd.spool.backlog import runtime_file, write_whole

log = logging.getLogger(__name__)

_NAME = "ages.json"


class KeptAges:
    """The file, if the environment names a directory for it."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._path = runtime_file(_NAME, environment)

    def load(self, ages: Ages) -> None:
        """Goes on with the ages that the daemon before has kept. They are used once."""
        if self._path is None:
            return
        try:
            text = self._path.read_text(encoding="ascii")
            self._path.unlink()
            ages.from_json(text)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.info("the ages of sockets begin anew: %s", error)

    def save(self, ages: Ages) -> None:
        """Keeps them for the next start. Where that fails, they begin anew then."""
        if self._path is not None:
            with suppress(OSError):
                write_whole(self._path, ages.to_json())
