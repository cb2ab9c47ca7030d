"""The busiest destination of very many connections, found without reading all of them."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import cast

import pytest

from tcpwatchd.diagnosis.inspector import SocketInspector
from tcpwatchd.diagnosis.port_sample import sample_ranges
from tcpwatchd.kernel.netlink import NetlinkBackend
from tests.unit.diagnosis.filtering_kernel import HERE, RANGE, USABLE, FilteringKernel, Way, crowd, lucky


def inspector(ways: Sequence[Way]) -> tuple[SocketInspector, FilteringKernel]:
    kernel = FilteringKernel(ways)
    # The defaults of the kernel, not the settings of this host.
    return SocketInspector(cast(NetlinkBackend, kernel), sysctls="/nowhere"), kernel


def neighbours(remote: str, port: int, connections: int, begin: int, local: str = HERE) -> Iterable[Way]:
    """As Linux hands out ports to one destination: one after the other, from anywhere, every second one."""
    for nth in range(connections):
        yield local, RANGE[0] + (begin + 2 * nth + (2 * nth >= USABLE)) % USABLE, remote, port


@pytest.mark.parametrize(("share", "seed"), [(0.1, 0), (0.1, 1), (0.1, 2), (0.5, 3), (0.9, 4)])
def test_the_leader_is_named_and_counted_exactly_at_each_push(share: float, seed: int) -> None:
    luck, most = lucky(seed), int(share * USABLE)
    ways = [
        *neighbours("198.51.100.7", 3306, most, luck.randrange(USABLE)),
        *neighbours("198.51.100.8", 3306, int(most / 1.1), luck.randrange(USABLE)),
        *crowd(luck, 8000, 2000),
    ]
    looks, kernel = inspector(ways)
    for _ in range(2):
        found = looks.ports(len(ways))
        assert (found.remote, found.local, found.used) == ("198.51.100.7:3306", HERE, most)
    # One in 64 at first, then those of the leaders; after that one question a push. No row of the crowd.
    first, exact, both = kernel.rows
    assert first < len(ways) / 32
    assert exact <= both < exact + len(ways) / 32


def test_ipv6_that_speaks_ipv4_shares_the_ports_of_ipv4() -> None:
    luck = lucky(1)
    ways = [
        *neighbours("198.51.100.7", 80, 3000, 0),
        *neighbours("::ffff:198.51.100.7", 80, 3000, 9000, f"::ffff:{HERE}"),
        *neighbours("198.51.100.9", 80, 5000, 3000),
        *neighbours("2001:db8::7", 80, 4000, 100, "2001:db8::1"),
        *crowd(luck, 3000, 1000),
    ]
    looks, _kernel = inspector(ways)
    found = looks.ports(len(ways))
    assert (found.remote, found.local, found.used) == ("198.51.100.7:80", HERE, 6000)


def test_of_two_equal_ones_it_is_one_of_them_with_the_right_number() -> None:
    ways = [*neighbours("198.51.100.7", 80, 6000, 0), *neighbours("198.51.100.8", 80, 6000, 11)]
    looks, _kernel = inspector(ways)
    for _ in range(5):
        assert looks.ports(len(ways)).used == 6000


def test_few_connections_are_all_read_at_once() -> None:
    ways = list(neighbours("198.51.100.7", 80, 100, 0))
    looks, kernel = inspector(ways)
    assert looks.ports(len(ways)).used == 100
    assert kernel.rows == [100]


def test_a_sample_without_a_connection_finds_none() -> None:
    looks, kernel = inspector([])
    assert looks.ports(100_000).used == 0
    assert kernel.rows == [0]


@pytest.mark.parametrize("ports", [RANGE, (1024, 65535), (40000, 41023), (40000, 40099), (5, 5)])
def test_in_64_turns_each_port_is_looked_at_once_or_all_each_time(ports: tuple[int, int]) -> None:
    seen: Counter[int] = Counter()
    for turn in range(64):
        ranges = sample_ranges(ports, turn, 64)
        if ranges == [ports]:
            return
        for first, last in ranges:
            seen.update(range(first, last + 1))
    assert set(seen) == set(range(ports[0], ports[1] + 1))
    assert max(seen.values()) == 1


def test_memory_is_for_the_sample_and_not_for_all_connections() -> None:
    connections = 20_000  # each to a destination of its own: the most there can be to remember
    looks, _kernel = inspector(crowd(lucky(5), connections, connections))
    tracemalloc.start()
    try:
        looks.ports(connections)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 * connections
