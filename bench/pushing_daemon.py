"""One `tcpwatchd run`, and a trapper in this process that its pushes go to.

The CPU time of the daemon is read as each push arrives, so that what was spent and what was sampled belong
together.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Callable

from tcpwatchd.commands.trapper import Request, Trapper
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.metrics.metric import ValueType

from . import accounting
from .farm import REPOSITORY
from .resident import Resident

_SAMPLES, _COUNTER_SAMPLES = "tcpwatchd.self[samples]", "tcpwatchd.self[counter_samples]"
_AUDIT = "tcpwatchd.self[audit_difference]"


@dataclass(frozen=True)
class Push:
    """When a push arrived (by a steady clock), the CPU time of the daemon then, and what it brought.

    `values` are the latest of each item, as a server has them: one that has not changed is not sent again.
    """

    at_s: float
    cpu_s: float
    samples: int
    counter_samples: int
    audits: int
    values: Mapping[str, str]


class AnyItem(dict[str, ValueType]):
    """The items of the catalogue, and any other as text: those of services and namespaces are discovered."""

    def __contains__(self, key: object) -> bool:
        """Every key has an item."""
        return True

    def __missing__(self, key: str) -> ValueType:
        """The type that takes every value."""
        return ValueType.CHAR


class PushingDaemon:
    """It runs between `with` and its end; `told` is called with each push that brings samples."""

    def __init__(self, module: str, config: str, directory: Path, told: Callable[[Push], None]) -> None:
        """`module` is run by this interpreter; `config` is YAML without its server, host and spool."""
        self._module = module
        self._host = directory.name  # by which its pushes get their place in the interval
        self._config = config
        self._directory = directory
        self._told = told
        self._latest: dict[str, str] = {}
        self._ends = ExitStack()
        self.log = directory / "log"

    def __enter__(self) -> PushingDaemon:
        items = AnyItem({key: metric.value_type for key, metric in CATALOGUE.items()})
        self._trapper = self._ends.enter_context(Trapper(self._host, items, self._take))
        path = self._directory / "config.yaml"
        path.write_text(
            f'zabbix: {{servers: ["{self._trapper.address}"], host: {self._host}}}\n'
            f"spool: {{path: {self._directory}/spool.db}}\n{self._config}"
        )
        command = [sys.executable, "-m", self._module, "run", "-c", str(path)]
        self.resident = Resident(command, self.log, REPOSITORY)
        self._ends.callback(self.resident.end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._ends.close()

    @property
    def pid(self) -> int:
        """Of the daemon."""
        return self.resident.pid

    def memory(self) -> accounting.Memory:
        """Of the daemon, now."""
        return accounting.memory(self.pid)

    def _take(self, request: Request) -> None:
        cpu_s = accounting.process_cpu_s(self.pid)
        self._trapper.requests.clear()  # it keeps every request otherwise
        self._latest.update((value.key, value.text) for value in request.accepted)
        samples = [int(value.text) for value in request.accepted if value.key == _SAMPLES]
        if not samples:
            return  # a second request of the same push
        audits = sum(value.key == _AUDIT for value in request.accepted)
        counter_samples = int(self._latest.get(_COUNTER_SAMPLES, "0"))
        self._told(Push(time.monotonic(), cpu_s, sum(samples), counter_samples, audits, dict(self._latest)))
