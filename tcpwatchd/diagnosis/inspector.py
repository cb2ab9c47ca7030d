"""Inspections over netlink: busiest destination, holders of sockets, services, network namespaces."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from tcpwatchd.diagnosis import ephemeral_ports, programs
from tcpwatchd.diagnosis.culprits import ELSEWHERE, UNSEEN, Ages, Program, line, names_of
from tcpwatchd.diagnosis.holder_dump import HolderDump, InodeDump
from tcpwatchd.diagnosis.services import STATES, PortDump, Service, ServiceDump, needed, of_port, sorted_out
from tcpwatchd.kernel.inet_diag import mask
from tcpwatchd.kernel.namespaces import read_namespaces
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.kernel.port_filter import Peer, Range, bytecode, peer_bytecode
from tcpwatchd.kernel.procfs import sysctl
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import State, Tally
from tcpwatchd.model.window import Namespace, Ports

_SYSCTLS = "/proc/sys/net/ipv4"
_UNSET: Range = (32768, 60999)  # what kernels come with, where /proc/sys is hidden
# Each makes twenty items: a host with more listeners than this should name those that matter.
_MOST_DISCOVERED = 50
_SHOWN = frozenset(set(State) - {State.CLOSE})  # in a dump
_WITH_INODE = mask(set(State) - {State.TIME_WAIT})


class SocketInspector:
    """Over one netlink connection; remembers how old sockets are, and which listeners there were."""

    def __init__(
        self, kernel: NetlinkBackend, few: int = ephemeral_ports.FEW, sysctls: str = _SYSCTLS
    ) -> None:
        self._kernel = kernel
        self._sysctls = sysctls
        self._few = few
        self._turn = 0
        self._leaders: list[Peer] = []
        self._ages = Ages()
        self._listened: set[int] = set()

    def ports(self, connections: int = 0) -> Ports:
        """The destination that uses most ephemeral ports, of so many `connections`. SampleError."""
        usable = self._ephemeral()
        if connections <= self._few:
            dumps = self._destinations(bytecode(local=[usable]))
        else:
            self._turn += 1
            sampled = self._destinations(bytecode(local=ephemeral_ports.sample_ranges(usable, self._turn)))
            peers = ephemeral_ports.leaders(sampled, self._leaders)
            dumps = self._destinations(peer_bytecode(peers, usable)) if peers else []
            self._leaders = ephemeral_ports.remembered(ephemeral_ports.leaders(dumps))
        count = usable[1] - usable[0] + 1
        with suppress(OSError, ValueError):
            count = ephemeral_ports.usable(usable, sysctl(f"{self._sysctls}/ip_local_reserved_ports"))
        return ephemeral_ports.busiest(dumps, count)

    def _ephemeral(self) -> Range:
        try:
            return ephemeral_ports.parse_range(sysctl(f"{self._sysctls}/ip_local_port_range"))
        except (OSError, ValueError):
            return _UNSET

    def _destinations(self, filtered: bytes) -> list[ephemeral_ports.DestinationDump]:
        return self._kernel.ask(ephemeral_ports.DestinationDump, ephemeral_ports.STATES, filtered)

    def culprits(self, states: Collection[State], now_s: float) -> Mapping[State, str]:
        """Who holds the sockets of each of these states. `now_s` by a steady clock. SampleError, OSError."""
        dumps = {state: self._kernel.ask(HolderDump, mask([state])) for state in states if state in _SHOWN}
        # One look through all descriptors serves all states.
        inodes = {one.inode for of_state in dumps.values() for dump in of_state for one in dump.holders}
        known = programs.holding(inodes - {0})
        told = {state: self._line(state, of_state, known, now_s) for state, of_state in dumps.items()}
        return {**told, State.CLOSE: self._of_closed(now_s)} if State.CLOSE in states else told

    def _line(
        self, state: State, dumps: Sequence[HolderDump], known: Mapping[int, Program], now_s: float
    ) -> str:
        holders = [
            holder
            for dump in dumps
            for holder in dump.holders
            # The kernel ends those of FIN_WAIT2 that no program holds.
            if holder.inode or state is not State.FIN_WAIT2
        ]
        names = names_of(holders, known, programs.user, self._ephemeral())
        cookies = [holder.cookie for holder in holders]
        old, age_s = self._ages.look(state, cookies, now_s)
        beyond = sum(dump.beyond for dump in dumps)
        return line(names, [cookie in old for cookie in cookies], age_s, beyond)

    def _of_closed(self, now_s: float) -> str:
        dumps = self._kernel.ask(InodeDump, _WITH_INODE)
        held, all_seen = programs.holding_unconnected(lambda inode: any(inode in dump for dump in dumps))
        if not held:
            return ELSEWHERE if all_seen else UNSEEN
        inodes = [inode.to_bytes(8, "big") for inode in held]
        old, age_s = self._ages.look(State.CLOSE, inodes, now_s)
        return line(list(map(str, held.values())), [inode in old for inode in inodes], age_s)

    def forget(self, state: State) -> None:
        """Its sockets are few again: their ages are dropped."""
        self._ages.forget(state)

    def services(self, configured: Sequence[Service], discover: bool) -> Mapping[str, Tally]:
        """Sockets per state of each service; `discover`: of each listening port too. SampleError.

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
        if not wanted:
            return {}
        return sorted_out(wanted, self._kernel.ask(ServiceDump.of(wanted), STATES, needed(wanted)))

    def namespaces(self) -> Mapping[str, Namespace]:
        """The network namespaces of this host but ours, by name. SampleError."""
        try:
            return read_namespaces()
        except OSError as error:
            raise SampleError("cannot look for network namespaces", str(error)) from error


def open_inspector(backend: object) -> SocketInspector | None:
    """An inspector with a netlink socket of its own; None if the backend is not netlink."""
    return SocketInspector(backend.another()) if isinstance(backend, NetlinkBackend) else None
