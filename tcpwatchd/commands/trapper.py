"""A small Zabbix trapper on loopback, for the demo and the tests.

It answers as a Zabbix server does, with one difference: a value that does not fit the type of its item, and
a row without clock or ns, are refused at once. A real server accepts these and drops them later. Source:
Zabbix manual, "Trapper items" and "Header"; zabbix/src/zabbix_server/trapper.
"""

from __future__ import annotations

import json
import math
import re
import socketserver
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from tcpwatchd.metrics.metric import ValueType
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import NS_PER_S, Stamp

_HEADER = struct.Struct("<4sBII")
_MOST_REQUEST_BYTES = 1 << 24
_UNSIGNED_MOST = 2**64 - 1
_FLOAT = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Request:
    """One request as it came (`row`s of JSON), and what became of it.

    `asked` are the keys of rows that were taken and brought no value.
    """

    rows: tuple[Any, ...]
    accepted: tuple[Value, ...]
    refused: int
    asked: tuple[str, ...] = ()


@dataclass
class Trapper:
    """Takes values of one host for the items given, between `with` and its end.

    `requests` grows with each request; `told` is called before each answer, in a thread of the server.
    """

    host: str
    items: Mapping[str, ValueType]
    told: Callable[[Request], None] = lambda _request: None
    requests: list[Request] = field(default_factory=list)
    _telling: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __enter__(self) -> Trapper:
        trapper = self

        class Handler(socketserver.BaseRequestHandler):
            """One connection: one request, one answer, as the server does it."""

            def handle(self) -> None:
                self.request.settimeout(10)
                try:
                    trapper.converse(self.request)
                except (OSError, ValueError, RecursionError):
                    return  # a broken request is answered with a closed connection

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Where it listens, as `zabbix.servers` takes it."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def converse(self, connection: Any) -> None:
        """One request and its answer. ValueError, RecursionError or OSError where the request is broken."""
        header = _exactly(connection, _HEADER.size)
        magic, flags, length, _reserved = _HEADER.unpack(header)
        if magic != b"ZBXD" or flags != 1 or length > _MOST_REQUEST_BYTES:
            raise ValueError("not a request of the plain protocol")
        message = json.loads(_exactly(connection, length))
        if not isinstance(message, dict) or message.get("request") != "sender data":
            raise ValueError("not a request that a trapper knows")
        if "data" not in message:
            _answer(connection, "failed", 'cannot find pair with name "data"')
            return
        rows = message["data"] if isinstance(message["data"], list) else []
        taken = [judged for judged in map(self._judge, rows) if judged is not None]
        accepted = tuple(judged for judged in taken if isinstance(judged, Value))
        asked = tuple(judged for judged in taken if isinstance(judged, str))
        request = Request(tuple(rows), accepted, len(rows) - len(taken), asked)
        info = f"processed: {len(taken)}; failed: {request.refused}; total: {len(rows)}; "
        try:
            # Before the answer, and one at a time: who has his answer finds it recorded and told.
            with self._telling:
                self.requests.append(request)
                self.told(request)
        finally:
            _answer(connection, "success", f"{info}seconds spent: 0.000050")

    def _judge(self, row: Any) -> Value | str | None:
        """The value of one row, its key if it asks only, or None where a server would count it as failed.

        No value, but the size and time of a log: so says an agent that a log has not grown.
        """
        if not isinstance(row, dict) or row.get("host") != self.host:
            return None
        key, clock, ns, text = row.get("key"), row.get("clock"), row.get("ns"), row.get("value")
        if not isinstance(key, str) or key not in self.items:
            return None
        if not (type(clock) is int and 0 <= clock < 2**31 and type(ns) is int and 1 <= ns < NS_PER_S):
            return None
        if "value" not in row and "lastlogsize" in row and "mtime" in row:
            return key
        if not isinstance(text, str) or not _suits(text, self.items[key]):
            return None
        return Value(key, text, Stamp(clock, ns))


def _answer(connection: Any, response: str, info: str) -> None:
    body = json.dumps({"response": response, "info": info}, separators=(",", ":")).encode()
    connection.sendall(_HEADER.pack(b"ZBXD", 1, len(body), 0) + body)


def _suits(text: str, value_type: ValueType) -> bool:
    if value_type is ValueType.UNSIGNED:
        return text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= _UNSIGNED_MOST
    if value_type is ValueType.FLOAT:
        return _FLOAT.fullmatch(text) is not None and math.isfinite(float(text))
    return len(text) <= 255


def _exactly(connection: Any, count: int) -> bytes:
    received = b""
    while len(received) < count:
        piece = connection.recv(count - len(received))
        if not piece:
            raise ValueError(f"the connection ended after {len(received)} of {count} bytes")
        received += piece
    return received
