"""Asks the kernel: one sample is one whole Snapshot, or a SampleError.

Alone knows how the two backends read the sockets: `netlink` (sock_diag, Linux, no privilege, the daily
path) and `psutil` (anywhere; walks every descriptor of every process, so it is the fallback). The choice
is made once, by trying. Must not know windows, keys or Zabbix.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tcpwatchd import inet_diag
from tcpwatchd.clock import Clock
from tcpwatchd.errors import SampleError
from tcpwatchd.model import Snapshot, Stamp, State, Tally
from tcpwatchd.unconnected import Unconnected

_AF_NETLINK = 16
_TIMEVAL = struct.Struct("@ll")
# Half a million sockets take the kernel under half a second; an answer that stays away this long is none.
_PATIENCE_S = 5

_WHAT = "cannot dump the sockets over netlink"
_REASONS = {
    errno.EAGAIN: f"the kernel did not answer within {_PATIENCE_S} s",
    errno.EAFNOSUPPORT: "AF_NETLINK is not allowed here; add it to the unit's RestrictAddressFamilies=",
    errno.EPERM: "netlink is forbidden here (seccomp, or SELinux class netlink_tcpdiag_socket)",
    errno.EACCES: "netlink is forbidden here (seccomp, or SELinux class netlink_tcpdiag_socket)",
    errno.EPROTONOSUPPORT: "this kernel has no sock_diag; try: modprobe inet_diag tcp_diag",
    errno.ENOENT: "the kernel module tcp_diag is missing; try: modprobe tcp_diag",
    errno.EOPNOTSUPP: "the kernel module tcp_diag is missing; try: modprobe tcp_diag",
}


class Backend(Protocol):
    """A way to count sockets: per family and state, or SampleError."""

    name: str

    def read(self) -> tuple[Tally, Tally]:
        """IPv4 and IPv6."""

    def close(self) -> None:
        """Gives back what it holds open."""


class NetlinkBackend:
    """sock_diag over one netlink socket that is kept; after an answer that was not whole, a new one."""

    name = "netlink"

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._sequence = 0
        self._buffer = bytearray(inet_diag.DATAGRAM_BYTES)

    def _open(self) -> socket.socket:
        opened = socket.socket(
            _AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, inet_diag.NETLINK_SOCK_DIAG
        )
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(_PATIENCE_S, 0))
        return opened

    def read(self) -> tuple[Tally, Tally]:
        """One dump."""
        try:
            if self._socket is None:
                self._socket = self._open()
            return self._dump(self._socket)
        except OSError as error:
            # What may still arrive belongs to a dump that is over: a new socket starts clean.
            self.close()
            code = error.errno or 0
            raise SampleError(_WHAT, os.strerror(code), _REASONS.get(code, "")) from error
        except SampleError as error:
            self.close()
            if isinstance(error, inet_diag.DumpRefusedError):
                reason = _REASONS.get(error.code, "")
                raise SampleError(_WHAT, os.strerror(error.code), reason) from error
            raise

    def _dump(self, kernel: socket.socket) -> tuple[Tally, Tally]:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        kernel.sendto(inet_diag.request(self._sequence), (0, 0))
        dump = inet_diag.Dump(self._sequence)
        over = False
        while not over:
            size, _ancillary, flags, (port, _groups) = kernel.recvmsg_into([self._buffer])
            if port != 0:
                continue  # not from the kernel: any process may write to a netlink socket
            if flags & socket.MSG_TRUNC:
                raise SampleError("socket dump is not whole", "a datagram was cut short")
            over = dump.feed(bytes(memoryview(self._buffer)[:size]))
        return dump.tallies()

    def close(self) -> None:
        """Closes the socket; the next read opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class PsutilBackend:
    """psutil.net_connections: any platform psutil knows, at a price, and listeners that share one address
    (SO_REUSEPORT) in one process it cannot tell apart.
    """

    name = "psutil"

    def read(self) -> tuple[Tally, Tally]:
        """One list of all connections."""
        import psutil  # noqa: PLC0415 - 4 MB that the netlink path never needs

        try:
            connections = psutil.net_connections(kind="tcp")
        except (psutil.Error, OSError, RuntimeError, ValueError) as error:
            raise SampleError("psutil cannot list the sockets", str(error)) from error
        counts = {socket.AF_INET: [0] * 12, socket.AF_INET6: [0] * 12}
        for connection in connections:
            try:
                counts[connection.family][State[connection.status]] += 1
            except KeyError:
                raise SampleError(
                    "psutil shows a socket that is not understood",
                    f"{connection.family} {connection.status}",
                ) from None
        return Tally(tuple(counts[socket.AF_INET])), Tally(tuple(counts[socket.AF_INET6]))

    def close(self) -> None:
        """Holds nothing open."""


@dataclass(frozen=True)
class Sampler:
    """A backend, the clocks, and what counts the unconnected sockets (None: the backend sees them itself).

    `fallback` says why the backend is not the one asked for first; empty when it is.
    """

    backend: Backend
    clock: Clock
    unconnected: Callable[[], int | None] | None = None
    fallback: str = ""

    def sample(self) -> Snapshot:
        """One sample. The stamp is taken when the answer is whole. SampleError: there is none."""
        ipv4, ipv6 = self.backend.read()
        at_s = self.clock.steady_s()
        closed = ipv4[State.CLOSE] + ipv6[State.CLOSE] if self.unconnected is None else self.unconnected()
        return Snapshot(Stamp.of(self.clock.wall_ns()), at_s, self.backend.name, ipv4, ipv6, closed)


def open_sampler(choice: str, clock: Clock) -> Sampler:
    """A sampler whose backend has answered once. `choice`: auto, netlink, psutil. SampleError if none can."""
    unconnected = None
    if sys.platform == "linux":
        unconnected = Unconnected(clock.steady_s, clock.thread_cpu_s).count
    if choice == "psutil":
        return Sampler(_tried(PsutilBackend()), clock, unconnected)
    try:
        return Sampler(_tried(NetlinkBackend()), clock, unconnected)
    except SampleError as error:
        if choice == "netlink":
            raise
        return Sampler(_tried(PsutilBackend()), clock, unconnected, fallback=str(error))


def _tried(backend: Backend) -> Backend:
    try:
        backend.read()
    except SampleError:
        backend.close()
        raise
    return backend
