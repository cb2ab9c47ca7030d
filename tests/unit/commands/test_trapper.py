"""The small trapper judges as a Zabbix server does, and no request takes it down.

Where its answer is not that of a real server, the table says what the real one answers (Zabbix 6.0.14, as
measured; the stand in tests/lab/zabbix_stand can be asked again).
"""

from __future__ import annotations

import json
import queue
import socket
import struct

import pytest

from tcpwatchd.commands.trapper import Request, Trapper
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.metrics.metric import ValueType
from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.scripted_server import HEADER
from tests.lab.trapper_requests import (
    AMOUNT,
    CLOCK,
    COUNT,
    GOOD,
    HOST,
    ITEMS,
    NS,
    TEXT,
    ask,
    assert_serves,
    connect,
    counts,
    packet,
    sender_data,
)

pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("nothing_is_left")]


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
