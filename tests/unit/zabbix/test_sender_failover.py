"""Several nodes, or addresses of one name: which is asked, and which takes over."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest

from tcpwatchd.model.batch import Deferred, Delivered
from tcpwatchd.model.clock import Clock
from tcpwatchd.zabbix.addresses import Node
from tcpwatchd.zabbix.sender import Sender
from tests.lab.scripted_server import Connection, ScriptedServer
from tests.lab.sender_peers import (
    BATCH,
    GOLDEN,
    GOOD,
    MARGIN_S,
    PATIENT_S,
    SENT,
    TIMEOUT_S,
    answers,
    counted,
    deliver,
    in_turn,
    never_answers,
    packet,
    reads_and_ends,
)

# A socket that is only dropped, not closed, is an error too.
pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("nothing_is_left")]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_name_with_two_addresses_of_which_one_listens(host: str) -> None:
    asked: list[str] = []

    def resolve(name: str, port: int, type: int) -> list[tuple[object, ...]]:  # noqa: A002 - getaddrinfo's own
        asked.append(name)
        return [
            (socket.AF_INET, type, 0, "", ("127.0.0.1", port)),
            (socket.AF_INET6, type, 0, "", ("::1", port)),
        ]

    with ScriptedServer(answers(GOOD), host) as server:
        node = Node("zabbix.example.com", server.node.port)
        outcomes = [Sender([node], PATIENT_S, Clock(), resolve).deliver(BATCH) for _ in range(2)]
    assert outcomes == [Delivered(str(node), SENT, 0)] * 2
    assert asked == ["zabbix.example.com"] * 2  # anew on each connect


def test_the_second_node_takes_what_the_first_does_not(nobody: Node) -> None:
    with ScriptedServer(answers(GOOD)) as server:
        outcome = deliver(nobody, server.node)
    assert outcome == Delivered(str(server.node), SENT, 0)


def test_a_node_that_does_not_know_the_host_is_passed_over_too() -> None:
    with ScriptedServer(answers(counted(0, 3, 3))) as first, ScriptedServer(answers(GOOD)) as second:
        outcome = deliver(first.node, second.node)
    assert outcome == Delivered(str(second.node), SENT, 0)


def test_a_node_that_refuses_some_has_answered_and_no_other_is_asked() -> None:
    with ScriptedServer(answers(counted(1, 2, 3))) as first, ScriptedServer(answers(GOOD)) as second:
        outcome = deliver(first.node, second.node)
    assert outcome == Delivered(str(first.node), 1, 2)
    assert second.received == []


def test_the_node_that_answered_last_is_tried_first() -> None:
    with ScriptedServer(reads_and_ends) as first, ScriptedServer(answers(GOOD)) as second:
        sender = Sender([first.node, second.node], PATIENT_S, Clock())
        assert sender.deliver(BATCH) == Delivered(str(second.node), SENT, 0)
        assert sender.deliver(BATCH) == Delivered(str(second.node), SENT, 0)
    assert (len(first.connections), len(second.connections)) == (1, 2)


def test_the_first_node_takes_over_again_when_the_second_fails() -> None:
    with ExitStack() as stack:
        first = stack.enter_context(ScriptedServer(in_turn(reads_and_ends, answers(GOOD))))
        second = stack.enter_context(ScriptedServer(in_turn(answers(GOOD), reads_and_ends)))
        sender = Sender([first.node, second.node], PATIENT_S, Clock())
        outcomes = [sender.deliver(BATCH) for _ in range(2)]
    assert outcomes == [Delivered(str(second.node), SENT, 0), Delivered(str(first.node), SENT, 0)]
    assert first.received == second.received == [GOLDEN] * 2


def test_when_no_node_takes_it_each_was_asked_once() -> None:
    with ScriptedServer(reads_and_ends) as first, ScriptedServer(answers(packet(b"[]"))) as second:
        outcome = deliver(first.node, second.node)
    assert isinstance(outcome, Deferred)
    assert outcome.reason == (
        f"{first.node} closed the connection without an answer; "
        f"{second.node} gave an answer that is not understood"
    )
    assert first.received == second.received == [GOLDEN]


def test_a_refusal_is_the_answer_where_no_other_node_does_better(nobody: Node) -> None:
    """The other one may be the standby node of the cluster: it never answers."""
    with ScriptedServer(answers(counted(0, 3, 3))) as server:
        assert deliver(nobody, server.node) == Delivered(str(server.node), 0, 3)
        assert deliver(server.node, nobody) == Delivered(str(server.node), 0, 3)


def test_a_node_that_hangs_leaves_the_next_its_whole_time() -> None:
    """The second answers after half of the time, and that is in time."""

    def slow(connection: Connection) -> None:
        connection.read_request()
        connection.hold(TIMEOUT_S)
        connection.send(GOOD)

    with ScriptedServer(never_answers) as first, ScriptedServer(slow) as second:
        began_s = time.monotonic()
        outcome = deliver(first.node, second.node, timeout_s=2 * TIMEOUT_S)
        took_s = time.monotonic() - began_s
    assert outcome == Delivered(str(second.node), SENT, 0)
    assert took_s < 4 * TIMEOUT_S + MARGIN_S
