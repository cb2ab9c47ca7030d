"""What a sender may meet: scripts of servers, good and bad, and the batch that is sent to them."""

from __future__ import annotations

import itertools
import json
import os
from typing import Any

from tcpwatchd.model.batch import Batch, Deferred, Outcome, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.zabbix.addresses import Node
from tcpwatchd.zabbix.sender import Sender
from tests.lab.scripted_server import HEADER, Connection, Script

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


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


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
