"""Keeps since when sockets are known over a restart of the daemon.

In the service's runtime directory, which is in memory and ends with the boot, as cookies and the clock do
that ages are told by. Source: RuntimeDirectory= and RuntimeDirectoryPreserve= in systemd.exec(5).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tcpwatchd.diagnosis.ages import Ages

log = logging.getLogger(__name__)

_NAME = "ages.json"


class KeptAges:
    """The file, if the environment names a directory for it."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        directory = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        self._path = Path(directory) / _NAME if directory else None

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
                made = self._path.with_suffix(".new")
                made.write_text(ages.to_json(), encoding="ascii")
                made.replace(self._path)
