"""Inspections over netlink: busiest destination, holders of sockets, services, network namespaces."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial

from tcpwatchd.diagnosis import ephemeral_ports, port_sample
from tcpwatchd.diagnosis.ages import OLD_S, Ages, OldSockets
from tcpwatchd.diagnosis.holders import FEW_HELD, HolderSearch
from tcpwatchd.diagnosis.service_counts import ServiceCounts
from tcpwatchd.diagnosis.services import PortDump, Service, of_port
from tcpwatchd.kernel.inet_diag import mask
from tcpwatchd.kernel.namespaces import read_namespaces
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.kernel.port_filter import (
    Filter,
    Peer,
    Range,
    any_of,
    bytecode,
    every,
    local,
    local_in,
    to_peer,
)
from tcpwatchd.kernel.procfs import sysctl
from tcpwatchd.model.cookies import Cookies
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import State, Tally
from tcpwatchd.model.window import Namespace, Ports

_SYSCTLS = "/proc/sys/net/ipv4"
_UNSET: Range = (32768, 60999)  # what kernels come with, where /proc/sys is hidden
# Each makes twenty items: a host with more listeners than this should name those that matter.
_MOST_DISCOVERED = 50


class SocketInspector:
    """Over one netlink connection; remembers how old sockets are, and which listeners there were.

    Up to so many sockets are read one by one: `few` connections for the busiest destination,
    `few_of_services` for services, `few_held` of a state for its holders.
    """

    def __init__(
        self,
        kernel: NetlinkBackend,
        few: int = ephemeral_ports.FEW,
        sysctls: str = _SYSCTLS,
        few_of_services: int = port_sample.FEW,
        few_held: int = FEW_HELD,
    ) -> None:
        self._kernel = kernel
        self._sysctls = sysctls
        self._few = few
        self._turn = 0
        self._candidates: Sequence[Peer] = []
        self._listened: set[int] = set()
        self._holders = HolderSearch(kernel, few_held)
        self._services = ServiceCounts(kernel, few_of_services)
        self._old_sockets = OldSockets()
        self._old_s = OLD_S

    def ports(self, connections: int = 0) -> Ports:
        """The destination that uses most ephemeral ports, of so many `connections`. SampleError."""
        usable = self._ephemeral()
        count = usable[1] - usable[0] + 1
        with suppress(OSError, ValueError):
            count = ephemeral_ports.usable(usable, sysctl(f"{self._sysctls}/ip_local_reserved_ports"))
        if connections <= self._few:
            return ephemeral_ports.busiest(self._destinations(local(usable)), count)
        dumps, peers = self._leading(usable, connections)
        return ephemeral_ports.busiest(dumps, count, peers)

    def _leading(
        self, usable: Range, connections: int
    ) -> tuple[Sequence[ephemeral_ports.DestinationDump], Sequence[Peer]]:
        """Dumps with all connections to the destinations that lead, and these destinations."""
        self._turn += 1
        slices = max(ephemeral_ports.SLICES, port_sample.slices_for(connections, ephemeral_ports.MOST_ROWS))
        sample = port_sample.sample_ranges(usable, self._turn, slices)
        wanted = self._candidates
        # The kernel walks over all connections for each question: usually once a push.
        dumps = self._destinations_of(wanted, usable, sample)
        counted = ephemeral_ports.by_peer(ephemeral_ports.largest(dumps, wanted, among=True))
        rows = ephemeral_ports.by_peer(ephemeral_ports.largest(dumps, wanted, among=False))
        estimates = {peer: slices * sampled for peer, sampled in rows.items()}
        self._candidates = ephemeral_ports.candidates(estimates, counted)
        if not ephemeral_ports.surprising(estimates, counted):
            return dumps, wanted
        wanted = self._candidates
        return self._destinations_of(wanted, usable), wanted

    def _destinations_of(
        self, peers: Sequence[Peer], usable: Range, sample: Sequence[Range] = ()
    ) -> list[ephemeral_ports.DestinationDump]:
        """The connections to these peers, and those from the ports of a sample."""
        to_them = [every(to_peer(peer), local(usable)) for peer in peers]
        wanted = any_of(*([local_in(sample)] if sample else []), *to_them)
        return self._destinations(wanted, exact=peers if sample else None)

    def _ephemeral(self) -> Range:
        try:
            return ephemeral_ports.parse_range(sysctl(f"{self._sysctls}/ip_local_port_range"))
        except (OSError, ValueError):
            return _UNSET

    def _destinations(
        self, wanted: Filter, exact: Collection[Peer] | None = None
    ) -> list[ephemeral_ports.DestinationDump]:
        new = partial(ephemeral_ports.DestinationDump, exact=exact)
        return self._kernel.ask(new, ephemeral_ports.STATES, bytecode(wanted))

    def culprits(
        self, states: Collection[State], now_s: float, totals: Mapping[State, int] | None = None
    ) -> Mapping[State, str]:
        """Who holds the sockets of each of these states. `now_s` by a steady clock, `totals` are the sockets
        of each state at the last sample. SampleError, OSError.
        """
        return self._holders.search(states, now_s, totals or {}, self._ephemeral())

    def call_old(self, old_s: float) -> None:
        """Since when a socket must be known to be called old."""
        self._old_s = self._holders.old_s = old_s

    @property
    def ages(self) -> Ages:
        """Since when the sockets of samples are known."""
        return self._old_sockets.ages

    def old(self, cookies: Mapping[State, Cookies], now_s: float) -> Mapping[State, int]:
        """How many sockets are old, of each state where that is known: by the `cookies` of a sample, and of
        CLOSE as the last search for its holders found.
        """
        return {**self._old_sockets.count(cookies, now_s, self._old_s), **self._holders.old_closed}

    def forget(self, state: State) -> None:
        """Its sockets are few again: their ages are dropped."""
        self._holders.forget(state)

    def services(
        self, configured: Sequence[Service], discover: bool, connections: int = 0
    ) -> Mapping[str, Tally]:
        """Sockets per state of each service; `discover`: of each listening port too. `connections` are those
        of the host in ESTABLISHED and TIME_WAIT. SampleError.

        Ports that the kernel picks by chance are no services. One that was listened at stays one: a service
        that is down is a zero and no gap.
        """
        wanted = list(configured)
        if discover:
            for dump in self._kernel.ask(PortDump, mask([State.LISTEN])):
                self._listened |= dump.ports
            first, last = self._ephemeral()
            lasting = sorted(port for port in self._listened if not first <= port <= last)
            wanted += map(of_port, lasting[:_MOST_DISCOVERED])
        return self._services.count(wanted, connections) if wanted else {}

    def namespaces(self) -> Mapping[str, Namespace]:
        """The network namespaces of this host but ours, by name. SampleError."""
        try:
            return read_namespaces()
        except OSError as error:
            raise SampleError("cannot look for network namespaces", str(error)) from error

    def close(self) -> None:
        """Closes the netlink socket; the next question opens another."""
        self._kernel.close()


def open_inspector(backend: object) -> SocketInspector | None:
    """An inspector with a netlink socket of its own; None if the backend is not netlink."""
    return SocketInspector(backend.another()) if isinstance(backend, NetlinkBackend) else None
