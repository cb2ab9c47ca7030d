"""One conversation with one trapper, with one deadline for all of it: look up, connect, send, receive.

py-zabbix takes this object through its public `socket_wrapper` (settimeout, connect, sendall, recv, close).
It reads the header of an answer, so that no more than the answer is read. Encryption is a Channel that is
passed in. Source: Zabbix manual, "Header".
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any

from tcpwatchd.zabbix.channel import HANDSHAKE, NOT_ZABBIX, WHY_NO_ANSWER, Channel, ExchangeError

_IP_BIND_ADDRESS_NO_PORT = 24  # Linux; the socket module names it from Python 3.13 on
_TIMEOUTS = (TimeoutError, socket.timeout)  # one and the same since Python 3.10
_HEADER = struct.Struct("<4sBII")  # ZBXD, flags, length, reserved


_MOST_ANSWER_BYTES = 65536  # a trapper's answer is one sentence; a redirect is one address


# What socket.getaddrinfo does: name, port → addresses to try in this order.
Resolve = Callable[..., Sequence[tuple[Any, ...]]]


class Exchange:
    """Stands in for the unconnected IPv4 socket of py-zabbix: names, IPv6, a deadline, exact reads.

    `source` is an address of this host that connections come from; empty: the kernel chooses. An answer of
    more than `most_answer_bytes` is none.
    """

    def __init__(
        self,
        timeout_s: float,
        steady_s: Callable[[], float],
        resolve: Resolve = socket.getaddrinfo,
        channel: Channel | None = None,
        source: str = "",
        most_answer_bytes: int = _MOST_ANSWER_BYTES,
    ) -> None:
        self._most_answer_bytes = most_answer_bytes
        self._source = source
        self._resolve = resolve
        self._channel = channel
        self._timeout_s = timeout_s
        self._deadline_s = 0.0
        self._steady_s = steady_s
        self._socket: socket.socket | None = None
        self._step = "connecting"
        self._begun = False

    def settimeout(self, _seconds: float) -> None:
        """py-zabbix sets a limit for each call; here the deadline for all of them counts."""

    def connect(self, address: tuple[str, int]) -> None:
        """Tries every address of the name, sharing out the time that is left among them."""
        self._deadline_s = self._steady_s() + self._timeout_s
        host, port = address
        try:
            found = self._resolve(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:  # ValueError: a label empty, too long, or with NUL in it
            reason = error.strerror if isinstance(error, OSError) else "it is no valid host name"
            raise ExchangeError(
                f"the name {host} cannot be resolved: {reason}",
                "check zabbix.servers and DNS on this host",
            ) from error
        if self._steady_s() >= self._deadline_s:
            raise ExchangeError(
                f"looking up the name {host} took longer than zabbix.timeout", "check DNS on this host"
            )
        if self._source:
            family = socket.AF_INET6 if ":" in self._source else socket.AF_INET
            found = [one for one in found if one[0] == family]
            if not found:
                raise ExchangeError(
                    f"the name {host} has no address of the family of {self._source}",
                    "check zabbix.source_ip",
                )
        problem: OSError | None = None
        for nth, (family, kind, protocol, _, sockaddr) in enumerate(found):
            trial = None
            try:
                trial = self._new_socket(family, kind, protocol)
                trial.settimeout(self._left_s() / (len(found) - nth))
                trial.connect(sockaddr)
            except ExchangeError:
                raise
            except OSError as error:
                problem = error
                if trial is not None:
                    trial.close()
            else:
                self._socket = trial
                self._shake_hands()
                return
        raise _connect_error(problem) from problem

    def described(self) -> str:
        """How the connection is protected; empty if it is not."""
        return self._channel.described(self._connected()) if self._channel else ""

    def sendall(self, packet: bytes) -> None:
        """Sends the whole request."""
        self._step = "sending"
        connection = self._connected()
        try:
            connection.settimeout(self._left_s())
            connection.sendall(packet)
        except OSError as error:
            raise self._broken(error) from error

    def ask(self, body: bytes) -> bytes:
        """Sends a request and returns the body of the answer."""
        self.sendall(_HEADER.pack(b"ZBXD", 1, len(body), 0) + body)
        _magic, _flags, length, _reserved = _HEADER.unpack(self.recv(_HEADER.size))
        return self.recv(length)

    def recv(self, count: int) -> bytes:
        """Exactly `count` bytes of the answer. The first call reads the header and judges it."""
        if self._step == "reading":
            return self._exactly(count)
        self._step = "reading"
        header = self._exactly(_HEADER.size)
        magic, flags, length, _reserved = _HEADER.unpack(header)
        if magic != b"ZBXD":
            raise ExchangeError(
                f"answered with something that is not Zabbix's protocol ({header[:8]!r}…)",
                NOT_ZABBIX,
            )
        if flags != 1 or length > self._most_answer_bytes:
            raise ExchangeError(
                f"answered with a header that is not understood (flags {flags}, {length} bytes)",
                NOT_ZABBIX,
            )
        # py-zabbix takes length and reserved for one number; reserved means nothing in a plain answer.
        self._begun = True
        return _HEADER.pack(magic, flags, length, 0)

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _new_socket(self, family: int, kind: int, protocol: int) -> socket.socket:
        made = socket.socket(family, kind, protocol)
        if self._source:
            try:
                # Without a port of its own: the kernel can then share one among destinations.
                made.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                made.bind((self._source, 0))
            except OSError as error:
                made.close()
                raise ExchangeError(
                    f"cannot be called from {self._source}: {error.strerror}",
                    "zabbix.source_ip has to be an address of this host",
                ) from error
        return self._channel.wrap(made) if self._channel else made

    def _shake_hands(self) -> None:
        if self._channel is None:
            return
        self._step = HANDSHAKE
        connection = self._connected()
        try:
            connection.settimeout(self._left_s())
            self._channel.shake_hands(connection)
        except ExchangeError:
            raise
        except OSError as error:
            raise self._broken(error) from error

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise ExchangeError("is not connected", "")
        return self._socket

    def _exactly(self, count: int) -> bytes:
        connection = self._connected()
        answer = b""
        while len(answer) < count:
            try:
                connection.settimeout(self._left_s())
                piece = connection.recv(count - len(answer))
            except OSError as error:
                raise self._broken(error) from error
            if not piece:
                raise ExchangeError(
                    f"closed the connection after {len(answer)} of {count} bytes of its answer"
                    if answer or self._begun
                    else "closed the connection without an answer",
                    self._channel.why_no_answer() if self._channel else WHY_NO_ANSWER,
                )
            answer += piece
        return answer

    def _left_s(self) -> float:
        left_s = self._deadline_s - self._steady_s()
        if left_s <= 0:
            raise TimeoutError
        return left_s

    def _broken(self, error: OSError) -> ExchangeError:
        if isinstance(error, _TIMEOUTS):
            return ExchangeError(
                f"took longer than zabbix.timeout ({self._step})",
                "overloaded, a bad path, or no Zabbix trapper there; raise zabbix.timeout if it is only slow",
            )
        if self._channel and (told := self._channel.told(error, self._step)):
            return told
        return ExchangeError(
            f"broke the connection: {error.strerror or error} ({self._step})",
            "its log says why; a firewall in between can do this too",
        )


def _connect_error(error: OSError | None) -> ExchangeError:
    if isinstance(error, ConnectionRefusedError):
        return ExchangeError(
            "refused the connection",
            "is the Zabbix server running, and is this its trapper port (10051)?",
        )
    if isinstance(error, ConnectionResetError):
        return ExchangeError(
            "reset the connection before it was made",
            "its server may just be stopping or starting; else look for a firewall that answers for it",
        )
    if error is None or isinstance(error, _TIMEOUTS):
        return ExchangeError(
            "did not answer the connection in time",
            "is the host up, and does a firewall let port 10051 through?",
        )
    return ExchangeError(
        f"cannot be reached: {error.strerror or error}",
        "check the route and the firewall to that address",
    )
