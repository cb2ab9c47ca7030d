"""What tests put in the place of the kernel and the clocks: functions and values, no patched names.

Alone knows how a socket dump is encoded, the other direction of `inet_diag`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from tcpwatchd.clock import Clock
from tcpwatchd.errors import SampleError
from tcpwatchd.model import NS_PER_S, Snapshot, Stamp, State, Tally

IPV4, IPV6 = 2, 10
SEQUENCE = 7


def message(kind: int, body: bytes, sequence: int = SEQUENCE, flags: int = 2, port: int = 99) -> bytes:
    """One netlink message, padded."""
    raw = struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, port) + body
    return raw + b"\0" * (-len(raw) % 4)


def row(family: int, state: int, extra: int = 0, sequence: int = SEQUENCE, flags: int = 2) -> bytes:
    """One socket: struct inet_diag_msg with `extra` bytes of attributes behind it."""
    return message(18, bytes([family, state]) + b"\x5a" * (70 + extra), sequence, flags)


def done(error: int = 0, sequence: int = SEQUENCE) -> bytes:
    """The end of a dump."""
    return message(3, struct.pack("=i", error), sequence)


@dataclass
class FakeTime:
    """A clock that tests move. `clock` is what the code under test is given."""

    steady_s: float = 1000.0
    wall_ns: int = 1_700_000_000 * NS_PER_S + 123_456_789
    cpu_s: float = 0.5
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(
            wall_ns=lambda: self.wall_ns,
            steady_s=lambda: self.steady_s,
            cpu_s=lambda: self.cpu_s,
            thread_cpu_s=lambda: self.cpu_s,
        )

    def pass_s(self, seconds: float) -> None:
        """Time goes on, on both clocks."""
        self.steady_s += seconds
        self.wall_ns += round(seconds * NS_PER_S)


class ListBackend:
    """A kernel that answers from a list: a tally pair, or an error; its last answer for ever after."""

    name = "list"

    def __init__(self, *answers: tuple[Tally, Tally] | SampleError) -> None:
        self.answers: Sequence[tuple[Tally, Tally] | SampleError] = answers
        self.asked = 0

    def read(self) -> tuple[Tally, Tally]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, SampleError):
            raise answer
        return answer

    def close(self) -> None:
        """Holds nothing."""


def tally(**sockets: int) -> Tally:
    """`tally(established=3, listen=1)`."""
    counts = [0] * 12
    for name, count in sockets.items():
        counts[State[name.upper()]] = count
    return Tally(tuple(counts))


def snapshot(at_s: float, closed: int | None = 0, **sockets: int) -> Snapshot:
    """A snapshot with these IPv4 sockets, taken `at_s`."""
    stamp = Stamp(1_700_000_000 + int(at_s), 5)
    return Snapshot(stamp, at_s, "fake", tally(**sockets), Tally(), closed)
