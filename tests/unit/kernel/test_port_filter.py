"""The filter for the kernel, run by a small machine that reads it as net/ipv4/inet_diag.c does."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.kernel.port_filter import MOST_RANGES, bytecode

PORTS = st.integers(0, 65535)
RANGES = st.lists(st.tuples(PORTS, PORTS).map(lambda pair: (min(pair), max(pair))), max_size=6)
OPERATION = struct.Struct("=BBH")
JUMP, LOCAL_AT_LEAST, LOCAL_AT_MOST, REMOTE_AT_LEAST, REMOTE_AT_MOST = 1, 2, 3, 4, 5


def lets_through(program: bytes, local: int, remote: int) -> bool:
    """inet_diag_bc_run."""
    at = 0
    while at < len(program):
        code, yes, no = OPERATION.unpack_from(program, at)
        port = OPERATION.unpack_from(program, at + 4)[2] if code != JUMP else 0
        holds = {
            JUMP: False,
            LOCAL_AT_LEAST: local >= port,
            LOCAL_AT_MOST: local <= port,
            REMOTE_AT_LEAST: remote >= port,
            REMOTE_AT_MOST: remote <= port,
        }[code]
        at += yes if holds else no
    return at == len(program)


def audit(program: bytes) -> None:
    """inet_diag_bc_audit: every jump ends on an operation, at the end, or four past it."""
    begins, at = set[int](), 0
    while at < len(program):
        begins.add(at)
        at += OPERATION.unpack_from(program, at)[1]
    assert at == len(program)
    for begin in begins:
        code, yes, no = OPERATION.unpack_from(program, begin)
        assert yes == (4 if code == JUMP else 8)
        assert begin + no in begins | {len(program), len(program) + 4}


@given(local=RANGES, remote=RANGES, ports=st.tuples(PORTS, PORTS))
def test_it_lets_through_what_is_in_a_range(
    local: list[tuple[int, int]], remote: list[tuple[int, int]], ports: tuple[int, int]
) -> None:
    if not local and not remote:
        return
    program = bytecode(local, remote)
    audit(program)
    # The ends of every range too: there a comparison is wrong by one.
    edges = {port for pair in local + remote for end in pair for port in (end - 1, end, end + 1)}
    for here in {ports[0], *edges}:
        for there in {ports[1], *edges}:
            within = any(a <= here <= b for a, b in local) or any(a <= there <= b for a, b in remote)
            assert lets_through(program, here, there) == within


def test_the_longest_one_is_sound() -> None:
    program = bytecode([(port, port) for port in range(1, MOST_RANGES + 1)])
    audit(program)
    assert lets_through(program, MOST_RANGES, 0)
    assert not lets_through(program, MOST_RANGES + 1, 0)


@pytest.mark.parametrize("ranges", [[], [(1, 1)] * (MOST_RANGES + 1)], ids=["none", "too many"])
def test_none_and_too_many_are_refused(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="ranges"):
        bytecode(ranges)
