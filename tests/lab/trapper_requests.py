"""Requests to the embedded trapper, good and broken, and what it answers."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.metrics.metric import ValueType
from tests.lab.scripted_server import HEADER

HOST = "web-01"


COUNT = "test[count]"


AMOUNT = "test[amount]"


TEXT = "test[text]"


ITEMS = {COUNT: ValueType.UNSIGNED, AMOUNT: ValueType.FLOAT, TEXT: ValueType.CHAR}


CLOCK = 1_700_000_000


NS = 123_456_789


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
