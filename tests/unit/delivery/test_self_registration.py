"""Registering: at the start, while everything is refused, not more often than an agent, and never for a
question.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tcpwatchd.delivery.self_registration import SelfRegistration
from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome, Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.zabbix.active_checks import Registered
from tests.lab.fakes import FakeTime

AWAY = Deferred("node", "is away", "wait")
BATCH = Batch("web-01", (Value("a", "1", Stamp(1, 1)), Value("b", "2", Stamp(1, 1))), 2)


@dataclass
class Zabbix:
    """A server that knows the host or not, and may be away. It has no action: being told changes nothing."""

    known: bool = False
    away: bool = False
    did: list[str] = field(default_factory=list)

    def deliver(self, batch: Batch) -> Outcome:
        self.did.append("deliver")
        taken = len(batch.values) if self.known else 0
        return AWAY if self.away else Delivered("node", taken, len(batch.values) - taken)

    def register(self) -> Registered | Deferred:
        self.did.append("register")
        return AWAY if self.away else Registered("node", self.known, "host [web-01] not found")

    def took(self) -> list[str]:
        did, self.did = self.did, []
        return did


@dataclass
class Host:
    zabbix: Zabbix
    time: FakeTime = field(default_factory=FakeTime)

    def __post_init__(self) -> None:
        zabbix = self.zabbix
        self.it = SelfRegistration(
            zabbix.deliver, zabbix.register, "zbx", "tcpwatchd linux", self.time.clock, lambda: 0.0
        )

    def push(self, after_s: float = 0.0, batch: Batch = BATCH) -> list[str]:
        self.time.pass_s(after_s)
        self.it.deliver(batch)
        return self.zabbix.took()


def test_a_known_host_is_told_once_at_the_start() -> None:
    host = Host(Zabbix(known=True))
    assert host.push() == ["register", "deliver"]
    assert [host.push(60) for _ in range(100)] == [["deliver"]] * 100


def test_an_unknown_host_is_told_again_as_often_as_an_agent_does(caplog: pytest.LogCaptureFixture) -> None:
    host = Host(Zabbix())
    with caplog.at_level("INFO"):
        did = [host.push(1) for _ in range(600)]
    assert did[0] == ["register", "deliver"]
    assert did.count(["register", "deliver"]) == 5, "in ten minutes: at the start, and each two"
    assert caplog.messages[0] == (
        "zbx: does not know host web-01 (host [web-01] not found); it was told of it, with metadata "
        "tcpwatchd linux"
    )
    host.zabbix.known = True
    assert [host.push(60) for _ in range(10)].count(["deliver"]) >= 9


def test_a_host_that_was_deleted_is_told_again() -> None:
    host = Host(Zabbix(known=True))
    host.push()
    host.zabbix.known = False
    assert host.push(300) == ["deliver"]
    assert host.push(1) == ["register", "deliver"]


def test_a_single_key_that_is_refused_says_nothing_of_the_host() -> None:
    host = Host(Zabbix(known=True))
    host.push()
    host.zabbix.known = False
    alone = Batch(BATCH.host, BATCH.values[:1], 1)
    assert [host.push(300, alone) for _ in range(5)] == [["deliver"]] * 5


def test_a_server_that_was_away_at_the_start_is_told_when_it_answers() -> None:
    host = Host(Zabbix(away=True))
    assert host.push() == ["register", "deliver"]
    assert [host.push(10) for _ in range(5)] == [["deliver"]] * 5, "one attempt at a dead server, not two"
    host.zabbix.away = False
    assert host.push(10) == ["deliver"]
    assert host.push(1) == ["register", "deliver"]
    assert host.push(1) == ["deliver"]


def test_a_question_registers_nobody() -> None:
    host = Host(Zabbix())
    question = Batch(BATCH.host, BATCH.values, 2, question=True)
    assert host.push(batch=question) == ["deliver"]
    assert host.push() == ["register", "deliver"]


def test_the_answer_is_that_of_the_delivery() -> None:
    assert Host(Zabbix(known=True)).it.deliver(BATCH) == Delivered("node", 2, 0)
    assert Host(Zabbix()).it.deliver(BATCH) == Delivered("node", 0, 2)
    assert Host(Zabbix(away=True)).it.deliver(BATCH) == AWAY
