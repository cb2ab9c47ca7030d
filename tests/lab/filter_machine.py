"""The kernel's machine for filters of a dump, as net/ipv4/inet_diag.c has it (inet_diag_bc_run, _audit)."""

from __future__ import annotations

import struct

OPERATION, PEER = struct.Struct("=BBH"), struct.Struct("=BBxxi")
JUMP, LOCAL_AT_LEAST, LOCAL_AT_MOST, REMOTE_AT_LEAST, REMOTE_AT_MOST, REMOTE_IS = 1, 2, 3, 4, 5, 8
INET, INET6 = 2, 10
MAPPED = bytes(10) + b"\xff\xff"


def lets_through(program: bytes, local: int, remote: int, family: int = INET, address: bytes = b"") -> bool:
    """Whether a socket with these ports, and with this remote `address`, gets into the dump."""
    return _run(program, local, remote, family, address)[0]


def operations_run(program: bytes, local: int) -> int:
    """How many operations the kernel runs for a socket with this local port."""
    return _run(program, local, 0, INET, b"")[1]


def _run(program: bytes, local: int, remote: int, family: int, address: bytes) -> tuple[bool, int]:
    at = operations = 0
    while at < len(program):
        operations += 1
        code, yes, no = OPERATION.unpack_from(program, at)
        if code == REMOTE_IS:
            holds = _is_peer(program[at + 4 : at + yes], remote, family, address)
        else:
            port = OPERATION.unpack_from(program, at + 4)[2] if code != JUMP else 0
            holds = {
                JUMP: False,
                LOCAL_AT_LEAST: local >= port,
                LOCAL_AT_MOST: local <= port,
                REMOTE_AT_LEAST: remote >= port,
                REMOTE_AT_MOST: remote <= port,
            }[code]
        at += yes if holds else no
    return at == len(program), operations


def _is_peer(condition: bytes, remote: int, family: int, address: bytes) -> bool:
    wanted_family, bits, port = PEER.unpack_from(condition)
    wanted = condition[PEER.size :]
    assert bits == 8 * len(wanted)
    if port != remote:
        return False
    if wanted_family == family:
        return address[: len(wanted)] == wanted
    return (wanted_family, family) == (INET, INET6) and address == MAPPED + wanted


def audit(program: bytes) -> None:
    """Every jump ends on an operation, at the end, or four past it, and each operation has its length."""
    begins, at = set[int](), 0
    while at < len(program):
        begins.add(at)
        at += OPERATION.unpack_from(program, at)[1]
    assert at == len(program)
    for begin in begins:
        code, yes, no = OPERATION.unpack_from(program, begin)
        least = 4 if code == JUMP else 8
        if code == REMOTE_IS:
            family = PEER.unpack_from(program, begin + 4)[0]
            least = 4 + PEER.size + {INET: 4, INET6: 16}[family]
        assert yes == least
        assert no >= least
        assert begin + no in begins | {len(program), len(program) + 4}
