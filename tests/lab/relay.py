"""A relay on loopback between a daemon and a trapper, that can go away and can let answers die.

It can pass a request and drop the answer: the server has stored the values, and the daemon cannot know.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tests.lab.scripted_server import HEADER
from tests.lab.zabbix_stand.processes import free_port

_PATIENCE_S = 30.0  # longer than any answer takes
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: an end with RST


class Relay:
    """Leads to `port` between `with` and its end. `loses` is asked before each answer whether that one dies.

    `answered` and `lost` count the answers that arrived and those that did not.
    """

    def __init__(self, port: int, loses: Callable[[], bool] = lambda: False) -> None:
        self._target = ("127.0.0.1", port)
        self._own = ("127.0.0.1", free_port(taken=(port,)))
        self.loses = loses
        self.answered = self.lost = 0
        self._server: socketserver.ThreadingTCPServer | None = None

    @property
    def address(self) -> str:
        """Where it listens, as `zabbix.servers` takes it."""
        return f"{self._own[0]}:{self._own[1]}"

    def __enter__(self) -> Relay:
        self.come()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go()

    def come(self) -> None:
        """Listens (again), on the port it ever had."""
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(_PATIENCE_S)
                try:
                    relay._converse(self.request)
                except OSError:  # either side is gone: for the daemon an end without an answer
                    _reset(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(self._own, Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def go(self) -> None:
        """Refuses connections, until it comes back; what is under way goes on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _converse(self, daemon: Any) -> None:
        """One request, one answer; the server says with its end that this was all."""
        request = _exactly(daemon, HEADER.size)
        request += _exactly(daemon, HEADER.unpack(request)[2])
        with socket.create_connection(self._target, _PATIENCE_S) as server:
            server.sendall(request)
            answer = b""
            while piece := server.recv(65536):
                answer += piece
        if answer and self.loses():
            self.lost += 1
            _reset(daemon)
            return
        # Counted first: whoever sees its effect finds it counted.
        self.answered += bool(answer)
        daemon.sendall(answer)


def _exactly(connection: Any, count: int) -> bytes:
    received = b""
    while len(received) < count:
        piece = connection.recv(count - len(received))
        if not piece:
            raise ConnectionError(f"it ended after {len(received)} of {count} bytes")
        received += piece
    return received


def _reset(connection: Any) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()
