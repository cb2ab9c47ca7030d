"""A TCP server on loopback whose whole behaviour is one function, called for each connection.

What a good or a broken answer looks like is for the tests to say; only the form of a request's header is
known here, to know where it ends.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType

from tcpwatchd.zabbix.addresses import Node

HEADER = struct.Struct("<4sBII")  # magic, flags, length, reserved
_PATIENCE_S = 10.0  # no script waits longer for its other side


class Connection:
    """The server's end of one connection; `received` is all that was read from it so far."""

    def __init__(self, accepted: socket.socket) -> None:
        accepted.settimeout(_PATIENCE_S)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = accepted
        self.received = b""

    def read_request(self) -> bytes:
        """One whole request, header and body; less only if the other side ends before."""
        header = self._read(HEADER.size)
        if len(header) < HEADER.size:
            return header
        return header + self._read(HEADER.unpack(header)[2])

    def read(self, count: int) -> bytes:
        """So many bytes; less only if the other side ends before."""
        return self._read(count)

    def secure(self, context: ssl.SSLContext) -> None:
        """The server's part of a TLS handshake; all that follows is encrypted."""
        secured = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._socket = secured
        secured.do_handshake()

    def send(self, data: bytes) -> None:
        """Sends all of it, as a segment of its own."""
        self._socket.sendall(data)

    def hold(self, seconds: float = _PATIENCE_S) -> bool:
        """Keeps quiet until the other side ends, or `seconds` are over; True if it has ended."""
        self._socket.settimeout(seconds)
        try:
            while self._read(65536):
                pass
        except (TimeoutError, socket.timeout):
            return False
        return True

    def reset(self) -> None:
        """Ends with RST in place of FIN."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """Ends it, with FIN if everything was read and with RST if not."""
        self._socket.close()

    def cut(self) -> None:
        """Wakes a script that waits; a thread other than the server's may do this."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                break
            data += piece
            self.received += piece
        return data


Script = Callable[[Connection], None]


class ScriptedServer:
    """Answers at `node` between `with` and its end; `connections` are all that came, oldest first.

    One connection at a time: a script has the server to itself until it returns.
    """

    def __init__(self, script: Script, host: str = "127.0.0.1") -> None:
        self._script = script
        self.connections: list[Connection] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.node = Node(host, self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, name="scripted server", daemon=True)

    @property
    def received(self) -> list[bytes]:
        """What each connection brought, as raw bytes."""
        return [connection.received for connection in self.connections]

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes an accept that waits
        for connection in self.connections:
            connection.cut()
        self._thread.join(_PATIENCE_S)
        self._listener.close()
        assert not self._thread.is_alive(), "the script does not end"

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            connection = Connection(accepted)
            self.connections.append(connection)
            with contextlib.suppress(OSError):  # the other side may be gone; that is its business
                self._script(connection)
            connection.close()
