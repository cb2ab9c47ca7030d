"""Builds a filter for the kernel: which ports, or which peer, a socket must have to be in a dump.

An operation has four bytes: code, offset if it holds, offset if not; offsets are in bytes from here. A port
is in a second operation. What holds goes on with the next operation, so only the other offset varies. A jump
to the end accepts, a jump to four bytes behind it rejects. Sources: include/uapi/linux/inet_diag.h
(INET_DIAG_BC_*), net/ipv4/inet_diag.c (inet_diag_bc_run, inet_diag_bc_audit).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from tcpwatchd.kernel.inet_diag import AF_INET, AF_INET6

_OPERATION = struct.Struct("=BBH")
_JUMP, _LOCAL_AT_LEAST, _LOCAL_AT_MOST, _REMOTE_AT_LEAST, _REMOTE_AT_MOST = 1, 2, 3, 4, 5
_REMOTE_IS = 8
_PEER = struct.Struct("=BBxxi")  # struct inet_diag_hostcond: family, length of the prefix in bits, port
_IPV4_BYTES = 4
# As many as a distance of 16 bits reaches over. A filter of so many would cost more than it spares anyway.
MOST_RANGES = 1000

Range = tuple[int, int]
"""First and last port."""
Peer = tuple[bytes, int]
"""Address, of 4 or 16 bytes, and port. One of 4 bytes stands for IPv6 sockets that speak IPv4, too."""


@dataclass(frozen=True)
class _Test:
    code: int
    operand: bytes


@dataclass(frozen=True)
class _Every:
    parts: Sequence[Filter]


@dataclass(frozen=True)
class _Any:
    parts: Sequence[Filter]


@dataclass(frozen=True)
class _Choice:
    """`then` where the test holds, else `otherwise`."""

    test: _Test
    then: Filter
    otherwise: Filter


Filter = Union[_Test, _Every, _Any, _Choice]


def every(*parts: Filter) -> Filter:
    """Holds for a socket for which all of these hold."""
    return _Every(parts)


def any_of(*parts: Filter) -> Filter:
    """Holds for a socket for which one of these holds. ValueError without one, or with too many."""
    if not 1 <= len(parts) <= MOST_RANGES:
        raise ValueError(f"{len(parts)} ranges of ports")
    return _Any(parts)


def local(ports: Range) -> Filter:
    """Holds for a local port in this range."""
    return _Every((_port(_LOCAL_AT_LEAST, ports[0]), _port(_LOCAL_AT_MOST, ports[1])))


def remote(ports: Range) -> Filter:
    """Holds for a remote port in this range."""
    return _Every((_port(_REMOTE_AT_LEAST, ports[0]), _port(_REMOTE_AT_MOST, ports[1])))


def local_in(ranges: Sequence[Range]) -> Filter:
    """Holds for a local port in one of these ranges. A few tests find the range, however many there are.
    ValueError without one, or with too many.
    """
    return _search(_disjoint(ranges), _LOCAL_AT_LEAST, _LOCAL_AT_MOST)


def remote_in(ranges: Sequence[Range]) -> Filter:
    """The same of the remote port."""
    return _search(_disjoint(ranges), _REMOTE_AT_LEAST, _REMOTE_AT_MOST)


def _disjoint(ranges: Sequence[Range]) -> Sequence[Range]:
    """In order, and those that touch or overlap as one."""
    if not 1 <= len(ranges) <= MOST_RANGES:
        raise ValueError(f"{len(ranges)} ranges of ports")
    ordered = sorted(ranges)
    found = ordered[:1]
    for first, last in ordered[1:]:
        if first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _search(ranges: Sequence[Range], at_least: int, at_most: int, begin: int | None = None) -> Filter:
    """A binary search. It is known that the port is at least `begin`."""
    if len(ranges) == 1:
        ((first, last),) = ranges
        within = _port(at_most, last)
        return within if first == begin else _Every((_port(at_least, first), within))
    middle = len(ranges) // 2
    split = ranges[middle][0]
    upper = _search(ranges[middle:], at_least, at_most, split)
    return _Choice(_port(at_least, split), upper, _search(ranges[:middle], at_least, at_most, begin))


def to_peer(peer: Peer) -> Filter:
    """Holds for a remote address and port."""
    address, port = peer
    family = AF_INET if len(address) == _IPV4_BYTES else AF_INET6
    return _Test(_REMOTE_IS, _PEER.pack(family, 8 * len(address), port) + address)


def _port(code: int, port: int) -> _Test:
    return _Test(code, _OPERATION.pack(0, 0, port))


def bytecode(wanted: Filter) -> bytes:
    """The filter as a request carries it."""
    return _code(wanted, _OPERATION.size)


def _code(wanted: Filter, no: int) -> bytes:
    """What goes on behind its last byte if the filter holds, and `no` bytes further if it does not."""
    if isinstance(wanted, _Test):
        size = _OPERATION.size + len(wanted.operand)
        return _OPERATION.pack(wanted.code, size, size + no) + wanted.operand
    if isinstance(wanted, _Choice):
        otherwise = _code(wanted.otherwise, no)
        done = _OPERATION.pack(_JUMP, _OPERATION.size, _OPERATION.size + len(otherwise))
        then = _code(wanted.then, len(done) + len(otherwise) + no) + done
        return _code(wanted.test, len(then)) + then + otherwise
    code = b""
    if isinstance(wanted, _Every):
        for part in reversed(wanted.parts):
            code = _code(part, no + len(code)) + code
        return code
    *others, last = wanted.parts
    code = _code(last, no)
    for part in reversed(others):
        # Where this part holds, a jump passes over the other parts; where not, they begin behind that jump.
        done = _OPERATION.pack(_JUMP, _OPERATION.size, _OPERATION.size + len(code))
        code = _code(part, _OPERATION.size) + done + code
    return code
