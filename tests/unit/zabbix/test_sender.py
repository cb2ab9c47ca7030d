"""Whatever the other side does, `Sender.deliver` gives Delivered or Deferred: it never raises, keeps its
deadline and leaves nothing open, and a Deferred says what happened and what a person can do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import logging
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyzabbix import ZabbixMetric, ZabbixSender

from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.zabbix.addresses import Node, parse_nodes
from tcpwatchd.zabbix.sender import LeanSender, Sender
from tests.lab.scripted_server import HEADER, Connection, Script, ScriptedServer

# A socket that is only dropped, not closed, is an error too.
pytestmark = pytest.mark.filterwarnings("error")

TIMEOUT_S = 0.4  # where the other side is to run into it
PATIENT_S = 10.0  # where it is not, on a loaded machine either
MARGIN_S = 1.5  # for a loaded machine; a deadline that is not kept overshoots by more

SENT = 3
BATCH = Batch(
    host="web-01",
    values=(
        Value("tcpwatchd.sockets[established]", "1234", Stamp(1_700_000_000, 123_456_789)),
        Value("tcpwatchd.sockets.delta[time_wait]", "-17", Stamp(1_700_000_060, 999_999_999)),
        Value("tcpwatchd.self[version]", "0.1.0", Stamp(1_700_000_120, 1)),
    ),
    last_id=42,
)

GOLDEN = (
    b"ZBXD\x01\x70\x01\x00\x00\x00\x00\x00\x00"
    b'{"request":"sender data","data":['
    b'{"host": "web-01", "key": "tcpwatchd.sockets[established]", "value": "1234",'
    b' "clock": 1700000000, "ns": 123456789},'
    b'{"host": "web-01", "key": "tcpwatchd.sockets.delta[time_wait]", "value": "-17",'
    b' "clock": 1700000060, "ns": 999999999},'
    b'{"host": "web-01", "key": "tcpwatchd.self[version]", "value": "0.1.0",'
    b' "clock": 1700000120, "ns": 1}]}'
)


def packet(body: bytes, flags: int = 1, length: int | None = None, reserved: int = 0) -> bytes:
    return HEADER.pack(b"ZBXD", flags, len(body) if length is None else length, reserved) + body


def counted(processed: int, failed: int, total: int) -> bytes:
    """A trapper's answer, to the letter as Zabbix 6.0 and 7.0 give it."""
    info = f"processed: {processed}; failed: {failed}; total: {total}; seconds spent: 0.000135"
    return packet(b'{"response":"success","info":"%s"}' % info.encode())


def said(answer: Any) -> bytes:
    return packet(json.dumps(answer).encode())


GOOD = counted(SENT, 0, SENT)


def answers(data: bytes) -> Script:
    """Reads the request, sends `data`, ends."""

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(data)

    return script


def answers_and_holds(data: bytes) -> Script:
    """Reads the request, sends `data`, and does not end."""

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(data)
        connection.hold()

    return script


def drips(data: bytes, gap_s: float) -> Script:
    """Reads the request, then sends a byte, a gap, a byte, a gap, …"""

    def script(connection: Connection) -> None:
        connection.read_request()
        for at in range(len(data)):
            connection.send(data[at : at + 1])
            if connection.hold(gap_s):
                return

    return script


def in_turn(*scripts: Script) -> Script:
    """Each connection is served by the next of `scripts`; after the last comes the first."""
    turns = itertools.cycle(scripts)

    def script(connection: Connection) -> None:
        next(turns)(connection)

    return script


def ends_at_once(_connection: Connection) -> None:
    """Accepts and closes."""


def reads_and_ends(connection: Connection) -> None:
    connection.read_request()


def never_answers(connection: Connection) -> None:
    connection.hold()


def resets_at_once(connection: Connection) -> None:
    connection.reset()


def resets_after_the_request(connection: Connection) -> None:
    connection.read_request()
    connection.reset()


def resets_in_its_answer(connection: Connection) -> None:
    connection.read_request()
    connection.send(GOOD[:40])
    # An RST throws away what the other side has not read; a moment lets it read.
    connection.hold(0.05)
    connection.reset()


def answers_before_it_reads(connection: Connection) -> None:
    connection.send(GOOD)
    connection.read_request()


def echoes(connection: Connection) -> None:
    connection.send(connection.read_request())


@dataclass(frozen=True)
class Case:
    """What the other side does, and what the reason and the todo of a Deferred must say of it."""

    name: str
    script: Script
    reason: str
    todo: str = ""


NOT_ZABBIX = "the address of a Zabbix server"
ODD_HEADER = "header that is not understood"
ODD_ANSWER = "gave an answer that is not understood"
NO_SUM = "gave an answer that does not add up"
TOO_LONG = "took longer than zabbix.timeout"

DEFERRED = (
    # It ends, or does not begin.
    Case("accepts and ends", ends_at_once, "the connection", "log"),
    Case("reads the request and ends", reads_and_ends, "closed the connection without an answer", "TLS"),
    Case("never answers", never_answers, TOO_LONG, "raise zabbix.timeout"),
    Case("sends a byte now and then", drips(GOOD, 0.05), TOO_LONG, "raise zabbix.timeout"),
    Case("half a header and holds", answers_and_holds(GOOD[:6]), TOO_LONG, "raise zabbix.timeout"),
    Case("half a header and ends", answers(GOOD[:6]), "after 6 of 13 bytes", "log"),
    Case("a header and holds", answers_and_holds(GOOD[:13]), TOO_LONG, "raise zabbix.timeout"),
    Case("a header and ends", answers(GOOD[:13]), "after 0 of 90 bytes", "log"),
    Case(
        "a header for 13 bytes and ends",
        answers(packet(b"", length=13)),
        "after 0 of 13 bytes",
        "log",
    ),
    Case("half an answer and ends", answers(GOOD[:50]), "after 37 of 90 bytes", "log"),
    Case("resets at once", resets_at_once, "reset"),  # before the connection stands, or after
    Case("resets after the request", resets_after_the_request, "broke the connection", "log"),
    Case("resets in its answer", resets_in_its_answer, "reset by peer", "log"),
    # It is no Zabbix.
    Case("wrong magic", answers(b"ZBXX" + GOOD[4:]), "not Zabbix's protocol", NOT_ZABBIX),
    Case(
        "speaks HTTP",
        answers(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        "HTTP/1.1",
        NOT_ZABBIX,
    ),
    Case("speaks SSH", answers_and_holds(b"SSH-2.0-OpenSSH_9.2\r\n"), "SSH-2.0", NOT_ZABBIX),
    Case("only zeros", answers(bytes(200)), "not Zabbix's protocol", NOT_ZABBIX),
    Case("a TLS alert", answers(b"\x15\x03\x01\x00\x02\x02\x46"), "after 7 of 13 bytes", "TLS"),
    Case(
        "says the request back",
        echoes,
        ODD_ANSWER,
        NOT_ZABBIX,
    ),
    # The frame is Zabbix's, but not what a server answers with.
    Case("huge length", answers_and_holds(packet(b"", length=2**32 - 1)), ODD_HEADER, NOT_ZABBIX),
    Case("length 65537", answers_and_holds(packet(b"", length=65537)), ODD_HEADER, NOT_ZABBIX),
    Case("length 0", answers(packet(b"")), ODD_ANSWER, NOT_ZABBIX),
    Case("flags 3, compressed", answers(packet(b"x\x9c", flags=3, reserved=90)), "flags 3", NOT_ZABBIX),
    Case("flags 5, large", answers(packet(bytes(8), flags=5)), "flags 5", NOT_ZABBIX),
    Case("flags 0", answers(packet(b"{}", flags=0)), "flags 0", NOT_ZABBIX),
    # The body is none.
    Case("not JSON", answers(packet(b"processed: 3")), ODD_ANSWER, NOT_ZABBIX),
    Case("half a JSON object", answers(packet(GOOD[13:40])), ODD_ANSWER, NOT_ZABBIX),
    Case("not UTF-8", answers(packet(b'{"response":"\xff\xfe"}')), ODD_ANSWER, NOT_ZABBIX),
    Case("a JSON array", answers(said(["success"])), ODD_ANSWER, NOT_ZABBIX),
    Case("an empty JSON array", answers(said([])), ODD_ANSWER, NOT_ZABBIX),
    Case("a JSON number", answers(said(3)), ODD_ANSWER, NOT_ZABBIX),
    Case("a JSON string", answers(said("success")), ODD_ANSWER, NOT_ZABBIX),
    Case("JSON null", answers(said(None)), ODD_ANSWER, NOT_ZABBIX),
    Case("an empty object", answers(said({})), ODD_ANSWER, NOT_ZABBIX),
    Case("deeply nested JSON", answers(packet(b"[" * 30000 + b"]" * 30000)), ODD_ANSWER, NOT_ZABBIX),
    Case("an endless number", answers(packet(b"9" * 60000)), ODD_ANSWER, NOT_ZABBIX),
    # It says success, and not for what.
    Case("success without info", answers(said({"response": "success"})), ODD_ANSWER, NOT_ZABBIX),
    Case("info is a number", answers(said({"response": "success", "info": 3})), ODD_ANSWER, NOT_ZABBIX),
    Case("info is a list", answers(said({"response": "success", "info": [3]})), ODD_ANSWER, NOT_ZABBIX),
    Case("info is prose", answers(said({"response": "success", "info": "done"})), ODD_ANSWER, NOT_ZABBIX),
    Case(
        "info without digits",
        answers(
            said({"response": "success", "info": "processed: ; failed: ; total: ; seconds spent: 0.1"}),
        ),
        ODD_ANSWER,
        NOT_ZABBIX,
    ),
    Case(
        "info with a time that is none",
        answers(
            said({"response": "success", "info": "processed: 3; failed: 0; total: 3; seconds spent: ."}),
        ),
        ODD_ANSWER,
        NOT_ZABBIX,
    ),
    # It counts, and not what was sent.
    Case("one got lost", answers(counted(2, 0, 3)), NO_SUM, "counted 2 processed and 0 failed"),
    Case("total is one short", answers(counted(2, 0, 2)), NO_SUM, "counted 2 processed and 0 failed"),
    Case("total is one long", answers(counted(4, 0, 4)), NO_SUM, "counted 4 processed and 0 failed"),
    Case("nothing counted", answers(counted(0, 0, 0)), NO_SUM, "counted 0 processed and 0 failed"),
    Case(
        "a total of its own",
        answers(counted(3, 0, 7)),
        NO_SUM,
        "7",
    ),
    # It says no.
    Case("failed without info", answers(said({"response": "failed"})), "declined", "log"),
    Case("failed, info a number", answers(said({"response": "failed", "info": 3})), "declined", "log"),
    Case("info without a response", answers(said({"info": "busy"})), "busy"),
    Case(
        "failed, info of several lines",
        answers(said({"response": "failed", "info": "line one\nline two\x1b[31m\ud800"})),
        "line one",
    ),
    Case(
        "failed, info without end",
        answers(said({"response": "failed", "info": "busy " * 12000})),
        "busy",
    ),
    Case(
        "failed, info is deeply nested",
        answers(packet(b'{"response":"failed","info":' + b"[" * 500 + b"]" * 500 + b"}")),
        "declined",
    ),
)


@dataclass(frozen=True)
class Answer:
    """A way to say that `SENT - refused` values were taken."""

    name: str
    script: Script
    refused: int = 0


DELIVERED = (
    Answer("as a server does", answers(GOOD)),
    Answer("and does not end", answers_and_holds(GOOD)),
    Answer("a byte a segment", drips(GOOD, 0.001)),
    Answer("before it reads the request", answers_before_it_reads),
    Answer("and more behind it", answers(GOOD + b"garbage")),
    Answer("with more in it", answers(said({"response": "success", "info": GOOD[37:-2].decode(), "x": [1]}))),
    Answer("all failed", answers(counted(0, 3, 3)), refused=3),
    Answer("some failed", answers(counted(1, 2, 3)), refused=2),
    Answer("all but one failed, byte by byte", drips(counted(2, 1, 3), 0.001), refused=1),
    Answer(
        "with its length in the reserved field, as agent 2 of 6.0 does",
        answers(packet(GOOD[13:], reserved=len(GOOD) - 13)),
    ),
)


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Every test here ends with as many descriptors and threads as it began with."""
    before = descriptors(), threading.active_count()
    yield
    assert (descriptors(), threading.active_count()) == before


@pytest.fixture
def nobody() -> Iterator[Node]:
    """An address where nobody listens, and nobody else can begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Node("127.0.0.1", bound.getsockname()[1])


def deliver(*nodes: Node, batch: Batch = BATCH, timeout_s: float = PATIENT_S) -> Outcome:
    return Sender(nodes, timeout_s, Clock()).deliver(batch)


def assert_legible(outcome: Deferred, node: Node) -> None:
    """One short line of words about this node, and something to do."""
    line = f"{outcome.node} {outcome.reason} -> {outcome.todo}"
    assert outcome.node == str(node)
    assert outcome.reason
    assert outcome.todo
    assert line.isprintable()
    assert len(line) <= 400
    for jargon in ("Errno", "Error", "Exception", "Traceback", "NoneType", "object at 0x", "None"):
        assert jargon not in line


@pytest.mark.parametrize("case", DEFERRED, ids=lambda case: case.name)
def test_what_is_no_answer_for_every_value_defers_in_time_and_says_why(case: Case) -> None:
    timeout_s = TIMEOUT_S if case.reason == TOO_LONG else PATIENT_S
    with ScriptedServer(case.script) as server:
        began_s = time.monotonic()
        outcome = deliver(server.node, timeout_s=timeout_s)
        took_s = time.monotonic() - began_s
    assert isinstance(outcome, Deferred)
    assert took_s < TIMEOUT_S + MARGIN_S
    assert case.reason in outcome.reason
    assert case.todo in outcome.todo
    assert_legible(outcome, server.node)


@pytest.mark.parametrize("answer", DELIVERED, ids=lambda answer: answer.name)
def test_a_count_of_every_value_delivers_however_it_arrives(answer: Answer) -> None:
    with ScriptedServer(answer.script) as server:
        outcome = deliver(server.node)
    assert outcome == Delivered(str(server.node), SENT - answer.refused, answer.refused)


def test_an_answer_is_taken_at_once_though_the_server_does_not_end() -> None:
    with ScriptedServer(answers_and_holds(GOOD)) as server:
        began_s = time.monotonic()
        outcome = deliver(server.node)
        took_s = time.monotonic() - began_s
    assert isinstance(outcome, Delivered)
    assert took_s < PATIENT_S / 2


@settings(max_examples=150)
@given(
    data=st.binary(max_size=60)
    | st.builds(packet, st.binary(max_size=60), st.sampled_from([0, 1, 3, 5, 255]))
    | st.builds(lambda cut: GOOD[:cut], st.integers(0, len(GOOD) - 1))
)
def test_no_bytes_make_it_raise_or_deliver(data: bytes) -> None:
    with ScriptedServer(answers(data)) as server:
        outcome = deliver(server.node)
    assert isinstance(outcome, Deferred)
    assert outcome.reason
    assert outcome.todo


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(response=st.just("success") | st.just("failed") | _JSON, info=_JSON, rest=_JSON, bare=st.booleans())
def test_no_json_makes_it_raise_or_deliver(response: Any, info: Any, rest: Any, bare: bool) -> None:
    answer = rest if bare else {"response": response, "info": info, "rest": rest}
    with ScriptedServer(answers(said(answer))) as server:
        outcome = deliver(server.node)
    assert isinstance(outcome, Deferred)
    assert outcome.reason
    assert outcome.todo


@settings(max_examples=150)
@given(processed=st.integers(0, 4), failed=st.integers(0, 4), total=st.integers(0, 4))
def test_delivered_means_that_every_value_was_counted(processed: int, failed: int, total: int) -> None:
    with ScriptedServer(answers(counted(processed, failed, total))) as server:
        outcome = deliver(server.node)
    if processed + failed == total == SENT:
        assert outcome == Delivered(str(server.node), processed, failed)
    else:
        assert isinstance(outcome, Deferred)


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
            connection, (caller, _port) = listener.accept()
            connection.close()
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
