"""Encodes sock_diag requests and decodes the answers. No socket is opened here.

There are two forms of request. The older one, TCPDIAG_GETSOCK, is answered for IPv4 and IPv6 in one walk
over the kernel's table; SOCK_DIAG_BY_FAMILY walks it once for each family. Both take the states that are
wanted: the others are walked over and not copied, and copying is most of the cost. A filter, which the
kernel runs for each socket, leaves out more. Sources: include/uapi/linux/{netlink,sock_diag,inet_diag}.h,
net/ipv4/inet_diag.c, sock_diag(7).
"""

from __future__ import annotations

import abc
import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple, Union

from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import State

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

# struct inet_diag_msg behind the header: where its fields begin. Attributes may follow it. Ports, addresses
# are in network order, all else in the host's.
FAMILY, STATE, TIMER, RETRANS, LOCAL_PORT, REMOTE_PORT, LOCAL, REMOTE, COOKIE, QUEUE, UID, INODE = (
    _NLMSGHDR.size + offset for offset in (0, 1, 2, 3, 4, 6, 8, 24, 44, 56, 64, 68)
)
_ROW_BYTES = _NLMSGHDR.size + 72
_FAMILIES, _STATES = bytes((AF_INET, AF_INET6)), bytes(State)
_ERRNO = struct.Struct("=i")
_NLATTR = struct.Struct("=HH")
_INET_DIAG_REQ_BYTECODE = 1

Datagram = Union[bytes, bytearray]


def mask(states: Iterable[State]) -> int:
    """The bits of these states, as a request carries them."""
    return sum(1 << state for state in states)


# Bits 1 to 11 exactly: bit 13 would add bound idle sockets of newer kernels, shown as state 7.
ALL_STATES = mask(State)


def request(sequence: int, states: int = ALL_STATES, family: int = 0, bytecode: bytes = b"") -> bytes:
    """The request for a dump of the TCP sockets whose state's bit is set in `states`.

    `family` 0 asks for both families at once (TCPDIAG_GETSOCK), any other for that one (SOCK_DIAG_BY_FAMILY).
    `bytecode` is a filter, see `port_filter`.
    """
    if family:
        kind = SOCK_DIAG_BY_FAMILY
        body = _INET_DIAG_REQ_V2.pack(family, _IPPROTO_TCP, 0, 0, states, b"")
    else:
        kind = TCPDIAG_GETSOCK
        body = _INET_DIAG_REQ.pack(0, 0, 0, 0, b"", states, 0)
    if bytecode:
        body += _NLATTR.pack(_NLATTR.size + len(bytecode), _INET_DIAG_REQ_BYTECODE) + bytecode
    flags = NLM_F_REQUEST | NLM_F_DUMP
    return _NLMSGHDR.pack(_NLMSGHDR.size + len(body), kind, flags, sequence, 0) + body


class DumpRefusedError(SampleError):
    """The kernel answered with an error number (`code`, positive) instead of a whole dump."""

    def __init__(self, code: int) -> None:
        super().__init__("the kernel refused the socket dump", f"error {code}")
        self.code = code


class Run(NamedTuple):
    """Rows of one length that follow each other in a datagram: they begin `step` bytes apart, the first at
    `at`, the last before `stop`.

    Sockets come in long runs of one length. Where every header byte stays the same from row to row, any one
    byte of all of them is a slice, and slices are counted in C.
    """

    datagram: Datagram
    at: int
    stop: int
    step: int

    def column(self, offset: int) -> Datagram:
        """One byte of each row."""
        return self.datagram[self.at + offset : self.stop : self.step]

    def field(self, begin: int, end: int) -> list[bytes]:
        """The same bytes of each row."""
        copied = bytes(self.datagram[self.at : self.stop])
        return [copied[row + begin : row + end] for row in range(0, len(copied), self.step)]


class Dump(abc.ABC):
    """Takes the answer to one request apart as its datagrams arrive; a subclass reads the `take`n rows.

    `feed` them in order until it returns True. Anything that makes the answer less than whole raises
    SampleError, and the dump is over. `family` as it was in the request.
    """

    def __init__(self, sequence: int, family: int = 0) -> None:
        self._sequence = sequence
        self._kind = SOCK_DIAG_BY_FAMILY if family else TCPDIAG_GETSOCK
        self.over = False

    @abc.abstractmethod
    def take(self, run: Run) -> None:
        """Reads some rows."""

    def feed(self, datagram: Datagram, size_bytes: int | None = None) -> bool:
        """Takes one datagram; True when it ended the dump. `size_bytes`: how much of a buffer it fills."""
        at, end = 0, len(datagram) if size_bytes is None else size_bytes
        while at < end:
            if self.over:
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
                at += self._find_run(datagram, at, end, length)
                continue
            self._control(kind, datagram[at + _NLMSGHDR.size : at + length])
            at += (length + 3) & ~3
        return self.over

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
        self.over = True

    def _find_run(self, datagram: Datagram, at: int, end: int, length: int) -> int:
        """Hands on the longest run of like rows that begins at `at`; returns the bytes it spans."""
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
        rows = Run(datagram, at, stop, step)
        # What is left where all that is known is taken out.
        families = rows.column(FAMILY).translate(None, _FAMILIES)
        states = rows.column(STATE).translate(None, _STATES)
        if families or states:
            strange = f"family {families[0]}" if families else f"state {states[0]}"
            raise SampleError("socket dump is malformed", f"a socket of {strange}")
        self.take(rows)
        return stop - at


IPV4_MAPPED = bytes(10) + b"\xff\xff"


def address(family: int, raw: bytes) -> str:
    """The text of sixteen bytes; one that only carries an IPv4 address is written as that."""
    if family == AF_INET:
        return socket.inet_ntop(socket.AF_INET, raw[:4])
    if raw.startswith(IPV4_MAPPED):
        return socket.inet_ntop(socket.AF_INET, raw[12:16])
    return socket.inet_ntop(socket.AF_INET6, raw[:16])


def endpoint(family: int, raw: bytes, port: bytes) -> str:
    """The same with a port, two bytes in network order."""
    text = address(family, raw)
    number = int.from_bytes(port, "big")
    return f"[{text}]:{number}" if ":" in text else f"{text}:{number}"
