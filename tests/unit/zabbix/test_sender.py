"""Whatever the other side does, `Sender.deliver` gives Delivered or Deferred: it never raises, keeps its
deadline and leaves nothing open, and a Deferred says what happened and what a person can do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import resource
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyzabbix import ZabbixMetric, ZabbixSender

from tcpwatchd.model.batch import Batch, Deferred, Delivered, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.zabbix.addresses import Node, parse_nodes
from tcpwatchd.zabbix.py_zabbix import LeanSender
from tcpwatchd.zabbix.sender import Sender
from tests.lab.scripted_server import HEADER, ScriptedServer
from tests.lab.sender_peers import (
    BATCH,
    GOLDEN,
    GOOD,
    MARGIN_S,
    PATIENT_S,
    SENT,
    TIMEOUT_S,
    answers,
    assert_legible,
    counted,
    deliver,
    descriptors,
    ends_at_once,
    in_turn,
    never_answers,
    packet,
    reads_and_ends,
    resets_after_the_request,
    resets_at_once,
    said,
)

# A socket that is only dropped, not closed, is an error too.
pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("nothing_is_left")]


def test_nobody_listens(nobody: Node) -> None:
    """The commonest bad day: the server is down. The reason says so, the todo names the port."""
    outcome = deliver(nobody)
    assert isinstance(outcome, Deferred)
    assert_legible(outcome, nobody)
    assert "refused the connection" in outcome.reason
    assert "running" in outcome.todo
    assert "10051" in outcome.todo


def test_nobody_reads() -> None:
    """A server that hangs while the request goes out is given up in time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Small segments and a small window, or loopback swallows megabytes on its own.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        node = Node("127.0.0.1", listener.getsockname()[1])
        began_s = time.monotonic()
        # Longer than elsewhere: what py-zabbix needs to put a request together is part of the time.
        outcome = deliver(node, batch=batch_of("x" * 100_000), timeout_s=2 * TIMEOUT_S)
        took_s = time.monotonic() - began_s
    assert isinstance(outcome, Deferred)
    assert took_s < 2 * TIMEOUT_S + MARGIN_S
    assert_legible(outcome, node)
    assert "took longer than zabbix.timeout (sending)" in outcome.reason


def test_nobody_accepts() -> None:
    """A host that drops the connection request, as a firewall does, is given up in time."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        node = Node("127.0.0.1", full.getsockname()[1])
        for _ in range(4):  # fills the accept queue; the kernel drops what comes then
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        began_s = time.monotonic()
        outcome = deliver(node, timeout_s=TIMEOUT_S)
        took_s = time.monotonic() - began_s
    assert isinstance(outcome, Deferred)
    assert took_s < TIMEOUT_S + MARGIN_S
    assert_legible(outcome, node)
    assert "did not answer the connection in time" in outcome.reason
    assert "firewall" in outcome.todo


@pytest.mark.parametrize(
    "name",
    [
        "no-such-host.invalid",
        pytest.param("a" * 64 + ".invalid", id="a label too long"),
        pytest.param("a..invalid", id="a label empty"),
    ],
)
def test_a_name_that_does_not_resolve(name: str) -> None:
    """The reason holds the name, the todo leads to the configuration. A look-up cannot be cut short."""
    node = Node(name, 10051)
    outcome = deliver(node)
    assert isinstance(outcome, Deferred)
    assert_legible(outcome, node)
    assert f"the name {name} cannot be resolved" in outcome.reason
    assert "zabbix.servers" in outcome.todo


def test_no_free_descriptor(nobody: Node) -> None:
    """A daemon that has run out of descriptors keeps its values and says so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        with contextlib.suppress(OSError):
            while True:
                spare.append(os.open(os.devnull, os.O_RDONLY))
        outcome = deliver(nobody)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in spare:
            os.close(descriptor)
    assert isinstance(outcome, Deferred)
    assert_legible(outcome, nobody)
    assert "open files" in outcome.reason


def test_the_request_to_the_byte() -> None:
    """Header, order of fields and spelling are as they always were: a change here is seen by every server."""
    with ScriptedServer(answers(GOOD)) as server:
        deliver(server.node)
    assert server.received == [GOLDEN]


@pytest.mark.parametrize(("kind", "dumps"), [(ZabbixSender, 1), (LeanSender, 0)])
def test_the_lean_sender_sends_what_py_zabbix_sends_and_writes_no_dump_of_it(
    kind: type[ZabbixSender], dumps: int, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = []
    for value in BATCH.values:
        metrics.append(ZabbixMetric(BATCH.host, value.key, value.text, value.stamp.clock))
        metrics[-1].ns = value.stamp.ns
    with ScriptedServer(answers(GOOD)) as server, caplog.at_level(logging.DEBUG, "pyzabbix"):
        kind(zabbix_server=server.node.host, zabbix_port=server.node.port).send(metrics)
    assert server.received == [GOLDEN]
    assert len([line for line in caplog.messages if "5a:42:58:44" in line]) == dumps


def test_stamps_go_out_as_given_and_unchanged_when_sent_again() -> None:
    """Zabbix drops a repeat by item, clock and ns: a resend must be the same request to the byte."""
    with ScriptedServer(in_turn(reads_and_ends, never_answers, answers(GOOD))) as server:
        sender = Sender([server.node], 2 * TIMEOUT_S, Clock())
        outcomes = [sender.deliver(BATCH) for _ in range(3)]
    assert [type(outcome) for outcome in outcomes] == [Deferred, Deferred, Delivered]
    for raw in server.received:
        rows = json.loads(raw[HEADER.size :])["data"]
        assert [(row["clock"], row["ns"]) for row in rows] == [
            (1_700_000_000, 123_456_789),
            (1_700_000_060, 999_999_999),
            (1_700_000_120, 1),
        ]
    assert server.received == [GOLDEN] * 3


@pytest.mark.parametrize(
    "stamp",
    [
        Stamp(0, 1),
        Stamp(1, 1),
        Stamp(2**31 - 1, 999_999_999),
        Stamp(2**33, 5),
    ],
    ids=str,
)
def test_a_stamp_goes_out_as_given_also_at_the_ends_of_time(stamp: Stamp) -> None:
    with ScriptedServer(reads_and_ends) as server:
        deliver(server.node, batch=Batch("web-01", (Value("key", "1", stamp),), 1))
    rows = json.loads(server.received[0][HEADER.size :])["data"]
    assert [(row.get("clock"), row.get("ns")) for row in rows] == [(stamp.clock, stamp.ns)]


def test_a_question_goes_out_without_a_value() -> None:
    """As of a log that has not grown: with `value` a server would store it and look at its triggers."""
    with ScriptedServer(answers(GOOD)) as server:
        deliver(server.node, batch=dataclasses.replace(BATCH, question=True))
    for row, value in zip(json.loads(server.received[0][HEADER.size :])["data"], BATCH.values):
        assert row == {
            "host": BATCH.host,
            "key": value.key,
            "lastlogsize": 0,
            "mtime": 0,
            "clock": value.stamp.clock,
            "ns": value.stamp.ns,
        }


def batch_of(*texts: str) -> Batch:
    stamp = Stamp(1_700_000_000, 1)
    values = tuple(Value(f"key[{nth}]", text, stamp) for nth, text in enumerate(texts))
    return Batch("web-01", values, len(values))


TEXTS = ('"quoted"', "back\\slash\\", "é 😀 \u2028 \\u0041", "a\nb\tc\0\x01", "", " 1 ", "{}, ,]")


def values_of(raw: bytes) -> list[str]:
    """The values of a request whose header fits it."""
    assert HEADER.unpack(raw[: HEADER.size]) == (b"ZBXD", 1, len(raw) - HEADER.size, 0)
    request = json.loads(raw[HEADER.size :].decode("utf-8"))
    assert request["request"] == "sender data"
    return [row["value"] for row in request["data"]]


def test_texts_arrive_as_they_are() -> None:
    """Unicode, quotes, backslashes, line ends and control characters alike."""
    with ScriptedServer(reads_and_ends) as server:
        deliver(server.node, batch=batch_of(*TEXTS))
    assert values_of(server.received[0]) == list(TEXTS)


def test_any_texts_arrive_as_they_are() -> None:
    with ScriptedServer(reads_and_ends) as server:

        @settings(max_examples=50)
        @given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
        def sent(texts: list[str]) -> None:
            deliver(server.node, batch=batch_of(*texts))
            assert values_of(server.received[-1]) == texts

        sent()


@pytest.mark.parametrize("count", [1, 250, 251, 1000])
def test_a_batch_is_one_request_whatever_its_size(count: int) -> None:
    """Of two requests, one could be taken while the other fails."""
    with ScriptedServer(answers(counted(count, 0, count))) as server:
        outcome = deliver(server.node, batch=batch_of(*map(str, range(count))))
    assert outcome == Delivered(str(server.node), count, 0)
    assert len(server.received) == 1


def test_ipv6() -> None:
    with ScriptedServer(answers(GOOD), "::1") as server:
        nodes = parse_nodes(f"[::1]:{server.node.port}")
        outcome = deliver(*nodes)
    assert outcome == Delivered(f"[::1]:{server.node.port}", SENT, 0)
    assert server.received == [GOLDEN]


def test_ten_thousand_failures_leave_nothing_open(nobody: Node) -> None:
    rude = in_turn(
        ends_at_once,
        reads_and_ends,
        resets_at_once,
        resets_after_the_request,
        answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        answers(GOOD[:50]),
        answers(packet(b"not JSON")),
        answers(said({"response": "failed", "info": "busy"})),
        answers(counted(0, 3, 3)),
    )
    with ScriptedServer(rude) as server:
        sender = Sender([nobody, server.node], PATIENT_S, Clock())
        before, threads = descriptors(), threading.active_count()
        for _ in range(10_000):
            outcome = sender.deliver(BATCH)
            assert isinstance(outcome, Deferred) or not outcome.processed
        assert descriptors() <= before + 2  # the server may hold one connection still
        assert threading.active_count() == threads
    assert len(server.connections) == 10_000


def test_py_zabbix_logs_nothing_of_its_own(nobody: Node, caplog: pytest.LogCaptureFixture) -> None:
    """The daemon says a failure once, with what to do; py-zabbix would say it at every attempt."""
    with caplog.at_level(logging.DEBUG), ScriptedServer(in_turn(reads_and_ends, never_answers)) as server:
        for node in (nobody, server.node, server.node, Node("no-such-host.invalid", 10051)):
            assert isinstance(deliver(node, timeout_s=TIMEOUT_S), Deferred)
    assert caplog.records == []


def test_a_connection_comes_from_the_address_that_is_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(PATIENT_S)

        def accept() -> str:
            connection, (caller, port) = listener.accept()
            connection.close()
            assert port >= 1024, "the kernel chooses the port"
            return str(caller)

        came = pool.submit(accept)
        node = Node("127.0.0.1", listener.getsockname()[1])
        Sender([node], TIMEOUT_S, Clock(), source="127.0.0.77").deliver(BATCH)
        assert came.result(PATIENT_S) == "127.0.0.77"


@pytest.mark.parametrize(
    ("source", "reason", "todo"),
    [
        ("192.0.2.77", "cannot be called from 192.0.2.77", "has to be an address of this host"),
        ("::1", "has no address of the family of ::1", "check zabbix.source_ip"),
    ],
)
def test_an_address_that_cannot_be_called_from_is_said(
    nobody: Node, source: str, reason: str, todo: str
) -> None:
    outcome = Sender([nobody], TIMEOUT_S, Clock(), source=source).deliver(BATCH)
    assert isinstance(outcome, Deferred)
    assert reason in outcome.reason
    assert todo in outcome.todo
