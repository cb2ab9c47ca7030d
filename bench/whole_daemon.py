"""The daemon as it is installed, for ten minutes: default intervals and budget, every inspection and audit.

Four of them run at the same time: with the default configuration and with every feature, as root and as
nobody. Each takes about a hundredth of a core, so that they do not hinder each other.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from . import accounting
from .as_nobody import NOBODY
from .bare_walk import INTERVAL_S, BareWalk
from .cpu_watch import Burst, CpuWatch
from .errors import ContenderError, last_line
from .plan import EVERY_FEATURE, EVERY_FEATURE_AS_NOBODY, PUSHES, SERVICES, WHOLE, WHOLE_AS_NOBODY
from .pushing_daemon import Push, PushingDaemon
from .whole_figures import Accounted

_TICKS = 60  # from push to push: each second by default
_LEAST_TICK_S = 0.1  # which is what a configuration may ask for
# A burst that ends within this part of the time from push to push of an audit belongs to it.
_NEAR = 1 / 20
_REST_PUSHES = 2
# The first push belongs to the pause, the second ends the first minute, the third what began at its end. The
# first search for holders comes within a few pushes, by what it cost on few sockets: a dozen at the most.
_FIRST, _LAST_FIRST = 3, 12
_HOLDERS = "tcpwatchd.culprits[close_wait]"
_INTERVALS = """\
intervals:
  sample: {sample_ms:.0f}ms
  push: {push_ms:.0f}ms
  limits: {culprits_ms:.0f}ms
  culprits: {culprits_ms:.0f}ms
sampler: {{audit: {audit_ms:.0f}ms}}
"""
_EVERY = f"""\
culprits: {{states: [close_wait, fin_wait2, syn_sent, established, close], threshold: 50}}
{SERVICES}\
  - {{name: ssh, local_ports: [22]}}
discover: listeners
namespaces: true
keys: {{dialect: tcp.status}}
"""


def tick_s(push_s: float) -> float:
    """The interval of samples that goes with this interval of pushes."""
    return max(_LEAST_TICK_S, push_s / _TICKS)


class WholeDaemon:
    """One of the four; it is paused outside of `rest` and `run`."""

    def __init__(self, name: str, directory: Path, push_s: float) -> None:
        self.name = name
        self.pushes: list[Push] = []
        self.first = 0  # of them that is accounted
        nobody = name in (WHOLE_AS_NOBODY, EVERY_FEATURE_AS_NOBODY)
        features = _EVERY if name in (EVERY_FEATURE, EVERY_FEATURE_AS_NOBODY) else ""
        if nobody:
            os.chown(directory, NOBODY, NOBODY)
        intervals = _INTERVALS.format(
            sample_ms=tick_s(push_s) * 1000,
            push_ms=push_s * 1000,
            culprits_ms=max(1.0, push_s) * 1000,  # no less is allowed
            audit_ms=5 * push_s * 1000,
        )
        module = "bench.as_nobody" if nobody else "tcpwatchd"
        self.daemon = PushingDaemon(module, intervals + features, directory, self.pushes.append)
        self.rest: accounting.Memory


class WholeDaemons:
    """All four, between `with` and its end."""

    def __init__(self, own: Callable[[str], Path], whole_s: float) -> None:
        """`own` makes a directory; `whole_s` is the time that is accounted."""
        self._push_s = whole_s / PUSHES
        self._walk = BareWalk(own("walk") / "log", INTERVAL_S * self._push_s / _TICKS)
        names = (WHOLE, WHOLE_AS_NOBODY, EVERY_FEATURE, EVERY_FEATURE_AS_NOBODY)
        self._all = [WholeDaemon(name, own(f"whole-{nth}"), self._push_s) for nth, name in enumerate(names)]
        self._ends = ExitStack()

    def __enter__(self) -> WholeDaemons:
        with self._ends as ends:
            for one in self._all:
                ends.enter_context(one.daemon)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ends.close()

    def rest(self) -> None:
        """They run on the few sockets that are there, until all that is done at pushes was done; then they
        are weighed.
        """
        self._wait_for_pushes(_REST_PUSHES)
        time.sleep(self._push_s / 2)  # what is inspected with the last push
        for one in self._all:
            one.rest = one.daemon.memory()
            one.daemon.resident.pause()

    def run(self, sockets: int) -> list[Accounted]:
        """They run for the time that is accounted, after a first one that is not: until each inspection was
        made once at this size. The search for holders takes seconds, and then is due again after hours.
        """
        with ExitStack() as awake:
            for one in self._all:
                one.pushes.clear()
                awake.enter_context(one.daemon.resident.awake())
            self._wait_for_pushes(_FIRST)
            self._wait_for_holders()
            for one in self._all:
                one.first = len(one.pushes)
            pids = [one.daemon.pid for one in self._all]
            with CpuWatch(pids, tick_s(self._push_s)) as watch, self._walk:
                self._wait_for_pushes(PUSHES, counted=True)
            memory = [one.daemon.memory() for one in self._all]
        return [
            self._account(one, sockets, watch.bursts[nth], watch.spent_s[nth], memory[nth])
            for nth, one in enumerate(self._all)
        ]

    def _account(
        self,
        one: WholeDaemon,
        sockets: int,
        bursts: Sequence[Burst],
        spent_s: Sequence[float],
        memory: accounting.Memory,
    ) -> Accounted:
        pushes = one.pushes[one.first - 1 : one.first + PUSHES]
        first, last = pushes[0], pushes[-1]
        audits = [push.at_s for push in one.pushes if push.audits]
        near_s = _NEAR * self._push_s
        others = [
            burst.cpu_s for burst in bursts if not any(abs(burst.end_s - at_s) < near_s for at_s in audits)
        ]
        return Accounted(
            who=one.name,
            sockets=sockets,
            elapsed_s=last.at_s - first.at_s,
            push_s=self._push_s,
            tick_s=tick_s(self._push_s),
            cpu_s=last.cpu_s - first.cpu_s,
            samples=sum(push.samples for push in pushes[1:]),
            counter_samples=sum(push.counter_samples for push in pushes[1:]),
            audits=sum(push.audits for push in pushes[1:]),
            longest_burst_s=max(others, default=0.0),
            longest_walk_s=self._walk.longest_s,
            rest=one.rest,
            memory=memory,
            spent_s=tuple(spent_s),
        )

    def _wait_for_holders(self) -> None:
        """Until each has told who holds sockets: the search at this size is over."""

        def told(push: Push) -> bool:
            return _HOLDERS in push.values and not push.values[_HOLDERS].startswith("fewer than")

        for pushes in range(_FIRST, _LAST_FIRST):
            if all(any(map(told, one.pushes)) for one in self._all):
                return
            self._wait_for_pushes(pushes + 1)

    def _wait_for_pushes(self, number: int, counted: bool = False) -> None:
        """Until each has pushed so often, `counted` from the first that is accounted; ContenderError where
        one does not.
        """
        deadline = time.monotonic() + (number + 2) * self._push_s + 30
        for one in self._all:
            wanted = number + (one.first if counted else 0)
            while len(one.pushes) < wanted:
                if time.monotonic() > deadline:
                    pushes = f"{len(one.pushes)} pushes of {wanted}"
                    raise ContenderError(f"{one.name}: {pushes}: {last_line(one.daemon.log)}")
                time.sleep(0.05)
