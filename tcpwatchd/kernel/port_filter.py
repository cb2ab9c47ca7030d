"""Builds a filter for the kernel: which ports, or which peer, a socket must have to be in a dump.

An operation has four bytes: code, offset if it holds, offset if not; offsets are in bytes from here. A port
is in a second operation. A jump to the end accepts, a jump to four bytes behind it rejects. Sources:
include/uapi/linux/inet_diag.h (INET_DIAG_BC_*), net/ipv4/inet_diag.c (inet_diag_bc_run, inet_diag_bc_audit).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tcpwatchd.kernel.inet_diag import AF_INET, AF_INET6

_OPERATION = struct.Struct("=BBH")
_JUMP, _LOCAL_AT_LEAST, _LOCAL_AT_MOST, _REMOTE_AT_LEAST, _REMOTE_AT_MOST = 1, 2, 3, 4, 5
_REMOTE_IS = 8
_PEER = struct.Struct("=BBxxi")  # struct inet_diag_hostcond: family, length of the prefix in bits, port
_COMPARISON_BYTES = 2 * _OPERATION.size
_RANGE_BYTES = 2 * _COMPARISON_BYTES + _OPERATION.size
_IPV4_BYTES = 4
# As many as a distance of 16 bits reaches over. A filter of so many would cost more than it spares anyway.
MOST_RANGES = 1000

Range = tuple[int, int]
"""First and last port."""
Peer = tuple[bytes, int]
"""Address, of 4 or 16 bytes, and port. One of 4 bytes stands for IPv6 sockets that speak IPv4, too."""


def bytecode(local: Sequence[Range] = (), remote: Sequence[Range] = ()) -> bytes:
    """Lets a socket through whose local port is in one of `local`, or its remote port in one of `remote`.

    ValueError if there are none, or more than MOST_RANGES.
    """
    tests = [
        *((_LOCAL_AT_LEAST, _LOCAL_AT_MOST, *ports) for ports in local),
        *((_REMOTE_AT_LEAST, _REMOTE_AT_MOST, *ports) for ports in remote),
    ]
    if not 1 <= len(tests) <= MOST_RANGES:
        raise ValueError(f"{len(tests)} ranges of ports")
    program = b""
    for at_least, at_most, first, last in reversed(tests):
        # A range that does not hold goes on behind its jump; at the last range, which has none, that is no.
        done = _OPERATION.pack(_JUMP, _OPERATION.size, _OPERATION.size + len(program)) if program else b""
        program = (
            _comparison(at_least, first, _RANGE_BYTES)
            + _comparison(at_most, last, _RANGE_BYTES - _COMPARISON_BYTES)
            + done
            + program
        )
    return program


def peer_bytecode(peers: Sequence[Peer], local: Range) -> bytes:
    """Lets a socket through that goes to one of `peers` from a port in `local`. ValueError without a peer."""
    if not peers:
        raise ValueError("no peer")
    program = b""
    for address, port in reversed(peers):
        family = AF_INET if len(address) == _IPV4_BYTES else AF_INET6
        peer = _PEER.pack(family, 8 * len(address), port) + address
        done = _OPERATION.pack(_JUMP, _OPERATION.size, _OPERATION.size + len(program)) if program else b""
        condition_bytes = _OPERATION.size + len(peer)
        # As above: what does not hold goes on behind the jump, and at the last peer that is no.
        program = (
            _OPERATION.pack(_REMOTE_IS, condition_bytes, condition_bytes + _RANGE_BYTES)
            + peer
            + _comparison(_LOCAL_AT_LEAST, local[0], _RANGE_BYTES)
            + _comparison(_LOCAL_AT_MOST, local[1], _RANGE_BYTES - _COMPARISON_BYTES)
            + done
            + program
        )
    return program


def _comparison(code: int, port: int, no: int) -> bytes:
    return _OPERATION.pack(code, _COMPARISON_BYTES, no) + _OPERATION.pack(0, 0, port)
