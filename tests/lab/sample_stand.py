"""A sample loop that a test drives: a fake kernel, time that is moved by hand, a spool on a real disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tcpwatchd.config.config import Config, parse
from tcpwatchd.daemon.inspection_schedule import Inspector
from tcpwatchd.daemon.sampling import SampleLoop
from tcpwatchd.kernel.background import AtOnce, Background
from tcpwatchd.kernel.fast_path import FastPath
from tcpwatchd.kernel.sampler import Sampler
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import Walk
from tcpwatchd.model.window import Limit, Window
from tests.lab.disks import open_spool
from tests.lab.fakes import FakeTime, ListBackend, StillKernel, tally


class Stand:
    """One loop. With a `kernel` it samples the fast path, otherwise it gets its `answers`.

    `cost_s` is the CPU that a walk takes. Inspections are made at once, or by what `background` returns.
    Each push sends all values, unless `yaml` says something of what is unchanged.
    """

    def __init__(
        self,
        directory: Path,
        *answers: Walk | SampleError,
        yaml: str = "",
        kernel: StillKernel | None = None,
        closer: Inspector | None = None,
        background: Callable[[Clock], Background] = lambda clock: AtOnce(clock.thread_cpu_s),
    ) -> None:
        self.time = FakeTime()
        self.background = background(self.time.clock)
        self.config: Config = replace(parse(yaml, "test"), spool_path=directory / "spool.db")
        if "unchanged" not in yaml:
            self.config = replace(self.config, unchanged_s=None)
        self.spool = open_spool(self.config.spool_path, ("a",))
        self.backend = ListBackend(*(answers or (Walk(tally(established=3), tally(established=2)),)))
        self.cost_s = 0.0
        self.backend.walked = self._spend
        if kernel:
            kernel.walked = self._spend
        self.refused = 0
        self.counters: Mapping[str, int] = {}
        self.limits: Mapping[str, Limit] = {}
        self.count: Callable[[], Mapping[str, int]] = lambda: self.counters
        self.measure: Callable[[], Mapping[str, Limit]] = lambda: self.limits
        self.pushes: list[tuple[Window, tuple[Value, ...]]] = []
        self.loop = SampleLoop(
            self.config,
            Sampler(
                self.backend,
                self.time.clock,
                lambda: 7,
                FastPath(kernel) if kernel else None,
                background=self.background,
            ),
            self.spool,
            self.time.clock,
            lambda: self.refused,
            lambda window, values: self.pushes.append((window, values)),
            lambda: self.count(),  # noqa: PLW0108 - a test may put another one in its place
            lambda: self.measure(),  # noqa: PLW0108 - as above
            lambda _: closer,
        )

    def _spend(self) -> None:
        self.time.cpu_s += self.cost_s

    def steps(self, count: int, each_s: float = 1.0) -> None:
        """So many times `step`, whatever it asks for, and time goes on."""
        for _ in range(count):
            self.loop.step()
            self.time.pass_s(each_s)

    def texts(self, push: int = -1) -> dict[str, str]:
        """The values of a push by key."""
        return {value.key: value.text for value in self.pushes[push][1]}
