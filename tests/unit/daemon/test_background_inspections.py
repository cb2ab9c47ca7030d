"""Inspections beside the sample loop: none holds up a sample, and what is late comes with the push after."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tcpwatchd.diagnosis.services import Service
from tcpwatchd.kernel.background import BackgroundThread
from tcpwatchd.model.sockets import State, Tally, Walk
from tcpwatchd.model.window import Namespace, Ports
from tests.lab.fakes import NoneIsOld, tally
from tests.lab.sample_stand import Stand

YAML = """\
intervals: {sample: 1s, push: 10s, culprits: 10s}
services: [{name: web, local_ports: [80]}]
namespaces: true
culprits: {threshold: 1}
"""
BROUGHT = {
    "tcpwatchd.ports[used]",
    "tcpwatchd.service[web,established]",
    "tcpwatchd.namespace[c1,established]",
    "tcpwatchd.culprits[close_wait]",
}


class SlowInspector(NoneIsOld):
    """Answers when it may; `asked` counts the inspections that began."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked = 0

    def _wait(self) -> None:
        self.asked += 1
        assert self.may_answer.wait(30), "nobody let it answer"

    def ports(self, _connections: int) -> Ports:
        self._wait()
        return Ports("192.0.2.7:80", "192.0.2.1", 3, 100)

    def culprits(
        self, states: Collection[State], _now_s: float, _totals: Mapping[State, int]
    ) -> Mapping[State, str]:
        self._wait()
        return dict.fromkeys(states, "java[1] 60")

    def forget(self, state: State) -> None:
        """Remembers nothing."""

    def services(
        self, configured: Sequence[Service], discover: bool, _connections: int
    ) -> Mapping[str, Tally]:
        self._wait()
        return {service.name: Tally() for service in configured if not discover}

    def namespaces(self) -> Mapping[str, Namespace]:
        self._wait()
        return {"c1": Namespace(1, 2, 3, 4)}


class Host(Stand):
    """A sample loop with inspections in a thread."""

    def __init__(self, directory: Path) -> None:
        self.inspector = SlowInspector()
        super().__init__(
            directory,
            Walk(tally(established=3, close_wait=60), Tally()),
            yaml=YAML,
            closer=self.inspector,
            background=lambda clock: BackgroundThread(clock.thread_cpu_s),
        )

    def wait_for_inspections(self) -> None:
        """Until all that has begun so far has ended."""
        self.background.start(lambda: None).wait()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    host.inspector.may_answer.set()
    host.wait_for_inspections()
    host.spool.close()


def brought(host: Host) -> set[str]:
    return BROUGHT & host.texts().keys()


def test_inspections_that_take_for_ever_cost_no_sample_and_no_push(host: Host) -> None:
    host.steps(101)
    assert [window.samples for window, _ in host.pushes] == [1] + [10] * 10
    assert {window.missed + window.dropped for window, _ in host.pushes} == {0}
    assert brought(host) == set()
    assert host.inspector.asked == 1  # and none is begun beside it


def test_what_was_found_too_late_comes_with_the_push_after(host: Host) -> None:
    host.steps(11)
    assert brought(host) == set()
    host.inspector.may_answer.set()
    host.wait_for_inspections()
    host.steps(10)
    assert brought(host) == BROUGHT


def test_what_is_found_in_time_comes_with_its_push(host: Host) -> None:
    host.inspector.may_answer.set()
    host.steps(9)
    host.wait_for_inspections()
    assert host.inspector.asked == 1 + 4, "for the ports at the start, then one of each, before the push"
    host.steps(2)
    assert brought(host) == BROUGHT
    assert host.inspector.asked == 1 + 4


def test_holders_found_while_the_sockets_became_few_are_not_told(host: Host) -> None:
    host.inspector.may_answer.set()
    host.steps(9)
    host.wait_for_inspections()
    host.backend.answers = [Walk(tally(established=3), Tally())]
    host.steps(2)
    assert host.texts()["tcpwatchd.culprits[close_wait]"] == "fewer than 1"


@pytest.mark.parametrize(
    ("sample", "push", "each_s"), [("10s", "60s", 10), ("1s", "1s", 1), ("500ms", "1s", 0.5)]
)
def test_whatever_the_intervals_inspections_come_with_each_push_from_the_second_on(
    sample_stand: Callable[..., Stand], sample: str, push: str, each_s: float
) -> None:
    inspector = SlowInspector()
    inspector.may_answer.set()
    yaml = f"intervals: {{sample: {sample}, push: {push}}}"
    it = sample_stand(yaml=yaml, closer=inspector)
    it.steps(31, each_s)
    told = ["tcpwatchd.ports[used]" in it.texts(push) for push in range(len(it.pushes))]
    assert told == [False] + [True] * (len(it.pushes) - 1)
    assert len(told) >= 5
