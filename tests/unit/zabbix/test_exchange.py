"""The time limits of one exchange, and the header of an answer, against a socket that is a fake."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Any, cast

import pytest

from tcpwatchd.zabbix.channel import ExchangeError
from tcpwatchd.zabbix.exchange import Exchange

TIMEOUT_S = 10.0
HEADER = struct.Struct("<4sBII")


class FakeSocket:
    """Notes each time limit; `connect` takes `connects_s` of the clock and fails if it is told to."""

    def __init__(self, clock: Clock, connects_s: float, answer: bytes) -> None:
        self._clock, self._connects_s, self._answer = clock, connects_s, answer

    def settimeout(self, seconds: float) -> None:
        self._clock.limits_s.append(seconds)

    def connect(self, _address: object) -> None:
        self._clock.now_s += abs(self._connects_s)
        if self._connects_s > 0:
            raise self._clock.error

    def recv(self, count: int) -> bytes:
        piece, self._answer = self._answer[:count], self._answer[count:]
        return piece

    def close(self) -> None:
        pass


class Clock:
    """A clock that is moved by hand, and the time limits that sockets were given."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.limits_s: list[float] = []
        self.error: OSError = ConnectionRefusedError(111, "Connection refused")


class Plain:
    """A channel that hands out fake sockets, one for each address, and protects nothing."""

    def __init__(self, clock: Clock, connects_s: Sequence[float], answer: bytes) -> None:
        self._made = [FakeSocket(clock, seconds, answer) for seconds in connects_s]

    def wrap(self, connection: socket.socket) -> socket.socket:
        connection.close()
        return cast(socket.socket, self._made.pop(0))

    def shake_hands(self, _connection: socket.socket) -> None:
        pass

    def described(self, _connection: socket.socket) -> str:
        return ""

    def told(self, _error: OSError, _step: str) -> ExchangeError | None:
        return None

    def why_no_answer(self) -> str:
        return "why"


def exchange(clock: Clock, *connects_s: float, look_up_s: float = 0.0, answer: bytes = b"") -> Exchange:
    """`connects_s`: what each address takes; positive: it refuses then, negative: it connects."""

    def resolve(_host: str, port: int, **_kinds: Any) -> Any:
        clock.now_s += look_up_s
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * len(connects_s)

    channel = Plain(clock, connects_s, answer)
    return Exchange(TIMEOUT_S, lambda: clock.now_s, resolve, channel)


def test_each_address_of_a_name_gets_its_share_of_the_time_that_is_left() -> None:
    clock = Clock()
    with pytest.raises(ExchangeError, match="refused the connection"):
        exchange(clock, 1.0, 3.0, 0.5).connect(("name", 10051))
    assert clock.limits_s == [pytest.approx(10 / 3), pytest.approx(9 / 2), pytest.approx(6.0)]


def test_what_a_slow_look_up_took_is_missing_afterwards() -> None:
    clock = Clock()
    exchange(clock, -0.5, look_up_s=9.0).connect(("name", 10051))
    assert clock.limits_s[0] == pytest.approx(1.0)


@pytest.mark.parametrize(("look_up_s", "in_time"), [(9.99, True), (10.0, False), (11.0, False)])
def test_a_look_up_that_takes_all_the_time_is_named(look_up_s: float, in_time: bool) -> None:
    one = exchange(Clock(), -0.001, look_up_s=look_up_s)
    if in_time:
        one.connect(("name", 10051))
    else:
        with pytest.raises(ExchangeError, match="looking up the name name took longer than"):
            one.connect(("name", 10051))


def test_a_name_without_an_address_did_not_answer() -> None:
    with pytest.raises(ExchangeError, match="did not answer the connection in time"):
        exchange(Clock()).connect(("name", 10051))


def test_the_last_moment_is_too_late() -> None:
    with pytest.raises(ExchangeError, match="did not answer the connection in time"):
        exchange(Clock(), 10.0, 1.0).connect(("name", 10051))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(113, "No route to host"), "cannot be reached: No route to host"),
        (OSError("odd"), "cannot be reached: odd"),
    ],
)
def test_an_address_that_cannot_be_reached_says_why(error: OSError, said: str) -> None:
    clock = Clock()
    clock.error = error
    with pytest.raises(ExchangeError) as caught:
        exchange(clock, 1.0).connect(("name", 10051))
    assert caught.value.what == said


def test_an_answer_of_another_protocol_is_quoted_by_its_first_bytes() -> None:
    one = exchange(Clock(), -1.0, answer=b"HTTP/1.1 400 Bad Request")
    one.connect(("name", 10051))
    with pytest.raises(ExchangeError) as caught:
        one.recv(13)
    assert caught.value.what == "answered with something that is not Zabbix's protocol (b'HTTP/1.1'…)"


def test_reading_has_the_time_that_connecting_has_left() -> None:
    clock = Clock()
    answer = HEADER.pack(b"ZBXD", 1, 2, 0) + b"{}"
    one = exchange(clock, -4.0, answer=answer)
    one.connect(("name", 10051))
    assert HEADER.unpack(one.recv(13)) == (b"ZBXD", 1, 2, 0)
    assert one.recv(2) == b"{}"
    assert (
        clock.limits_s == [pytest.approx(10.0)] + [pytest.approx(6.0)] * 3
    )  # the handshake's, and two reads


def test_when_the_time_is_over_nothing_more_is_read() -> None:
    clock = Clock()
    one = exchange(clock, -4.0, answer=b"x" * 100)
    one.connect(("name", 10051))
    clock.now_s += 6.0
    with pytest.raises(ExchangeError, match="took longer than"):
        one.recv(13)


@pytest.mark.parametrize(
    ("flags", "length", "taken"),
    [(1, 0, True), (1, 65536, True), (1, 65537, False), (0, 2, False), (3, 2, False)],
)
def test_which_headers_are_understood(flags: int, length: int, taken: bool) -> None:
    one = exchange(Clock(), -1.0, answer=HEADER.pack(b"ZBXD", flags, length, 77))
    one.connect(("name", 10051))
    if taken:
        assert HEADER.unpack(one.recv(13)) == (b"ZBXD", 1, length, 0)
    else:
        with pytest.raises(ExchangeError, match=f"flags {flags}, {length} bytes"):
            one.recv(13)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "closed the connection without an answer"),
        (b"ZBXD", "closed the connection after 4 of 13 bytes of its answer"),
        (HEADER.pack(b"ZBXD", 1, 5, 0), "closed the connection after 0 of 5 bytes of its answer"),
        (HEADER.pack(b"ZBXD", 1, 5, 0) + b"abc", "closed the connection after 3 of 5 bytes of its answer"),
    ],
)
def test_an_answer_that_ends_early_says_how_much_came(answer: bytes, said: str) -> None:
    one = exchange(Clock(), -1.0, answer=answer)
    one.connect(("name", 10051))
    with pytest.raises(ExchangeError, match=said):
        one.recv(13 if len(answer) < 13 else read_header(one))


def read_header(one: Exchange) -> int:
    """How long the rest is."""
    length: int = HEADER.unpack(one.recv(13))[2]
    return length
