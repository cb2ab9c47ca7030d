"""The small trapper judges as a Zabbix server does, and no request takes it down.

Where its answer is not that of a real server, the table says what the real one answers (Zabbix 6.0.14, as
measured; the stand in tests/lab/zabbix_stand can be asked again).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tcpwatchd.commands.trapper import Request, Trapper
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.metrics.metric import ValueType
from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.scripted_server import HEADER

pytestmark = pytest.mark.filterwarnings("error")

HOST = "web-01"
COUNT, AMOUNT, TEXT = "test[count]", "test[amount]", "test[text]"
ITEMS = {COUNT: ValueType.UNSIGNED, AMOUNT: ValueType.FLOAT, TEXT: ValueType.CHAR}
CLOCK, NS = 1_700_000_000, 123_456_789
GOOD: dict[str, Any] = {"host": HOST, "key": COUNT, "value": "1", "clock": CLOCK, "ns": NS}

Counts = tuple[int, int, int]  # processed, failed, total


def good(**changed: Any) -> dict[str, Any]:
    return {**GOOD, **changed}


def without(name: str) -> dict[str, Any]:
    return {field: value for field, value in GOOD.items() if field != name}


def packet(body: bytes, flags: int = 1, length: int | None = None, reserved: int = 0) -> bytes:
    return HEADER.pack(b"ZBXD", flags, len(body) if length is None else length, reserved) + body


def sender_data(data: Any) -> bytes:
    return packet(json.dumps({"request": "sender data", "data": data}).encode())


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Every test here ends with as many descriptors and threads as it began with."""

    def open_now() -> tuple[int, int]:
        return len(os.listdir("/dev/fd")), threading.active_count()

    before = open_now()
    yield
    patience_s = time.monotonic() + 2  # a connection's own thread ends on its own
    while open_now() != before and time.monotonic() < patience_s:
        time.sleep(0.01)
    assert open_now() == before


@pytest.fixture(scope="module")
def lasting() -> Iterator[Trapper]:
    """One for all tests of this file: what one of them does to it must not hurt the next."""
    with Trapper(HOST, ITEMS) as running:
        yield running


@pytest.fixture
def trapper(lasting: Trapper) -> Trapper:
    lasting.requests.clear()
    return lasting


def connect(trapper: Trapper) -> socket.socket:
    host, _, port = trapper.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def ask(trapper: Trapper, request: bytes) -> bytes:
    """All that the trapper says to these bytes and a half-close, to the end of the connection."""
    answer = b""
    # A reset is an end too: the trapper has closed with bytes of ours unread.
    with connect(trapper) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(request)
        with contextlib.suppress(OSError):  # "not connected" after a reset
            connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65536):
            answer += piece
    return answer


def counts(answer: bytes) -> Counts:
    """The numbers of an answer whose every byte is as Zabbix's own, but for spaces in the JSON."""
    assert HEADER.unpack(answer[: HEADER.size]) == (b"ZBXD", 1, len(answer) - HEADER.size, 0)
    said = json.loads(answer[HEADER.size :])
    assert list(said) == ["response", "info"]
    assert said["response"] == "success"
    numbers = [part.split(": ") for part in said["info"].split("; ")]
    assert [name for name, _ in numbers] == ["processed", "failed", "total", "seconds spent"]
    return int(numbers[0][1]), int(numbers[1][1]), int(numbers[2][1])


def assert_serves(trapper: Trapper) -> None:
    assert counts(ask(trapper, sender_data([GOOD]))) == (1, 0, 1)


@dataclass(frozen=True)
class Case:
    """What `data` holds, how the trapper counts it, and how a real server does where that differs."""

    name: str
    data: Any
    counts: Counts
    real: Counts | None = None


AS_A_SERVER = (
    Case("one", [GOOD], (1, 0, 1)),
    Case("none", [], (0, 0, 0)),
    Case("250", [good(ns=ns) for ns in range(1, 251)], (250, 0, 250)),
    Case("1000", [good(ns=ns) for ns in range(1, 1001)], (1000, 0, 1000)),
    Case("the same twice", [GOOD, GOOD], (2, 0, 2)),
    Case("out of order", [good(clock=CLOCK - age) for age in (0, 9, 3)], (3, 0, 3)),
    Case("two known keys, one unknown", [GOOD, good(key=AMOUNT), good(key="x")], (2, 1, 3)),
    Case("unknown host", [good(host="web-02")], (0, 1, 1)),
    Case("host in other case", [good(host="WEB-01")], (0, 1, 1)),
    Case("unknown key", [good(key="test[other]")], (0, 1, 1)),
    Case("key in other case", [good(key="TEST[count]")], (0, 1, 1)),
    Case("key with a space", [good(key="test[ count]")], (0, 1, 1)),
    Case("key with quotes", [good(key='test["count"]')], (0, 1, 1)),
    Case("a broken row before a good one", [without("key"), GOOD], (1, 1, 2)),
    Case("a row with a float clock before a good one", [good(clock=CLOCK + 0.5), GOOD], (1, 1, 2)),
    Case("a row with ns 1e9 before a good one", [good(ns=10**9), GOOD], (1, 1, 2)),
    Case("clock 0", [good(clock=0)], (1, 0, 1)),
    Case("clock in ten years", [good(clock=CLOCK + 315_360_000)], (1, 0, 1)),
    Case("clock at its end", [good(clock=2**31 - 1)], (1, 0, 1)),
    Case("ns at its end", [good(ns=999_999_999)], (1, 0, 1)),
    Case("greatest unsigned", [good(value=str(2**64 - 1))], (1, 0, 1)),
    Case("unsigned with zeros before it", [good(value="007")], (1, 0, 1)),
    Case("float whole", [good(key=AMOUNT, value="12")], (1, 0, 1)),
    Case("float below zero", [good(key=AMOUNT, value="-0.25")], (1, 0, 1)),
    Case("float with exponent", [good(key=AMOUNT, value="1e-05")], (1, 0, 1)),
    Case("text of any kind", [good(key=TEXT, value="hé 😀\nline2")], (1, 0, 1)),
    Case("text of 255", [good(key=TEXT, value="c" * 255)], (1, 0, 1)),
    Case("text empty", [good(key=TEXT, value="")], (1, 0, 1)),
)

# A real server takes these, answers `processed`, and turns the item unsupported or stores something else.
# The trapper refuses them at once: a demo or a test must not pass with them.
REFUSED_AT_ONCE = (
    Case("unsigned: letters", [good(value="abc")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: a fraction", [good(value="1.7")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: below zero", [good(value="-1")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: empty", [good(value="")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: 2^64", [good(value=str(2**64))], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: spaces", [good(value=" 1 ")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: true", [good(value="true")], (0, 1, 1), real=(1, 0, 1)),
    Case("unsigned: other digits", [good(value="٣")], (0, 1, 1), real=(1, 0, 1)),
    Case(
        "unsigned: 5000 digits",
        [good(value="1" * 5000)],
        (0, 1, 1),
        real=(1, 0, 1),
    ),
    Case("float: nan", [good(key=AMOUNT, value="nan")], (0, 1, 1), real=(1, 0, 1)),
    Case("float: inf", [good(key=AMOUNT, value="inf")], (0, 1, 1), real=(1, 0, 1)),
    Case("float: a comma", [good(key=AMOUNT, value="1,5")], (0, 1, 1), real=(1, 0, 1)),
    Case("float: empty", [good(key=AMOUNT, value="")], (0, 1, 1), real=(1, 0, 1)),
    Case(
        "float: 1e400",
        [good(key=AMOUNT, value="1e400")],
        (0, 1, 1),
        real=(1, 0, 1),
    ),
    Case(
        "float: other digits",
        [good(key=AMOUNT, value="٣")],
        (0, 1, 1),
        real=(1, 0, 1),
    ),
    Case("text of 256", [good(key=TEXT, value="c" * 256)], (0, 1, 1), real=(1, 0, 1)),
    Case("a JSON number", [good(value=1)], (0, 1, 1), real=(1, 0, 1)),
    Case("a JSON null", [good(value=None)], (0, 1, 1), real=(1, 0, 1)),
    Case("a JSON object", [good(value={"a": 1})], (0, 1, 1), real=(1, 0, 1)),
    Case("no value", [without("value")], (0, 1, 1), real=(1, 0, 1)),
    # Without its own stamp a value is a second row in history when it is sent again.
    Case("no ns", [without("ns")], (0, 1, 1), real=(1, 0, 1)),
    Case("ns 0", [good(ns=0)], (0, 1, 1), real=(1, 0, 1)),
    Case("no clock", [without("clock")], (0, 1, 1), real=(1, 0, 1)),
    Case("clock a text", [good(clock=str(CLOCK))], (0, 1, 1), real=(1, 0, 1)),
)

# A real server drops these uncounted where a request, or its block of 256 rows, holds nothing better.
COUNTED_ALL_THE_SAME = (
    Case("clock a float", [good(clock=float(CLOCK))], (0, 1, 1), real=(0, 0, 0)),
    Case("clock -1", [good(clock=-1)], (0, 1, 1), real=(0, 0, 0)),
    Case("clock 2^31", [good(clock=2**31)], (0, 1, 1), real=(0, 0, 0)),
    Case("clock 2^33", [good(clock=2**33)], (0, 1, 1), real=(0, 0, 0)),
    Case("clock true", [good(clock=True)], (0, 1, 1), real=(0, 0, 0)),
    Case("ns -1", [good(ns=-1)], (0, 1, 1), real=(0, 0, 0)),
    Case("ns 1e9", [good(ns=10**9)], (0, 1, 1), real=(0, 0, 0)),
    Case("ns true", [good(ns=True)], (0, 1, 1), real=(0, 0, 0)),
    Case("no host", [without("host")], (0, 1, 1), real=(0, 0, 0)),
    Case("no key", [without("key")], (0, 1, 1), real=(0, 0, 0)),
    Case(
        "key a list",
        [good(key=[COUNT])],
        (0, 1, 1),
        real=(0, 0, 0),
    ),
    Case("rows are no objects", [1, "a", None, [GOOD]], (0, 4, 4), real=(0, 0, 0)),
    Case("a row between is no object", [GOOD, 1, GOOD], (2, 1, 3), real=(0, 0, 0)),
)

# A real server answers these with 0/0/0 as well, but for `data` missing: `"response":"failed"`.
NO_ROWS = (
    Case("data an object", GOOD, (0, 0, 0)),
    Case("data a text", "abc", (0, 0, 0)),
    Case("data a number", 7, (0, 0, 0)),
    Case("data null", None, (0, 0, 0)),
)

COUNTED = (*AS_A_SERVER, *REFUSED_AT_ONCE, *COUNTED_ALL_THE_SAME, *NO_ROWS)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=case.name,
        )
        for case in COUNTED
    ],
)
def test_each_row_is_taken_or_counted_as_failed(
    trapper: Trapper, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = ask(trapper, sender_data(case.data))
    assert_serves(trapper)
    assert capsys.readouterr().err == ""
    assert counts(answer) == case.counts
    assert len(trapper.requests[0].accepted) == case.counts[0]
    assert trapper.requests[0].refused == case.counts[1]


def test_the_table_names_a_real_answer_only_where_it_differs() -> None:
    assert [case.name for case in COUNTED if case.real == case.counts] == []


REQUEST = sender_data([GOOD])
BODY = REQUEST[HEADER.size :]

BROKEN = {
    "nothing": b"",
    "four bytes": b"ZBXD",
    "a header": REQUEST[:13],
    "half a request": REQUEST[:60],
    "wrong magic": b"ZBXX" + REQUEST[4:],
    "magic in lower case": b"zbxd" + REQUEST[4:],
    "no header": BODY,
    "HTTP": b"GET / HTTP/1.1\r\nHost: zabbix\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "flags 0": packet(BODY, flags=0),
    "flags 2": packet(BODY, flags=2),
    "flags 3": packet(BODY, flags=3),
    "flags 5": packet(BODY, flags=5),
    "flags 255": packet(BODY, flags=255),
    "length 0, body follows": packet(BODY, length=0),
    "length 5 short": packet(BODY, length=len(BODY) - 5),
    "length 5 long": packet(BODY, length=len(BODY) + 5),
    "length 2^32-1": packet(BODY, length=2**32 - 1),
    "no body": packet(b""),
    "not JSON": packet(b"processed: 1"),
    "not UTF-8": packet(b'{"request":"sender data","data":["\xff\xfe"]}'),
    "a JSON array": packet(b"[" + BODY + b"]"),
    "a JSON number": packet(b"7"),
    "no request": packet(b'{"data":[]}'),
    "an unknown request": packet(b'{"request":"sender date","data":[]}'),
}


@pytest.mark.parametrize("request_bytes", BROKEN.values(), ids=BROKEN)
def test_a_broken_request_gets_a_closed_connection_and_the_next_is_served(
    trapper: Trapper, request_bytes: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(trapper, request_bytes) == b""
    assert trapper.requests == []
    assert_serves(trapper)
    assert capsys.readouterr().err == ""


def test_a_deep_nest_is_a_broken_request_like_others(
    trapper: Trapper, capsys: pytest.CaptureFixture[str]
) -> None:
    depth = 200_000
    body = b'{"request":"sender data","data":' + b"[" * depth + b"]" * depth + b"}"
    assert ask(trapper, packet(body)) == b""
    assert_serves(trapper)
    assert capsys.readouterr().err == ""


def test_data_missing_is_answered_with_failed(trapper: Trapper) -> None:
    answer = ask(trapper, packet(b'{"request":"sender data"}'))
    assert json.loads(answer[HEADER.size :])["response"] == "failed"


def test_the_answer_to_the_byte(trapper: Trapper) -> None:
    """But for the seconds, it is what Zabbix 6.0 and 7.0 send."""
    body = b'{"response":"success","info":"processed: 1; failed: 0; total: 1; seconds spent: 0.000050"}'
    assert ask(trapper, REQUEST) == packet(body)


def test_reserved_bytes_of_a_request_are_ignored(trapper: Trapper) -> None:
    assert counts(ask(trapper, packet(BODY, reserved=len(BODY)))) == (1, 0, 1)


def test_a_request_may_come_a_byte_at_a_time(trapper: Trapper) -> None:
    with connect(trapper) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(REQUEST)):
            connection.sendall(REQUEST[at : at + 1])
        with connection.makefile("rb") as answer:
            assert counts(answer.read()) == (1, 0, 1)


def test_a_reset_in_the_middle_of_a_request_harms_nobody(
    trapper: Trapper, capsys: pytest.CaptureFixture[str]
) -> None:
    for sent in (b"", REQUEST[:5], REQUEST[:50]):
        connection = connect(trapper)
        connection.sendall(sent)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        assert_serves(trapper)
    assert capsys.readouterr().err == ""


def test_one_that_hangs_keeps_nobody_else_waiting(trapper: Trapper) -> None:
    with connect(trapper) as silent:
        silent.sendall(REQUEST[:20])
        assert_serves(trapper)


def batch(*values: Value, host: str = HOST) -> Batch:
    return Batch(host, values, len(values))


def value(key: str, text: str, nth: int = 0) -> Value:
    return Value(key, text, Stamp(CLOCK + nth, NS + nth))


def deliver(trapper: Trapper, sent: Batch) -> Outcome:
    return Sender(parse_nodes(trapper.address), 5.0, Clock()).deliver(sent)


def test_the_sender_and_the_trapper_agree() -> None:
    """The good path: every item of the catalogue arrives with its text and its stamp as they were sent."""
    examples = {ValueType.UNSIGNED: "18446744073709551615", ValueType.FLOAT: "-1.5", ValueType.CHAR: "0.1.0"}
    sent = batch(
        *(value(key, examples[metric.value_type], nth) for nth, (key, metric) in enumerate(CATALOGUE.items()))
    )
    items = {key: metric.value_type for key, metric in CATALOGUE.items()}
    with Trapper(HOST, items) as trapper:
        outcome = deliver(trapper, sent)
        assert outcome == Delivered(trapper.address, len(sent.values), 0)
    assert len(trapper.requests) == 1
    assert trapper.requests[0].accepted == sent.values


def test_sent_again_it_is_the_same_request_again(trapper: Trapper) -> None:
    sent = batch(value(COUNT, "1"), value(AMOUNT, "2.5", 1))
    for _ in range(2):
        assert isinstance(deliver(trapper, sent), Delivered)
    first, second = trapper.requests
    assert first == second


def test_the_sender_hears_of_values_that_are_refused(trapper: Trapper) -> None:
    sent = batch(value(COUNT, "1"), value("test[other]", "1"), value(AMOUNT, "nan"), value(TEXT, "a"))
    assert deliver(trapper, sent) == Delivered(trapper.address, 2, 2)
    assert trapper.requests[0].accepted == (sent.values[0], sent.values[3])
    assert trapper.requests[0].refused == 2


def test_the_sender_hears_of_a_host_that_is_not_known(trapper: Trapper) -> None:
    outcome = deliver(trapper, batch(value(COUNT, "1"), host="web-02"))
    assert outcome == Delivered(trapper.address, 0, 1)


def test_each_request_is_told() -> None:
    """Each connection has a thread of its own, so the order is not promised."""
    told: queue.Queue[Request] = queue.Queue()
    with Trapper(HOST, ITEMS, told.put) as trapper:
        for nth in range(3):
            deliver(trapper, batch(value(COUNT, str(nth))))
        heard = [told.get(timeout=5) for _ in range(3)]
    assert sorted(request.accepted[0].text for request in heard) == ["0", "1", "2"]
    assert [request.accepted[0].text for request in trapper.requests] == ["0", "1", "2"]


def test_an_error_in_told_takes_nothing_down() -> None:
    """A bug of the demo's screen shows itself, and delivery goes on."""

    def told(_request: Request) -> None:
        raise RuntimeError("screen on fire")

    with Trapper(HOST, ITEMS, told) as trapper:
        for _ in range(2):
            assert isinstance(deliver(trapper, batch(value(COUNT, "1"))), Delivered)
    assert len(trapper.requests) == 2


def test_after_its_end_nobody_listens() -> None:
    with Trapper(HOST, ITEMS) as trapper:
        address = trapper.address
    outcome = Sender(parse_nodes(address), 1.0, Clock()).deliver(batch(value(COUNT, "1")))
    assert isinstance(outcome, Deferred)
    assert "refused the connection" in outcome.reason
