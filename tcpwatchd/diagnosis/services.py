"""Counts sockets of services: groups of ports, with address prefixes where these are given. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tcpwatchd.kernel.inet_diag import (
    AF_INET,
    FAMILY,
    LOCAL_PORT,
    REMOTE,
    REMOTE_PORT,
    STATE,
    Dump,
    Run,
    mask,
)
from tcpwatchd.kernel.port_filter import MOST_RANGES, Range, any_of, bytecode, every, local_in, remote_in
from tcpwatchd.model.sockets import State

# A socket in no table has no port: of a service there is no CLOSE.
SERVICE_STATES = tuple(state for state in State if state is not State.CLOSE)
STATES = mask(SERVICE_STATES)

# Which bytes of a row services are told by: first, and one behind the last.
_BY_LOCAL_PORT = (LOCAL_PORT, LOCAL_PORT + 2)
_BY_PORTS = (LOCAL_PORT, REMOTE_PORT + 2)
_BY_ALL = (LOCAL_PORT, REMOTE + 16)  # local port, remote port, local address, remote address
_MOST_PORT = 65535
# A range of more ports is not written out in a table.
_WIDE_PORTS = 256


@dataclass(frozen=True)
class Prefix:
    """The first `bits` of an address of 16 bytes; an IPv4 address is one that IPv6 sockets show it as."""

    address: bytes
    bits: int

    def holds(self, address: bytes) -> bool:
        """Whether an address begins so."""
        left = 128 - self.bits
        return int.from_bytes(address, "big") >> left == int.from_bytes(self.address, "big") >> left


def sixteen(family: int, raw: bytes) -> bytes:
    """The sixteen bytes of a row's address, as a Prefix takes them."""
    return bytes(10) + b"\xff\xff" + raw[:4] if family == AF_INET else raw


@dataclass(frozen=True)
class Service:
    """Sockets whose ports and addresses are all among those given; what is empty asks for nothing.

    One of the two kinds of ports is there.
    """

    name: str
    local_ports: tuple[Range, ...] = ()
    remote_ports: tuple[Range, ...] = ()
    local_addresses: tuple[Prefix, ...] = ()
    remote_addresses: tuple[Prefix, ...] = ()

    @property
    def has_both_ports(self) -> bool:
        """Whether it asks for a local and for a remote port."""
        return bool(self.local_ports and self.remote_ports)

    @property
    def asks_for_more(self) -> bool:
        """Whether one port does not tell."""
        return bool(self.local_addresses or self.remote_addresses) or self.has_both_ports

    def takes(self, family: int, raw: bytes) -> bool:
        """Whether the socket with these ports and addresses, as they follow each other in a row, belongs."""
        here, there = (int.from_bytes(raw[begin : begin + 2], "big") for begin in (0, 2))
        ours, theirs = (sixteen(family, raw[begin : begin + 16]) for begin in (4, 20))
        return (
            (not self.local_ports or _among(here, self.local_ports))
            and (not self.remote_ports or _among(there, self.remote_ports))
            and (not self.local_addresses or any(one.holds(ours) for one in self.local_addresses))
            and (not self.remote_addresses or any(one.holds(theirs) for one in self.remote_addresses))
        )


def _among(port: int, ports: Sequence[Range]) -> bool:
    return any(first <= port <= last for first, last in ports)


def needed(services: Sequence[Service]) -> bytes:
    """The filter that lets all sockets of these services through; none where it would be too long."""
    if _ranges(services) > MOST_RANGES:
        return b""
    of_both = [
        every(local_in(one.local_ports), remote_in(one.remote_ports))
        for one in services
        if one.has_both_ports
    ]
    local_ports, remote_ports = _single_ports(services)
    of_one = [local_in(local_ports)] if local_ports else []
    of_other = [remote_in(remote_ports)] if remote_ports else []
    return bytecode(any_of(*of_one, *of_other, *of_both))


def sampled(services: Sequence[Service], ports: Sequence[Range]) -> bytes:
    """The filter that lets those of their sockets through whose other end has one of these `ports`. Each
    service has local ports or remote ports, not both.
    """
    theirs, ours = remote_in(ports), local_in(ports)
    if _ranges(services) > MOST_RANGES:
        return bytecode(any_of(theirs, ours))
    local_ports, remote_ports = _single_ports(services)
    of_servers = [every(local_in(local_ports), theirs)] if local_ports else []
    of_clients = [every(remote_in(remote_ports), ours)] if remote_ports else []
    return bytecode(any_of(*of_servers, *of_clients))


def _ranges(services: Iterable[Service]) -> int:
    return sum(len(one.local_ports) + len(one.remote_ports) for one in services)


def _single_ports(services: Iterable[Service]) -> tuple[list[Range], list[Range]]:
    """The local ports of services that have no others, and the remote ports of those that have no others."""
    singles = [one for one in services if not one.has_both_ports]
    return (
        [ports for one in singles for ports in one.local_ports],
        [ports for one in singles for ports in one.remote_ports],
    )


class ServiceDump(Dump):
    """Counts the sockets of each service by state, row by row: nothing is kept of a socket.

    With `ports`, it counts only sockets whose other end has one of these ports.
    """

    def __init__(
        self, services: Sequence[Service], ports: Sequence[Range], sequence: int, family: int = 0
    ) -> None:
        super().__init__(sequence, family)
        self.counts = [[0] * 12 for _ in services]
        self._services = services
        self._sampled = bytearray(_MOST_PORT + 1) if ports else b""
        for first, last in ports:
            self._sampled[first : last + 1] = b"\1" * (last - first + 1)  # type: ignore[index] # not b""
        listed = list(enumerate(services))
        self._by_local = _PortTable((place, one) for place, of in listed for one in of.local_ports)
        self._by_remote = _PortTable(
            (place, one) for place, of in listed if not of.local_ports for one in of.remote_ports
        )
        whole = any(service.asks_for_more for service in services)
        by_local = all(service.local_ports for service in services) and not ports
        self._span = _BY_ALL if whole else _BY_LOCAL_PORT if by_local else _BY_PORTS

    @classmethod
    def of(cls, services: Sequence[Service], ports: Sequence[Range] = ()) -> partial[ServiceDump]:
        """What makes a dump for these services."""
        return partial(cls, services, ports)

    def take(self, run: Run) -> None:
        """Counts some rows."""
        alike = Counter(zip(run.column(FAMILY), run.column(STATE), run.field(*self._span)))
        for (family, state, raw), sockets in alike.items():
            for place in self._places(family, raw):
                self.counts[place][state] += sockets

    def _places(self, family: int, raw: bytes) -> Iterator[int]:
        """The services that a socket belongs to."""
        here, there = int.from_bytes(raw[:2], "big"), int.from_bytes(raw[2:4], "big")
        sampled = self._sampled
        if not sampled or sampled[there]:
            yield from self._taking(self._by_local[here], family, raw)
        if not sampled or sampled[here]:
            yield from self._taking(self._by_remote[there], family, raw)

    def _taking(self, places: Iterable[int], family: int, raw: bytes) -> Iterator[int]:
        for place in places:
            service = self._services[place]
            if not service.asks_for_more or service.takes(family, raw):
                yield place


class _PortTable:
    """The places of services by port."""

    def __init__(self, ranges: Iterable[tuple[int, Range]]) -> None:
        self._places: dict[int, list[int]] = {}
        self._wide: list[tuple[int, Range]] = []
        for place, (first, last) in ranges:
            if last - first >= _WIDE_PORTS:
                self._wide.append((place, (first, last)))
                continue
            for port in range(first, last + 1):
                places = self._places.setdefault(port, [])
                if place not in places:
                    places.append(place)

    def __getitem__(self, port: int) -> Collection[int]:
        places = self._places.get(port, ())
        wide = {place for place, (first, last) in self._wide if first <= port <= last}
        return wide.union(places) if wide else places


def of_port(port: int) -> Service:
    """The service of one listening port."""
    return Service(str(port), ((port, port),))


class PortDump(Dump):
    """The local ports of sockets."""

    def __init__(self, sequence: int, family: int = 0) -> None:
        super().__init__(sequence, family)
        self.ports: set[int] = set()

    def take(self, run: Run) -> None:
        """Takes those of some rows in."""
        self.ports.update(int.from_bytes(raw, "big") for raw in run.field(*_BY_LOCAL_PORT))
