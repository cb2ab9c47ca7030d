"""What tests put in the place of the kernel and the clocks: functions and values, no patched names."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tcpwatchd.diagnosis.ages import Ages
from tcpwatchd.kernel.counter_estimates import CurrEstab
from tcpwatchd.kernel.procnet import Counters
from tcpwatchd.model.clock import NS_PER_S, Clock, Stamp
from tcpwatchd.model.cookies import Cookies
from tcpwatchd.model.errors import CountersError, SampleError
from tcpwatchd.model.sockets import Listener, Reading, Snapshot, State, Tally, Walk

Answer = TypeVar("Answer")

IPV4, IPV6 = 2, 10
SEQUENCE = 7
COOKIE = 0x5A5A5A5A5A5A5A5A


def message(kind: int, body: bytes, sequence: int = SEQUENCE, flags: int = 2, port: int = 99) -> bytes:
    """One netlink message, padded."""
    raw = struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, port) + body
    return raw + b"\0" * (-len(raw) % 4)


def row(
    family: int,
    state: int,
    extra: int = 0,
    sequence: int = SEQUENCE,
    flags: int = 2,
    timer: int = 0,
    inode: int = 4711,
    kind: int = 18,
    bound: tuple[bytes, int] = (b"\x5a" * 16, 0x5A5A),
    queues: tuple[int, int] = (0, 0),
    retrans: int = 0,
) -> bytes:
    """One socket: struct inet_diag_msg with `extra` bytes of attributes behind it.

    `bound` are the bytes of its address and its port, `queues` its rqueue and wqueue. Its cookie
    is `COOKIE`.
    """
    address, port = bound
    body = struct.pack(">BBBBHH16s", family, state, timer, retrans, port, 0, address) + b"\x5a" * 32
    body += struct.pack("=IIII", *queues, 1000, inode)
    return message(kind, body + b"\x5a" * extra, sequence, flags)


def row_between(
    local: str,
    local_port: int,
    remote: str,
    remote_port: int,
    state: int = 1,
    uid: int = 0,
    inode: int = 4711,
    cookie: int = 0,
) -> bytes:
    """One socket with its ends, as the kernel writes them: an IPv4 address in the first four of 16 bytes."""
    ends = [ipaddress.ip_address(local), ipaddress.ip_address(remote)]
    family = IPV4 if ends[0].version == 4 else IPV6
    addresses = b"".join(end.packed.ljust(16, b"\0") for end in ends)
    body = struct.pack("!BBBBHH32sI", family, state, 0, 0, local_port, remote_port, addresses, 0)
    body += struct.pack("=QIIIII", cookie, 0, 0, 0, uid, inode)
    return message(18, body)


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
    """A kernel that answers from a list: a walk, or an error; its last answer for ever after."""

    name = "list"

    def __init__(self, *answers: Walk | Exception) -> None:
        self.answers: Sequence[Walk | Exception] = answers
        self.asked = 0
        self.walked: Callable[[], None] = lambda: None

    def read(self) -> Walk:
        self.walked()
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """Holds nothing."""


class NoneIsOld:
    """The part of an Inspector that counts old sockets: there are none."""

    ages = Ages()

    def call_old(self, old_s: float) -> None:
        """Has nothing to change."""

    def old(self, _cookies: Mapping[State, Cookies], _now_s: float) -> Mapping[State, int]:
        return {}


@dataclass
class StillKernel:
    """Sockets that stand still, as a FastPath asks for them.

    `off_by` is what CurrEstab is wrong by; `opens` grows by `opens_each` with each reading.
    """

    meaning: CurrEstab
    sockets: Tally
    off_by: int = 0
    opens_each: int = 0
    experiment: CurrEstab | None = None
    blind: bool = False
    refuses: bool = False
    opens: int = 0
    walks: list[int] = field(default_factory=list)
    experiments: int = 0
    walked: Callable[[], None] = lambda: None

    def walk(self, states: int) -> Walk:
        if self.refuses:
            raise SampleError("socket dump is not whole", "a test")
        self.walks.append(states)
        if states != 1 << State.LISTEN:  # listeners are in a short table of their own
            self.walked()
        asked = (count if states >> state & 1 else 0 for state, count in enumerate(self.sockets.counts))
        return Walk(Tally(tuple(asked)), Tally(), orphaned=0)

    def counters(self, for_audit: bool = False) -> Counters:
        if self.blind:
            raise CountersError("cannot read the kernel's counters", "a test")
        self.opens += self.opens_each
        return Counters(
            self.sockets[State.ESTABLISHED]
            + self.off_by
            + (self.sockets[State.CLOSE_WAIT] if self.meaning is CurrEstab.WITH_CLOSE_WAIT else 0),
            self.sockets[State.TIME_WAIT],
            self.opens,
            0 if for_audit else None,
        )

    def half_close(self) -> CurrEstab | None:
        self.experiments += 1
        return self.experiment


def tally(**sockets: int) -> Tally:
    """`tally(established=3, listen=1)`."""
    counts = [0] * 12
    for name, count in sockets.items():
        counts[State[name.upper()]] = count
    return Tally(tuple(counts))


def walk(
    orphaned: int | None = 0,
    minis: int = 0,
    queues: tuple[Listener, ...] | None = (),
    **sockets: int,
) -> Walk:
    """A walk that found these IPv4 sockets."""
    return Walk(tally(**sockets), Tally(), orphaned, minis, queues)


def snapshot(at_s: float, closed: int | None = 0, **sockets: int) -> Snapshot:
    """A snapshot with these IPv4 sockets, taken `at_s`."""
    stamp = Stamp(1_700_000_000 + int(at_s), 5)
    return Snapshot(stamp, at_s, "fake", Reading.of(Walk(tally(**sockets), Tally(), 0)), closed)


class _Unguarded:
    """Runs the parts of a push, and lets through what they raise."""

    def attempt(self, part: str, work: Callable[[], Answer]) -> Answer | None:  # noqa: ARG002 - has no use for it
        return work()


UNGUARDED = _Unguarded()
