"""The filter for the kernel, run by a small machine that reads it as net/ipv4/inet_diag.c does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.kernel.port_filter import MOST_RANGES, bytecode, peer_bytecode
from tests.lab.filter_machine import INET, INET6, MAPPED, audit, lets_through

PORTS = st.integers(0, 65535)
RANGES = st.lists(st.tuples(PORTS, PORTS).map(lambda pair: (min(pair), max(pair))), max_size=6)


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


ADDRESSES = st.sampled_from(
    [b"\xc0\0\2\1", b"\xc0\0\2\7", b"\x20\1\x0d\xb8" + bytes(12), b"\xfe\x80" + bytes(14)]
)


@given(
    peers=st.lists(st.tuples(ADDRESSES, st.sampled_from([443, 3306])), min_size=1, max_size=6),
    address=ADDRESSES,
    local=st.sampled_from([32767, 32768, 60999, 61000]),
    remote=st.sampled_from([443, 3306, 80]),
    mapped=st.booleans(),
)
def test_it_lets_through_what_goes_to_a_peer_from_a_port_of_the_range(
    peers: list[tuple[bytes, int]], address: bytes, local: int, remote: int, mapped: bool
) -> None:
    program = peer_bytecode(peers, (32768, 60999))
    audit(program)
    within = 32768 <= local <= 60999 and (address, remote) in peers
    if len(address) == 4 and mapped:  # a socket of IPv6 that speaks IPv4
        assert lets_through(program, local, remote, INET6, MAPPED + address) == within
    else:
        family = INET if len(address) == 4 else INET6
        assert lets_through(program, local, remote, family, address.ljust(16, b"\0")) == within


def test_without_a_peer_there_is_no_filter() -> None:
    with pytest.raises(ValueError, match="no peer"):
        peer_bytecode([], (1, 2))
