"""The heartbeat: in each request, with the time of sending, and never a reason to doubt another value."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tcpwatchd.delivery.heartbeat import Heartbeat
from tcpwatchd.metrics.self_metrics import ELSEWHERE, HEARTBEAT
from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome, Value
from tcpwatchd.model.clock import Stamp
from tests.lab.fakes import FakeTime


@dataclass
class Server:
    """Takes the keys that it knows, and says how many."""

    refuses: set[str] = field(default_factory=set)
    away: bool = False
    batches: list[Batch] = field(default_factory=list)

    def deliver(self, batch: Batch) -> Outcome:
        if self.away:
            return Deferred("node", "is away", "wait")
        self.batches.append(batch)
        refused = sum(value.key in self.refuses for value in batch.values)
        return Delivered("node", len(batch.values) - refused, refused)

    def keys(self) -> list[list[str]]:
        batches, self.batches = self.batches, []
        return [[value.key for value in batch.values] for batch in batches]


def batch(time: FakeTime, age_s: int = 0, question: bool = False) -> Batch:
    clock = Stamp.of(time.wall_ns).clock - age_s
    return Batch("h", (Value("a", "1", Stamp(clock, 1)), Value("b", "2", Stamp(clock, 1))), 2, question)


class Host:
    def __init__(self, server: Server, elsewhere_s: int | None = None) -> None:
        self.time, self.server, self.elsewhere_s = FakeTime(), server, elsewhere_s
        asked = None if elsewhere_s is None else lambda: self.elsewhere_s or 0
        self.heartbeat = Heartbeat(server.deliver, self.time.clock, asked)

    def push(self, age_s: int = 0) -> tuple[Outcome, list[list[str]]]:
        outcome = self.heartbeat.deliver(batch(self.time, age_s))
        self.time.pass_s(60)
        return outcome, self.server.keys()


TAKEN = Delivered("node", 2, 0)


def test_it_is_tried_alone_and_then_it_is_in_each_request() -> None:
    host = Host(Server())
    outcome, (first, *tried) = host.push()
    assert (outcome, first, sorted(tried)) == (TAKEN, ["a", "b"], [[HEARTBEAT], [ELSEWHERE]])
    for _ in range(3):
        outcome, keys = host.push()
        assert outcome == TAKEN
        assert keys == [["a", "b", HEARTBEAT]]


def test_it_is_stamped_when_it_is_sent_and_says_how_old_the_rest_is() -> None:
    host = Host(Server())
    host.push()
    host.heartbeat.deliver(batch(host.time, age_s=7200))
    (sent,) = host.server.batches
    value = sent.values[-1]
    assert (value.key, value.text) == (HEARTBEAT, "7200")
    assert value.stamp == Stamp.of(host.time.wall_ns)


def test_a_server_without_the_item_is_asked_again_in_an_hour_only() -> None:
    server = Server(refuses={HEARTBEAT, ELSEWHERE})
    host = Host(server)
    pushes = [host.push() for _ in range(61)]
    assert all(outcome == TAKEN for outcome, _ in pushes)
    tried = [nth for nth, (_, keys) in enumerate(pushes) if [HEARTBEAT] in keys]
    assert tried == [0, 60]
    assert all(keys == [["a", "b"]] for _, keys in pushes[1:60])


def test_an_item_that_is_deleted_casts_no_doubt_on_others() -> None:
    server = Server()
    host = Host(server)
    host.push()
    server.refuses = {HEARTBEAT}
    outcome, keys = host.push()
    assert outcome == TAKEN
    assert keys == [["a", "b", HEARTBEAT], [HEARTBEAT]]
    assert host.push() == (TAKEN, [["a", "b"]])


def test_a_refused_value_is_the_batchs_own() -> None:
    server = Server()
    host = Host(server)
    host.push()
    server.refuses = {"b"}
    outcome, _ = host.push()
    assert outcome == Delivered("node", 1, 1)
    server.refuses = {"a", "b", HEARTBEAT, ELSEWHERE}
    outcome, _ = host.push()
    assert outcome == Delivered("node", 0, 2), "the host is not known"


def test_a_server_that_is_away_and_a_question_are_passed_on() -> None:
    server = Server()
    host = Host(server)
    host.push()
    asked = host.heartbeat.deliver(batch(host.time, question=True))
    assert asked == TAKEN
    assert server.keys() == [["a", "b"]]
    server.away = True
    outcome, _ = host.push()
    assert isinstance(outcome, Deferred)


@pytest.mark.parametrize("elsewhere_s", [None, 0])
def test_what_waits_elsewhere_is_told_once_an_hour_while_it_is_nothing(elsewhere_s: int | None) -> None:
    host = Host(Server(), elsewhere_s)
    told = [any(ELSEWHERE in keys for keys in host.push()[1]) for _ in range(125)]
    assert 2 <= sum(told) <= 4


def test_what_waits_elsewhere_is_told_while_it_waits_and_when_it_is_over() -> None:
    host = Host(Server(), 0)
    host.push()
    host.push()
    host.elsewhere_s = 900
    assert host.push()[1] == [["a", "b", HEARTBEAT, ELSEWHERE]]
    host.elsewhere_s = 0
    assert host.push()[1] == [["a", "b", HEARTBEAT, ELSEWHERE]]
    assert host.push()[1] == [["a", "b", HEARTBEAT]]
