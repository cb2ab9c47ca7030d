"""Finds the destination that uses most ephemeral ports, because `connect` fails there first.

Up to `FEW` connections are all read. If there are more, a sample is read: the connections from one port in
64 or more, from other ports at each push. Destinations that led in a sample are counted exactly with the next
one: the kernel copies only their connections.

A local port in use towards one destination is free towards another. So only the number of connections from
one local address to one (address, port) says how near `connect` is to EADDRNOTAVAIL.

No I/O. Sources: the kernel's Documentation/networking/ip-sysctl.rst (ip_local_port_range,
ip_local_reserved_ports), net/ipv4/inet_hashtables.c (__inet_hash_connect).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType

from tcpwatchd.kernel.inet_diag import (
    AF_INET,
    FAMILY,
    IPV4_MAPPED,
    REMOTE,
    REMOTE_PORT,
    Dump,
    Run,
    address,
    endpoint,
    mask,
)
from tcpwatchd.kernel.port_filter import Peer
from tcpwatchd.model.sockets import Snapshot, State
from tcpwatchd.model.units import NumberText
from tcpwatchd.model.window import Ports

# A connection of ours in any of its states keeps its port. SYN_RECV is a peer's.
CONNECTED = frozenset(State) - {State.LISTEN, State.CLOSE, State.SYN_RECV}
STATES = mask(CONNECTED)
NOWHERE = "no destination"
# The text says so itself: Zabbix takes the values of a push one by one, and an alarm that goes by the number
# alone may show the text of the push before.
RUNNING_OUT, RUNNING_OUT_PERCENT = "running out", 70.0
_MOST_PORT = 65535
# Connections up to which all are read.
FEW = 8192
# One port in so many is in a sample, and in one of more connections than give so many rows, a smaller part.
SLICES, MOST_ROWS = 64, 4096
# Beyond so many ways in a sample, those with a single connection are left out.
MOST_WAYS = 1024
# How many destinations are counted exactly at most, and how many of them stay so at the next push.
# An estimate this much above the exact numbers is no chance of the sample: it is counted at once.
_CANDIDATES, _REMEMBERED = 4, 2
# So many ways are enough to find them.
_LARGEST = 64
_SURPRISE = 1.5

# Remote port, local and remote address, as they follow each other in a row, behind the family.
_Way = tuple[int, bytes]


def parse_range(text: str) -> tuple[int, int]:
    """First and last port of ip_local_port_range; ValueError."""
    first, last = map(int, text.split())
    if not 0 <= first <= last <= _MOST_PORT:
        raise ValueError(f"no range of ports: {first} to {last}")
    return first, last


def usable(ports: tuple[int, int], reserved: str) -> int:
    """How many of the range are left by ip_local_reserved_ports (`8080,9000-9100`); ValueError."""
    kept_out: set[int] = set()
    for part in filter(None, reserved.strip().split(",")):
        begin, _, end = part.partition("-")
        kept_out.update(range(max(0, int(begin)), min(_MOST_PORT, int(end or begin)) + 1))
    first, last = ports
    return last - first + 1 - sum(first <= port <= last for port in kept_out)


class DestinationDump(Dump):
    """Counts connections by where they go from where; asked with a filter for the ephemeral ports.

    With `exact`, a sample is counted: those to the peers in it exactly, of the others the destinations with
    many. A port of the sample may be that of a service with a hundred thousand clients, each its own way.
    """

    def __init__(self, sequence: int, family: int = 0, exact: Collection[Peer] | None = None) -> None:
        super().__init__(sequence, family)
        self.ways: Counter[_Way] = Counter()
        self._exact = exact
        self._most = MOST_WAYS

    def take(self, run: Run) -> None:
        """Counts some rows."""
        self.ways.update(zip(run.column(FAMILY), run.field(REMOTE_PORT, REMOTE + 16)))
        if self._exact is not None and len(self.ways) > self._most:
            self._leave_out_single_ones(self._exact)

    def _leave_out_single_ones(self, exact: Collection[Peer]) -> None:
        for way in [way for way, sockets in self.ways.items() if sockets == 1 and _peer(way) not in exact]:
            del self.ways[way]
        self._most = max(MOST_WAYS, 2 * len(self.ways))


Ways = Sequence[tuple[_Way, int]]


def largest(dumps: Iterable[DestinationDump], peers: Collection[Peer], among: bool) -> Ways:
    """The ways with most connections, of those that go to one of these `peers`, or that do not. A dump may
    have thousands of others with one connection each: they are not copied.
    """
    ways = (way for dump in dumps for way in dump.ways.items() if (_peer(way[0]) in peers) is among)
    return heapq.nlargest(_LARGEST, ways, key=itemgetter(1))


def by_peer(ways: Ways) -> Mapping[Peer, int]:
    """Connections to the few destinations with most from one local address, these first."""
    sums: Counter[tuple[Peer, bytes]] = Counter()
    for way, sockets in ways:
        sums[_peer(way), _plain(way[0], way[1][2:18])] += sockets
    peers = dict.fromkeys((peer for (peer, _local), _sockets in sums.most_common(_CANDIDATES)), 0)
    for (peer, _local), sockets in sums.items():
        if peer in peers:
            peers[peer] += sockets
    return peers


def candidates(estimates: Mapping[Peer, int], counted: Mapping[Peer, int]) -> list[Peer]:
    """The destinations that are to be counted exactly, of those that lead by estimates from a sample and of
    those that were `counted` before. Two at least, and more while their connections are few.
    """
    known = list(counted)
    chosen: list[Peer] = []
    rows = 0
    for peer in dict.fromkeys([*known[:1], *estimates, *known[1:_REMEMBERED]]):
        rows += max(estimates.get(peer, 0), counted.get(peer, 0))
        if len(chosen) >= 2 and rows > FEW:
            break
        chosen.append(peer)
    return chosen


def surprising(estimates: Mapping[Peer, int], counted: Mapping[Peer, int]) -> bool:
    """Whether a destination seems to have far more connections than those that were counted."""
    return max(estimates.values(), default=0) > _SURPRISE * max(counted.values(), default=0)


def _peer(way: _Way) -> Peer:
    family, raw = way
    return _plain(family, raw[18:34]), int.from_bytes(raw[:2], "big")


def _plain(family: int, raw: bytes) -> bytes:
    """An address of 16 bytes in 4, if it is one of IPv4 or carries one."""
    if family == AF_INET:
        return raw[:4]
    return raw[12:] if raw.startswith(IPV4_MAPPED) else raw


def connections(snapshot: Snapshot) -> int:
    """How many sockets of a sample may use an ephemeral port."""
    return sum(snapshot.total(state) or 0 for state in CONNECTED)


def busiest(dumps: Sequence[DestinationDump], usable_ports: int, peers: Collection[Peer] = ()) -> Ports:
    """The destination with most connections from one local address; one of these `peers` if there are any."""
    most = max((sockets for way, sockets in _ways(dumps, peers)), default=0)
    told: Counter[tuple[str, str]] = Counter()
    for way, sockets in _ways(dumps, peers):
        # IPv6 sockets that speak IPv4 share their ports with IPv4's: the two may add up to the most.
        if 2 * sockets >= most:
            told[_told(way)] += sockets
    (remote, local), used = max(told.items(), key=lambda item: item[1], default=(("", ""), 0))
    return Ports(remote, local, used, usable_ports)


def _ways(dumps: Sequence[DestinationDump], peers: Collection[Peer]) -> Iterator[tuple[_Way, int]]:
    return (way for dump in dumps for way in dump.ways.items() if not peers or _peer(way[0]) in peers)


def _told(way: _Way) -> tuple[str, str]:
    family, raw = way
    port, local, remote = raw[:2], raw[2:18], raw[18:34]
    return endpoint(family, remote, port), address(family, local)


def told(ports: Ports) -> str:
    """The text of a destination."""
    if not ports.used:
        return NOWHERE
    near = f", {RUNNING_OUT}" if (ports.percent or 0.0) >= RUNNING_OUT_PERCENT else ""
    return f"{ports.remote} from {ports.local} ({ports.used} of {ports.usable} ports{near})"


RISE = (
    "A program opens many connections to one destination: without a pool, or faster than they end. In "
    "TIME_WAIT a port stays in use for 60 seconds. At 100% connect() fails with `Cannot assign requested "
    "address`."
)
LOOK = (
    "`ss -tan dst ADDRESS` shows their states. If most are in TIME_WAIT: reuse connections (keep-alive, a "
    "pool), or set net.ipv4.tcp_tw_reuse=1. If most are ESTABLISHED: `ss -tnp` as root shows the programs. "
    "For more ports: a wider net.ipv4.ip_local_port_range, or a second address on either side."
)
EPHEMERAL: Mapping[str, NumberText[Ports]] = MappingProxyType(
    {
        "destination": NumberText(
            "Busiest destination by ephemeral ports",
            "text",
            "",
            "Destination (address and port) with most connections from one local address of this host, and "
            "the number of ephemeral ports in use and usable.",
            told,
        ),
        "busiest": NumberText(
            "Ephemeral ports, utilization",
            "amount",
            "%",
            "Ephemeral ports in use from one local address to one destination (address and port), in per "
            "cent of the usable ones. The busiest destination counts.",
            lambda ports: ports.percent,
        ),
        "used": NumberText(
            "Ephemeral ports, used",
            "count",
            "",
            "Connections to the busiest destination, including TIME_WAIT.",
            lambda ports: ports.used,
        ),
        "usable": NumberText(
            "Ephemeral ports, limit",
            "count",
            "",
            "Number of ephemeral ports: net.ipv4.ip_local_port_range without ip_local_reserved_ports.",
            lambda ports: ports.usable,
        ),
    }
)
