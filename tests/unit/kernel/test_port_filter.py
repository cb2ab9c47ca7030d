"""The filter for the kernel, run by a small machine that reads it as net/ipv4/inet_diag.c does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.kernel.port_filter import (
    MOST_RANGES,
    Filter,
    any_of,
    bytecode,
    every,
    local,
    local_in,
    remote,
    remote_in,
    to_peer,
)
from tests.lab.filter_machine import (
    INET,
    INET6,
    LOCAL_AT_LEAST,
    LOCAL_AT_MOST,
    MAPPED,
    OPERATION,
    PEER,
    REMOTE_AT_LEAST,
    REMOTE_IS,
    audit,
    lets_through,
    operations_run,
)

PORTS = st.integers(0, 65535)
RANGES = st.lists(st.tuples(PORTS, PORTS).map(lambda pair: (min(pair), max(pair))), max_size=6)


@given(ours=RANGES, theirs=RANGES, ports=st.tuples(PORTS, PORTS))
def test_it_lets_through_what_is_in_a_range(
    ours: list[tuple[int, int]], theirs: list[tuple[int, int]], ports: tuple[int, int]
) -> None:
    if not ours and not theirs:
        return
    program = bytecode(any_of(*map(local, ours), *map(remote, theirs)))
    audit(program)
    # The ends of every range too: there a comparison is wrong by one.
    edges = {port for pair in ours + theirs for end in pair for port in (end - 1, end, end + 1)}
    for here in {ports[0], *edges}:
        for there in {ports[1], *edges}:
            within = any(a <= here <= b for a, b in ours) or any(a <= there <= b for a, b in theirs)
            assert lets_through(program, here, there) == within


@given(ours=RANGES, theirs=RANGES, port=PORTS)
def test_a_search_lets_through_what_a_list_of_ranges_does(
    ours: list[tuple[int, int]], theirs: list[tuple[int, int]], port: int
) -> None:
    for ranges, find, at in ((ours, local_in, 0), (theirs, remote_in, 1)):
        if not ranges:
            continue
        # Beside another part, so that its jumps cross it.
        program = bytecode(any_of(find(ranges), every(local((7, 7)), remote((9, 9)))))
        audit(program)
        for one in {port, *(end + step for pair in ranges for end in pair for step in (-1, 0, 1))}:
            ports = (one, 0) if at == 0 else (0, one)
            assert lets_through(program, *ports) == any(a <= one <= b for a, b in ranges)


def test_a_search_among_hundreds_of_ranges_takes_a_few_tests() -> None:
    program = bytecode(local_in([(port, port) for port in range(0, 2 * MOST_RANGES, 2)]))
    audit(program)
    assert max(operations_run(program, port) for port in range(0, 2 * MOST_RANGES, 7)) <= 2 * 10 + 2
    with pytest.raises(ValueError, match="1001 ranges"):
        local_in([(1, 1)] * 1001)


def test_the_longest_one_is_sound() -> None:
    program = bytecode(any_of(*(local((port, port)) for port in range(1, MOST_RANGES + 1))))
    audit(program)
    assert lets_through(program, MOST_RANGES, 0)
    assert not lets_through(program, MOST_RANGES + 1, 0)


@pytest.mark.parametrize("ranges", [[], [(1, 1)] * (MOST_RANGES + 1)], ids=["none", "too many"])
def test_none_and_too_many_are_refused(ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="ranges"):
        any_of(*map(local, ranges))


SMALL = st.integers(1, 4)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    st.one_of(
        st.tuples(SMALL, SMALL).map(local),
        st.tuples(SMALL, SMALL).map(remote),
        SMALL.map(lambda port: to_peer((b"\xc0\0\2\1", port))),
    ),
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(lambda some: every(*some)),
        st.lists(parts, min_size=1, max_size=3).map(lambda some: any_of(*some)),
    ),
    max_leaves=8,
)


def holds(wanted: Any, here: int, there: int) -> bool:
    """The same without the machine."""
    kind = type(wanted).__name__
    if kind == "_Every":
        return all(holds(part, here, there) for part in wanted.parts)
    if kind == "_Any":
        return any(holds(part, here, there) for part in wanted.parts)
    if wanted.code == REMOTE_IS:
        return bool(PEER.unpack_from(wanted.operand)[2] == there)
    port = OPERATION.unpack(wanted.operand)[2]
    value = here if wanted.code in (LOCAL_AT_LEAST, LOCAL_AT_MOST) else there
    return bool(value >= port if wanted.code in (LOCAL_AT_LEAST, REMOTE_AT_LEAST) else value <= port)


@given(wanted=FILTERS)
def test_filters_within_filters_hold_as_their_parts_do(wanted: Filter) -> None:
    program = bytecode(wanted)
    audit(program)
    for here in range(6):
        for there in range(6):
            passed = lets_through(program, here, there, INET, b"\xc0\0\2\1".ljust(16, b"\0"))
            assert passed == holds(wanted, here, there)


ADDRESSES = st.sampled_from(
    [b"\xc0\0\2\1", b"\xc0\0\2\7", b"\x20\1\x0d\xb8" + bytes(12), b"\xfe\x80" + bytes(14)]
)


@given(
    peers=st.lists(st.tuples(ADDRESSES, st.sampled_from([443, 3306])), min_size=1, max_size=6),
    address=ADDRESSES,
    here=st.sampled_from([32767, 32768, 60999, 61000]),
    there=st.sampled_from([443, 3306, 80]),
    mapped=st.booleans(),
)
def test_it_lets_through_what_goes_to_a_peer_from_a_port_of_the_range(
    peers: list[tuple[bytes, int]], address: bytes, here: int, there: int, mapped: bool
) -> None:
    program = bytecode(any_of(*(every(to_peer(peer), local((32768, 60999))) for peer in peers)))
    audit(program)
    within = 32768 <= here <= 60999 and (address, there) in peers
    if len(address) == 4 and mapped:  # a socket of IPv6 that speaks IPv4
        assert lets_through(program, here, there, INET6, MAPPED + address) == within
    else:
        family = INET if len(address) == 4 else INET6
        assert lets_through(program, here, there, family, address.ljust(16, b"\0")) == within
