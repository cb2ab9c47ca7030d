"""Counts services over netlink, with a bounded number of rows on hosts with very many connections.

Up to `FEW` connections (ESTABLISHED and TIME_WAIT) of the host are all read. Of more, a service with few of
them is counted exactly, and the others from a sample: the connections whose other end has one of some ports,
of other ports at each push. The error is about one part in the square root of the sampled connections. All
other states are always counted exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tcpwatchd.diagnosis.port_sample import ALL_PORTS, FEW, sample_ranges, size, slices_for
from tcpwatchd.diagnosis.services import SERVICE_STATES, Service, ServiceDump, needed, sampled
from tcpwatchd.kernel.inet_diag import mask
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.kernel.port_filter import Range
from tcpwatchd.model.sockets import State, Tally

_LARGE = (State.ESTABLISHED, State.TIME_WAIT)
_OTHERS = tuple(state for state in SERVICE_STATES if state not in _LARGE)
_Counts = list[list[int]]


class ServiceCounts:
    """Remembers which ports were sampled last. Up to `few` connections are read one by one."""

    def __init__(self, kernel: NetlinkBackend, few: int = FEW) -> None:
        self._kernel = kernel
        self._few = few
        self._turn = 0

    def count(self, services: Sequence[Service], connections: int) -> Mapping[str, Tally]:
        """Sockets of each service per state, both families together; `connections` as the host has them.
        Raises SampleError.
        """
        slices = slices_for(connections, self._few)
        if slices == 1:
            counts = self._exactly(services, SERVICE_STATES)
        else:
            counts = self._exactly(services, _OTHERS)
            for place, large in self._large(services, slices).items():
                for state in _LARGE:
                    counts[place][state] = large[state]
        return {service.name: Tally(tuple(counts[place])) for place, service in enumerate(services)}

    def _large(self, services: Sequence[Service], slices: int) -> Mapping[int, list[int]]:
        """ESTABLISHED and TIME_WAIT of each service, by its place: exact ones of small services, else from a
        sample.
        """
        self._turn += 1
        ports = sample_ranges(ALL_PORTS, self._turn, slices)
        # Where both ports are given, no port is left by which a sample could be taken.
        places = [place for place, service in enumerate(services) if not service.has_both_ports]
        counts = self._sampled([services[place] for place in places], ports)
        estimates = dict(zip(places, counts))
        exactly = [place for place, service in enumerate(services) if service.has_both_ports]
        left = self._few
        for place in sorted(estimates, key=lambda one: sum(estimates[one])):
            left -= sum(estimates[place])
            if left < 0:
                break
            exactly.append(place)
        if exactly:
            counts = self._exactly([services[place] for place in exactly], _LARGE)
            estimates.update(zip(exactly, counts))
        return estimates

    def _sampled(self, services: Sequence[Service], ports: Sequence[Range]) -> _Counts:
        if not services:
            return []
        scale = size([ALL_PORTS]) / size(ports)
        asked = ServiceDump.of(services, ports)
        dumps = self._kernel.ask(asked, mask(_LARGE), sampled(services, ports))
        return [[round(scale * sockets) for sockets in one] for one in _sum(dumps)]

    def _exactly(self, services: Sequence[Service], states: Sequence[State]) -> _Counts:
        return _sum(self._kernel.ask(ServiceDump.of(services), mask(states), needed(services)))


def _sum(dumps: Sequence[ServiceDump]) -> _Counts:
    """Both families together."""
    return [[sum(each) for each in zip(*of_service)] for of_service in zip(*(dump.counts for dump in dumps))]
