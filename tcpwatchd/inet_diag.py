"""The sock_diag wire: one request out, datagrams in, a tally per family at the end.

Alone knows the byte layout of a TCP socket dump and what makes one whole. No socket is opened here.
Sources: include/uapi/linux/{netlink,sock_diag,inet_diag}.h, net/ipv4/inet_diag.c, sock_diag(7).

There are two forms of request. The older one, TCPDIAG_GETSOCK, is answered for IPv4 and IPv6 in one walk over
the kernel's table; SOCK_DIAG_BY_FAMILY walks it once for each family. Either takes the states asked for:
those left out are walked over and not copied, and the copying is most of the cost.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from typing import Union

from tcpwatchd.errors import SampleError
from tcpwatchd.sockets import Listener, State, Tally, Walk

NETLINK_SOCK_DIAG = 4
TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY = 18, 20
DATAGRAM_BYTES = 65536  # the kernel fills at most 32 KiB, whatever the room

NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, NLMSG_OVERRUN = 1, 2, 3, 4
NLM_F_REQUEST, NLM_F_DUMP, NLM_F_DUMP_INTR = 0x001, 0x300, 0x010
AF_INET, AF_INET6 = 2, 10  # the kernel's numbers, not this platform's: a dump is always Linux

_NLMSGHDR = struct.Struct("=IHHII")  # nlmsg_len, nlmsg_type, nlmsg_flags, nlmsg_seq, nlmsg_pid
# inet_diag_req: family, src_len, dst_len, ext, id (48 bytes), states, dbs. All zero but the states: no
# family, no address, no extension (an INET_DIAG_INFO would make each row several times larger).
_INET_DIAG_REQ = struct.Struct("=BBBB48sII")
# inet_diag_req_v2: family, protocol, ext, pad, states, id (48 bytes).
_INET_DIAG_REQ_V2 = struct.Struct("=BBBBI48s")
_IPPROTO_TCP = 6

# struct inet_diag_msg behind the header: where its fields begin. Attributes may follow it.
_FAMILY, _STATE, _TIMER, _PORT, _SOURCE, _QUEUE, _INODE = (
    _NLMSGHDR.size + offset for offset in (0, 1, 2, 4, 8, 56, 68)
)
_ROW_BYTES = _NLMSGHDR.size + 72
_TIMER_OF_TIME_WAIT = 3  # what a record of TIME_WAIT's kind says, also while it stands for FIN_WAIT2
_ERRNO = struct.Struct("=i")
_QUEUES = struct.Struct("=II")  # idiag_rqueue, idiag_wqueue: of a listener, who waits and the backlog
_NOBODY_WAITS = b"\0\0\0\0"

Datagram = Union[bytes, bytearray]


def mask(states: Iterable[State]) -> int:
    """The bits of these states, as a request carries them."""
    return sum(1 << state for state in states)


# Bits 1 to 11 exactly: bit 13 would add bound idle sockets of newer kernels, shown as state 7.
ALL_STATES = mask(State)


def request(sequence: int, states: int = ALL_STATES, family: int = 0) -> bytes:
    """The request for a dump of the TCP sockets whose state's bit is set in `states`.

    `family` 0 asks for both families at once (TCPDIAG_GETSOCK), any other for that one (SOCK_DIAG_BY_FAMILY).
    """
    if family:
        kind = SOCK_DIAG_BY_FAMILY
        body = _INET_DIAG_REQ_V2.pack(family, _IPPROTO_TCP, 0, 0, states, b"")
    else:
        kind = TCPDIAG_GETSOCK
        body = _INET_DIAG_REQ.pack(0, 0, 0, 0, b"", states, 0)
    flags = NLM_F_REQUEST | NLM_F_DUMP
    return _NLMSGHDR.pack(_NLMSGHDR.size + len(body), kind, flags, sequence, 0) + body


class DumpRefusedError(SampleError):
    """The kernel answered with an error number (`code`, positive) instead of a whole dump."""

    def __init__(self, code: int) -> None:
        super().__init__("the kernel refused the socket dump", f"error {code}")
        self.code = code


class Dump:
    """Counts the answer to one request as its datagrams arrive.

    `feed` them in order until it returns True, then ask for the `walk`. Anything that makes the answer less
    than whole raises SampleError, and the dump is over. `family` as it was in the request.
    """

    def __init__(self, sequence: int, family: int = 0) -> None:
        self._sequence = sequence
        self._kind = SOCK_DIAG_BY_FAMILY if family else TCPDIAG_GETSOCK
        self._done = False
        self._counts: Counter[tuple[int, int]] = Counter()
        self._orphaned = self._minis = 0
        self._queues: list[Listener] = []

    def feed(self, datagram: Datagram, size_bytes: int | None = None) -> bool:
        """Counts one datagram; True when it ended the dump. `size_bytes`: how much of a buffer it fills."""
        at, end = 0, len(datagram) if size_bytes is None else size_bytes
        while at < end:
            if self._done:
                raise SampleError("socket dump is malformed", "messages after its end")
            if end - at < _NLMSGHDR.size:
                raise SampleError("socket dump is malformed", f"{end - at} bytes left of a header")
            length, kind, flags, sequence, _port = _NLMSGHDR.unpack_from(datagram, at)
            if length < _NLMSGHDR.size or length > end - at:
                raise SampleError(
                    "socket dump is malformed",
                    f"a message of {length} bytes where {end - at} are left",
                )
            if sequence != self._sequence:
                raise SampleError("socket dump is not ours", f"sequence {sequence}, asked {self._sequence}")
            if flags & NLM_F_DUMP_INTR:
                raise SampleError("socket dump was interrupted", "the kernel's table changed under it")
            # Messages are padded to four bytes; the padding of the last one may be left out.
            if kind == self._kind:
                at += self._count_run(datagram, at, end, length)
                continue
            self._control(kind, datagram[at + _NLMSGHDR.size : at + length])
            at += (length + 3) & ~3
        return self._done

    def _control(self, kind: int, body: Datagram) -> None:
        """Takes a message that is not a socket."""
        if kind == NLMSG_NOOP:
            return
        if kind == NLMSG_OVERRUN:
            raise SampleError("socket dump is not whole", "the kernel says data was lost (NLMSG_OVERRUN)")
        if kind not in (NLMSG_ERROR, NLMSG_DONE):
            raise SampleError("socket dump is malformed", f"message type {kind} is not known here")
        # NLMSG_DONE carries an error number too: negative when the dump broke off after it had begun.
        error = _ERRNO.unpack_from(body)[0] if len(body) >= _ERRNO.size else 0
        if kind == NLMSG_ERROR or error:
            raise DumpRefusedError(-error)
        self._done = True

    def _count_run(self, datagram: Datagram, at: int, end: int, length: int) -> int:
        """Counts the longest run of like messages that begins at `at`; returns the bytes it spans.

        Sockets come in long runs of one length. Where every header byte stays the same from message to
        message, any one byte of all of them is a slice, and slices are counted in C.
        """
        if length < _ROW_BYTES:
            raise SampleError(
                "socket dump is malformed", f"a socket of {length} bytes, at least {_ROW_BYTES}"
            )
        step = (length + 3) & ~3
        stop = end - length + 1  # the last place where a whole message can begin
        run = (stop - at + step - 1) // step
        for byte in range(_NLMSGHDR.size):
            column = datagram[at + byte : at + run * step : step]
            if column.count(column[:1]) < run:
                run = len(column) - len(column.lstrip(column[:1]))
        stop = at + run * step
        families, states = datagram[at + _FAMILY : stop : step], datagram[at + _STATE : stop : step]
        self._counts.update(zip(families, states))
        if State.FIN_WAIT2 in states:
            timers = datagram[at + _TIMER : stop : step]
            self._minis += list(zip(states, timers)).count((State.FIN_WAIT2, _TIMER_OF_TIME_WAIT))
            inodes = (datagram[at + _INODE + byte : stop : step] for byte in range(4))
            self._orphaned += list(zip(states, *inodes)).count((State.FIN_WAIT2, 0, 0, 0, 0))
        if State.LISTEN in states:
            self._look_at_listeners(datagram, at, step, states)
        return stop - at

    def _look_at_listeners(self, datagram: Datagram, at: int, step: int, states: Datagram) -> None:
        """Notes those at which somebody waits, which are few at any time."""
        index = states.find(State.LISTEN)
        while index >= 0:
            row = at + index * step
            if datagram[row + _QUEUE : row + _QUEUE + 4] != _NOBODY_WAITS:
                self._queues.append(
                    Listener(_address(datagram, row), *_QUEUES.unpack_from(datagram, row + _QUEUE))
                )
            index = states.find(State.LISTEN, index + 1)

    def walk(self) -> Walk:
        """The counts. SampleError when the dump is not over or holds what cannot be."""
        if not self._done:
            raise SampleError("socket dump is not whole", "it has no end")
        for family, state in self._counts:
            if family not in (AF_INET, AF_INET6) or not 1 <= state <= 11:
                raise SampleError("socket dump is malformed", f"a socket of family {family} in state {state}")
        ipv4, ipv6 = (
            Tally(tuple(self._counts[family, state] for state in range(12))) for family in (AF_INET, AF_INET6)
        )
        return Walk(ipv4, ipv6, self._orphaned, self._minis, tuple(self._queues))


def _address(datagram: Datagram, row: int) -> str:
    """Address and port that a socket is bound to, as ss writes them."""
    import ipaddress  # noqa: PLC0415 - a megabyte that is needed only where a listener is behind

    source = bytes(datagram[row + _SOURCE : row + _SOURCE + 16])
    port = int.from_bytes(datagram[row + _PORT : row + _PORT + 2], "big")
    if datagram[row + _FAMILY] == AF_INET:
        return f"{ipaddress.IPv4Address(source[:4])}:{port}"
    return f"[{ipaddress.IPv6Address(source)}]:{port}"
