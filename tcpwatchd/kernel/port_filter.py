"""Builds a filter for the kernel: which local or remote ports a socket must have to be in a dump.

An operation has four bytes: code, offset if it holds, offset if not; offsets are in bytes from here. A port
is in a second operation. A jump to the end accepts, a jump to four bytes behind it rejects. Sources:
include/uapi/linux/inet_diag.h (INET_DIAG_BC_*), net/ipv4/inet_diag.c (inet_diag_bc_run, inet_diag_bc_audit).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_OPERATION = struct.Struct("=BBH")
_JUMP, _LOCAL_AT_LEAST, _LOCAL_AT_MOST, _REMOTE_AT_LEAST, _REMOTE_AT_MOST = 1, 2, 3, 4, 5
_COMPARISON_BYTES = 2 * _OPERATION.size
_RANGE_BYTES = 2 * _COMPARISON_BYTES + _OPERATION.size
# As many as a distance of 16 bits reaches over. A filter of so many would cost more than it spares anyway.
MOST_RANGES = 1000

Range = tuple[int, int]
"""First and last port."""


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


def _comparison(code: int, port: int, no: int) -> bytes:
    return _OPERATION.pack(code, _COMPARISON_BYTES, no) + _OPERATION.pack(0, 0, port)
