"""Samples by port: every port in one of them, a known part of all sockets, and the numbers that follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import cast

import pytest

from tcpwatchd.diagnosis.inspector import SocketInspector
from tcpwatchd.diagnosis.port_sample import ALL_PORTS, FEW, sample_of_state, sample_ranges, slices_for
from tcpwatchd.diagnosis.service_counts import ServiceCounts
from tcpwatchd.diagnosis.services import Service
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.kernel.port_filter import bytecode
from tcpwatchd.model.sockets import State
from tests.lab.filter_machine import audit, lets_through
from tests.unit.diagnosis.filtering_kernel import HERE, RANGE, FilteringKernel, Way, crowd, lucky

WEB = Service("web", ((443, 443),))
SSH = Service("ssh", ((22, 22),))
DB = Service("db", remote_ports=((3306, 3306),))
PAIR = Service("pair", ((443, 443),), ((40000, 40999),))


@pytest.mark.parametrize(
    ("sockets", "slices"), [(0, 1), (FEW, 1), (FEW + 1, 2), (2 * FEW, 2), (500_000, 64), (10**9, 1024)]
)
def test_a_sample_has_as_many_sockets_as_are_read_one_by_one_or_half(sockets: int, slices: int) -> None:
    assert slices_for(sockets) == slices


@pytest.mark.parametrize("slices", [2, 8, 64, 1024])
@pytest.mark.parametrize("ports", [RANGE, ALL_PORTS])
def test_in_all_turns_each_port_is_taken_once(ports: tuple[int, int], slices: int) -> None:
    seen: Counter[int] = Counter()
    for turn in range(slices):
        for first, last in sample_ranges(ports, turn, slices):
            seen.update(range(first, last + 1))
    assert set(seen) == set(range(ports[0], ports[1] + 1))
    assert max(seen.values()) == 1


@pytest.mark.parametrize("ephemeral", [RANGE, (1024, 65535), (0, 65535), (40000, 40099)])
def test_of_a_state_a_known_part_is_taken_whoever_began(ephemeral: tuple[int, int]) -> None:
    program = bytecode(sample_of_state(ephemeral, 64))
    audit(program)
    ours = sum(lets_through(program, port, 443) for port in range(*RANGE))
    theirs = sum(lets_through(program, 443, port) for port in range(*RANGE))
    both = [ours, theirs]
    if ephemeral[0] > 443 and ephemeral[1] - ephemeral[0] > 1000:
        assert all(0.013 < taken / (RANGE[1] - RANGE[0]) < 0.018 for taken in both)
    else:
        assert any(taken for taken in both)


def served(port: int, connections: int, seed: int) -> Sequence[Way]:
    """Connections that come in from everywhere."""
    luck = lucky(seed)
    return [
        (HERE, port, f"10.{luck.randrange(250)}.{luck.randrange(250)}.1", luck.randint(*RANGE))
        for _ in range(connections)
    ]


def test_large_services_are_estimated_and_small_ones_counted() -> None:
    ways = [*served(443, 60_000, 1), *served(22, 20, 2), *crowd(lucky(3), 15_000, 900)]
    ways += [(HERE, 50_000 + nth, "10.0.0.9", 3306) for nth in range(700)]
    kernel = FilteringKernel(ways)
    counts = ServiceCounts(cast(NetlinkBackend, kernel), few=4096)
    found = [counts.count([WEB, SSH, DB, PAIR], len(ways)) for _ in range(6)]
    assert {one["ssh"][State.ESTABLISHED] for one in found} == {20}
    assert {one["db"][State.ESTABLISHED] for one in found} == {700}
    paired = sum(port == 443 and 40000 <= theirs <= 40999 for _, port, _, theirs in ways)
    assert {one["pair"][State.ESTABLISHED] for one in found} == {paired}
    estimates = [one["web"][State.ESTABLISHED] for one in found]
    # 1,900 are sampled at a time.
    assert all(abs(one / 60_000 - 1) < 0.1 for one in estimates)
    assert abs(sum(estimates) / 6 / 60_000 - 1) < 0.05
    assert max(kernel.rows) < 4096 + 2048


def test_few_connections_are_counted_exactly() -> None:
    ways = [*served(443, 3000, 1), *served(22, 20, 2)]
    kernel = FilteringKernel(ways)
    found = ServiceCounts(cast(NetlinkBackend, kernel), few=4096).count([WEB, SSH], len(ways))
    assert (found["web"][State.ESTABLISHED], found["ssh"][State.ESTABLISHED]) == (3000, 20)
    assert kernel.rows == [3020]


def test_a_service_without_a_socket_is_zero_on_a_large_host_too() -> None:
    kernel = FilteringKernel(served(443, 9000, 1))
    found = ServiceCounts(cast(NetlinkBackend, kernel), few=1024).count([SSH], 9000)
    assert not any(found["ssh"].counts)


def test_the_holders_of_very_many_sockets_are_told_by_a_sample() -> None:
    ways = [*served(443, 30_000, 4), *crowd(lucky(5), 10_000, 900)]
    kernel = FilteringKernel(ways)
    closer = SocketInspector(cast(NetlinkBackend, kernel), sysctls="/nowhere", few_held=2048)
    totals = {State.ESTABLISHED: len(ways)}
    told = [closer.culprits([State.ESTABLISHED], at_s, totals)[State.ESTABLISHED] for at_s in (0.0, 60.0)]
    numbers = [int(part.split("~")[1].split(" ")[0]) for part in told[1].split(", ")]
    assert "port 443 ~" in told[1]
    assert "for 1m" in told[1], "the same sockets are looked at each time"
    assert abs(sum(numbers) / len(ways) - 1) < 0.1
    assert max(kernel.rows) <= 2048
