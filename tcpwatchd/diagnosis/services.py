"""Counts sockets of services: groups of ports, with address prefixes where these are given. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
from tcpwatchd.kernel.port_filter import MOST_RANGES, Range, bytecode
from tcpwatchd.model.sockets import State, Tally

# A socket in no table has no port: of a service there is no CLOSE.
SERVICE_STATES = tuple(state for state in State if state is not State.CLOSE)
STATES = mask(SERVICE_STATES)

# Which bytes of a row a service is told by: first, and one behind the last.
_Span = tuple[int, int]
_BY_LOCAL_PORT: _Span = (LOCAL_PORT, LOCAL_PORT + 2)
_BY_REMOTE_PORT: _Span = (REMOTE_PORT, REMOTE_PORT + 2)
_BY_ALL: _Span = (LOCAL_PORT, REMOTE + 16)  # local port, remote port, local address, remote address


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
    def span(self) -> _Span:
        """What of a row it takes to tell."""
        if self.local_addresses or self.remote_addresses or (self.local_ports and self.remote_ports):
            return _BY_ALL
        return _BY_LOCAL_PORT if self.local_ports else _BY_REMOTE_PORT

    def takes(self, family: int, raw: bytes) -> bool:
        """Whether the socket whose `span` is this belongs to it."""
        if len(raw) == 2:
            return _among(raw, self.local_ports or self.remote_ports)
        local, remote = (sixteen(family, raw[begin : begin + 16]) for begin in (4, 20))
        return (
            (not self.local_ports or _among(raw[:2], self.local_ports))
            and (not self.remote_ports or _among(raw[2:4], self.remote_ports))
            and (not self.local_addresses or any(one.holds(local) for one in self.local_addresses))
            and (not self.remote_addresses or any(one.holds(remote) for one in self.remote_addresses))
        )


def _among(raw: bytes, ports: Sequence[Range]) -> bool:
    port = int.from_bytes(raw, "big")
    return any(first <= port <= last for first, last in ports)


def needed(services: Iterable[Service]) -> bytes:
    """The filter that lets all sockets of these services through; none where it would be too long."""
    local = tuple(ports for service in services for ports in service.local_ports)
    remote = tuple(ports for service in services if not service.local_ports for ports in service.remote_ports)
    return bytecode(local, remote) if len(local) + len(remote) <= MOST_RANGES else b""


class ServiceDump(Dump):
    """Counts sockets by state, port and address."""

    def __init__(self, spans: Iterable[_Span], sequence: int, family: int = 0) -> None:
        super().__init__(sequence, family)
        self.counts: dict[_Span, Counter[tuple[int, int, bytes]]] = {span: Counter() for span in spans}

    @classmethod
    def of(cls, services: Iterable[Service]) -> partial[ServiceDump]:
        """What makes a dump for these services."""
        return partial(cls, frozenset(service.span for service in services))

    def take(self, run: Run) -> None:
        """Counts some rows."""
        families, states = run.column(FAMILY), run.column(STATE)
        for span, counts in self.counts.items():
            counts.update(zip(families, states, run.field(*span)))


def sorted_out(services: Iterable[Service], dumps: Sequence[ServiceDump]) -> Mapping[str, Tally]:
    """Sockets of each service per state, both families together, by its name."""
    found = {}
    for service in services:
        tally = [0] * 12
        for dump in dumps:
            for (family, state, raw), sockets in dump.counts[service.span].items():
                if service.takes(family, raw):
                    tally[state] += sockets
        found[service.name] = Tally(tuple(tally))
    return found


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
