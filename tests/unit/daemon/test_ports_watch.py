"""Ports that run out between two pushes: told at once, and asked for only where they may have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import pytest

from tcpwatchd.daemon.ports_watch import PortsWatch
from tcpwatchd.daemon.urgent import Urgent
from tcpwatchd.diagnosis.services import Service
from tcpwatchd.kernel.background import AtOnce
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import Reading, Snapshot, State, Tally, Walk
from tcpwatchd.model.window import Findings, Namespace, Ports
from tests.lab.fakes import FakeTime, NoneIsOld, tally
from tests.lab.sample_stand import Stand

USABLE = 1000


def destination(used: int) -> Ports:
    return Ports("192.0.2.7:80", "192.0.2.1", used, USABLE)


class Kernel(NoneIsOld):
    """All connections go to one destination, or none if `elsewhere`."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.elsewhere = False

    def ports(self, connections: int) -> Ports:
        self.asked.append(connections)
        return destination(0 if self.elsewhere else connections)

    def culprits(
        self, states: Collection[State], _now_s: float, _totals: Mapping[State, int]
    ) -> Mapping[State, str]:
        return dict.fromkeys(states, "java[1] 1")

    def forget(self, state: State) -> None:
        pass

    def services(
        self, _configured: Sequence[Service], _discover: bool, _connections: int
    ) -> Mapping[str, Tally]:
        return {}

    def namespaces(self) -> Mapping[str, Namespace]:
        return {}


@pytest.fixture
def host(sample_stand: Callable[..., Stand]) -> Callable[..., Stand]:
    """With so many ESTABLISHED sockets at each second, the last number from then on."""

    def make(kernel: Kernel, *sockets: int) -> Stand:
        return sample_stand(*(Walk(tally(established=one), Tally()) for one in sockets), closer=kernel)

    return make


def urgent_keys(it: Stand) -> list[str]:
    batch = it.spool.peek("a", 100_000)
    assert batch is not None
    pushed = {values[0].stamp for _, values in it.pushes}
    return [f"{value.key} {value.text}" for value in batch.values if value.stamp not in pushed]


def test_ports_that_run_out_are_told_within_seconds_and_once(host: Callable[..., Stand]) -> None:
    kernel = Kernel()
    it = host(kernel, *[100] * 20, *[900])
    it.steps(58)
    assert urgent_keys(it) == [
        "tcpwatchd.ports[destination] 192.0.2.7:80 from 192.0.2.1 (900 of 1000 ports, running out)",
        "tcpwatchd.ports[busiest] 90",
        "tcpwatchd.ports[used] 900",
    ]
    assert kernel.asked == [100, 900], "behind the first push, and when so many were added"
    it.steps(200)
    assert len(urgent_keys(it)) == 3, "it goes on, and is not told again"


def test_what_a_push_has_told_is_not_urgent(host: Callable[..., Stand]) -> None:
    it = host(Kernel(), 100)
    it.steps(1)
    (window, _values) = it.pushes[0]
    near = replace(window, found=Findings(destination(900)))
    clock = it.time.clock
    urgent = Urgent(dict, dict, PortsWatch(None, AtOnce(clock.thread_cpu_s)), clock)
    urgent.configure(5.0)
    urgent.pushed({}, window)
    assert urgent.look((), window.latest, 1.0) is None
    urgent.pushed({}, near)
    assert urgent.look((), window.latest, 2.0) is None
    urgent.pushed({}, replace(window, found=Findings(destination(10))))
    assert urgent.look((), window.latest, 3.0) is None


def test_many_connections_that_do_not_grow_are_asked_for_at_pushes_alone(host: Callable[..., Stand]) -> None:
    """Half a million clients of a server: none of them uses a port of ours."""
    kernel = Kernel()
    kernel.elsewhere = True
    it = host(kernel, 500_000)
    it.steps(290)
    assert len(kernel.asked) == len(it.pushes), "with each push but the first, and once behind that"


def snapshot(sockets: int) -> Snapshot:
    walk = Walk(tally(established=sockets), Tally())
    return Snapshot(Stamp(0, 0), 0.0, "netlink", Reading.of(walk), 0)


@pytest.mark.parametrize(("cost_s", "questions"), [(0.0, 30), (0.01, 3), (1.0, 1)])
def test_it_takes_a_twentieth_of_the_budget_at_most(cost_s: float, questions: int) -> None:
    """A minute in which each second brings enough new connections, to other destinations."""
    time, asked = FakeTime(), [0]

    def ask(_connections: int) -> Ports:
        asked[0] += 1
        time.cpu_s += cost_s
        return destination(10)

    watch = PortsWatch(ask, AtOnce(time.clock.thread_cpu_s))
    watch.told(destination(10), snapshot(0))
    for second in range(60):
        watch.look(snapshot(1000 * second), float(second))
    assert asked[0] in (questions, questions - 1)
    assert watch.take_spent_share() == pytest.approx(asked[0] * cost_s / 60)
    assert watch.take_spent_share() == 0


def test_a_first_question_that_fails_is_not_put_again() -> None:
    time, asked = FakeTime(), [0]

    def ask(_connections: int) -> Ports:
        asked[0] += 1
        raise SampleError("cannot dump", "a reason")

    watch = PortsWatch(ask, AtOnce(time.clock.thread_cpu_s))
    assert [watch.look(snapshot(5000), float(second)) for second in range(9)] == [None] * 9
    assert asked[0] == 1


def test_a_question_that_fails_leaves_what_is_known() -> None:
    time = FakeTime()

    def ask(_connections: int) -> Ports:
        raise SampleError("cannot dump", "a reason")

    watch = PortsWatch(ask, AtOnce(time.clock.thread_cpu_s))
    watch.told(destination(10), snapshot(0))
    assert [watch.look(snapshot(5000), float(second)) for second in range(9)] == [destination(10)] * 9
