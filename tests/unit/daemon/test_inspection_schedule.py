"""When closer looks are taken: whose states are many enough, how often, and within which cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from tcpwatchd.config.config import parse
from tcpwatchd.daemon.inspection_schedule import InspectionSchedule
from tcpwatchd.diagnosis.culprits import UNTOLD, few
from tcpwatchd.diagnosis.services import Service
from tcpwatchd.kernel.background import AtOnce
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import Reading, Snapshot, State, Tally, Walk
from tcpwatchd.model.window import Findings, Namespace, Ports
from tests.lab.fakes import FakeTime, NoneIsOld, tally, walk

PORTS = Ports("192.0.2.7:80", "192.0.2.1", 3, 9)


@dataclass
class Kernel(NoneIsOld):
    """Answers every look, and takes `cost_s` for it."""

    time: FakeTime
    cost_s: float = 0.0
    broken: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        self.time.cpu_s += self.cost_s
        if self.broken:
            raise self.broken

    def ports(self, _connections: int) -> Ports:
        self._ask("ports")
        return PORTS

    def culprits(
        self, states: Collection[State], now_s: float, _totals: Mapping[State, int]
    ) -> Mapping[State, str]:
        self._ask("+".join(state.parameter for state in states))
        return dict.fromkeys(states, f"java[1] at {now_s:g}")

    def forget(self, state: State) -> None:
        self.asked.append(f"forget {state.parameter}")

    def services(
        self, configured: Sequence[Service], discover: bool, _connections: int
    ) -> Mapping[str, Tally]:
        self._ask("services")
        names = [service.name for service in configured] + ["22"] * discover
        return dict.fromkeys(names, Tally())

    def namespaces(self) -> Mapping[str, Namespace]:
        self._ask("namespaces")
        return {"c1": Namespace(1, 2, 3, 4)}


def seen(time: FakeTime, unconnected: int | None = 0, **sockets: int) -> Snapshot:
    return Snapshot(
        Stamp(1, 1),
        time.steady_s,
        "list",
        Reading.of(walk(orphaned=9) + Walk(tally(**sockets), Tally(), 0)),
        unconnected,
    )


class Host:
    """Looks at a kernel, a push a minute."""

    def __init__(self, yaml: str = "", cost_s: float = 0.0) -> None:
        self.time = FakeTime()
        self.kernel = Kernel(self.time, cost_s)
        self.looks = InspectionSchedule(
            self.kernel, parse(yaml, "test"), AtOnce(self.time.clock.thread_cpu_s)
        )

    def push(self, unconnected: int | None = 0, **sockets: int) -> Findings:
        self.time.pass_s(60)
        snapshot = seen(self.time, unconnected, **sockets)
        self.looks.begin(snapshot)
        return self.looks.take(snapshot)

    def asked(self) -> list[str]:
        asked, self.kernel.asked = self.kernel.asked, []
        return [what for what in asked if not what.startswith("forget")]


def test_below_the_threshold_nobody_is_asked_and_above_it_each_minute() -> None:
    host = Host()
    assert host.push(close_wait=49).culprits[State.CLOSE_WAIT] == few(50)
    assert host.asked() == ["ports"]
    assert host.push(close_wait=50).culprits[State.CLOSE_WAIT] == "java[1] at 1120"
    assert host.push(close_wait=50).culprits[State.CLOSE_WAIT] == "java[1] at 1180"
    assert host.asked() == ["close_wait", "ports"] * 2
    host.push(close_wait=0)
    host.push(close_wait=50)
    assert [one for one in host.kernel.asked if "close_wait" in one] == ["forget close_wait", "close_wait"]


def test_of_fin_wait2_those_that_are_held_count_and_of_close_those_in_no_table() -> None:
    host = Host()
    host.push(fin_wait2=58, unconnected=49)
    assert host.asked() == ["ports"]
    host.push(fin_wait2=59, unconnected=50)
    assert host.asked() == ["fin_wait2+close", "ports"]
    assert State.CLOSE not in host.push(unconnected=None).culprits


def test_the_configuration_says_which_states_from_when_and_how_often() -> None:
    host = Host("culprits: {states: [established], threshold: 5}\nintervals: {culprits: 3m}")
    told = [host.push(established=5, close_wait=500).culprits for _ in range(6)]
    assert [set(one) for one in told] == [{State.ESTABLISHED}, set(), set()] * 2


def test_services_are_asked_for_where_there_are_any() -> None:
    host = Host("services: [{name: web, local_ports: [80]}]")
    assert host.push().services == {"web": Tally()}
    assert host.asked() == ["services", "ports"]
    host.looks.configure(parse("discover: listeners", "test"))
    assert host.push().services == {"22": Tally()}
    assert host.asked() == ["services", "ports"]
    host.looks.configure(parse("", "test"))
    host.push()
    assert host.asked() == ["ports"]


def test_namespaces_are_off_until_they_are_wanted() -> None:
    host = Host("namespaces: true")
    assert host.push().namespaces == {"c1": Namespace(1, 2, 3, 4)}
    host.looks.configure(parse("", "test"))
    assert host.push().namespaces == {}


@pytest.mark.parametrize(("cost_s", "every"), [(0.01, 1), (0.03, 1), (0.035, 2), (0.3, 10)])
def test_each_kind_takes_a_twentieth_of_the_budget_at_most(cost_s: float, every: int) -> None:
    host = Host("budget: {cpu_percent: 1}", cost_s)
    looked = [bool(host.push().ports) for _ in range(1 + 3 * every)]
    assert [place for place, did in enumerate(looked) if did] == [0, every, 2 * every, 3 * every]
    assert host.looks.spent_share == pytest.approx(cost_s / (60 * every))
    assert host.looks.spent_share <= 0.0005 + 1e-9


def test_services_take_a_tenth_of_the_budget() -> None:
    host = Host("{budget: {cpu_percent: 1}, discover: listeners}", 0.06)
    pushes = [host.push() for _ in range(5)]
    assert [bool(push.services) for push in pushes] == [True] * 5
    assert [bool(push.ports) for push in pushes] == [True, False] * 2 + [True]


@pytest.mark.parametrize(("cost_s", "waits"), [(0.009, False), (0.011, True)])
def test_an_inspection_that_costs_much_is_not_done_at_a_push_with_an_audit(
    cost_s: float, waits: bool
) -> None:
    host = Host(cost_s=cost_s)
    host.push(close_wait=60)
    host.asked()
    host.time.pass_s(60)
    host.looks.begin(seen(host.time, close_wait=60), audit_comes=True)
    host.looks.take(seen(host.time, close_wait=60))
    assert host.asked() == ([] if waits else ["close_wait", "ports"])
    host.push(close_wait=60)
    assert host.asked() == ["close_wait", "ports"]


def test_what_became_many_is_looked_at_at_once_however_long_it_was_few() -> None:
    host = Host(cost_s=0.6)
    host.push(close_wait=60)
    for _ in range(50):
        host.push()
    host.asked()
    host.push(close_wait=60)
    assert "close_wait" in host.asked()


@pytest.mark.parametrize("error", [SampleError("broken", "for a test"), OSError(24, "no descriptor is free")])
def test_a_look_that_fails_finds_nothing_and_is_tried_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host()
    host.kernel.broken = error
    for _ in range(3):
        found = host.push(close_wait=50)
        assert found.ports is None
        assert State.CLOSE_WAIT not in found.culprits
    # Each kind says so once.
    assert caplog.text.count("WARNING") == 2
    host.kernel.broken = None
    assert host.push(close_wait=50).ports == PORTS


def test_without_netlink_it_is_said_that_nobody_can_tell() -> None:
    time = FakeTime()
    looks = InspectionSchedule(None, parse("", "test"), AtOnce(time.clock.thread_cpu_s))
    looks.begin(seen(time, close_wait=500))
    found = looks.take(seen(time, close_wait=500))
    assert found.ports is None
    assert set(found.culprits.values()) == {UNTOLD}


def test_without_a_sample_nothing_is_looked_for() -> None:
    host = Host("services: [{name: web, local_ports: [80]}]")
    host.looks.begin(None)
    assert host.looks.take(None) == Findings()
    assert host.asked() == []
