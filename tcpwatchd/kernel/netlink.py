"""Reads sockets over netlink (sock_diag). Linux only, no privilege.

Opens the netlink socket, bounds the wait for an answer, finds the form of request that this kernel takes,
and explains its errors.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import TypeVar

from tcpwatchd.kernel import inet_diag
from tcpwatchd.kernel.state_count import CountedDump
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import State, Walk

_Dump = TypeVar("_Dump", bound=inet_diag.Dump)

_AF_NETLINK = 16
_TIMEVAL = struct.Struct("@ll")
# Half a million sockets take the kernel under half a second; an answer that stays away this long is none.
_PATIENCE_S = 5
# There are few listening sockets, in a table of their own: to ask for them costs next to nothing.
_LEAST = inet_diag.mask([State.LISTEN])
_ONE_WALK: tuple[int, ...] = (0,)
_TWO_WALKS = (inet_diag.AF_INET, inet_diag.AF_INET6)

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


class NetlinkBackend:
    """One netlink socket that is kept, and one buffer; after an answer that was not whole, a new socket.

    `open_socket` is where the socket comes from: the kernel, or a test's idea of one.
    """

    name = "netlink"

    def __init__(self, open_socket: Callable[[], socket.socket] | None = None) -> None:
        self._open = open_socket or _open
        self._socket: socket.socket | None = None
        self._sequence = 0
        self._buffer = bytearray(inet_diag.DATAGRAM_BYTES)
        self._families = _ONE_WALK

    def another(self) -> NetlinkBackend:
        """One with a socket and a buffer of its own, for another thread, that asks in the same form."""
        other = NetlinkBackend(self._open)
        other._families = self._families
        return other

    def attempt(self) -> None:
        """Finds the form of request that this kernel takes; SampleError if it takes none."""
        try:
            self.read(_LEAST)
        except SampleError:
            self._families = _TWO_WALKS
            try:
                self.read(_LEAST)
            except SampleError:
                self._families = _ONE_WALK
                raise

    def read(self, states: int = inet_diag.ALL_STATES) -> Walk:
        """The sockets whose state's bit is set in `states`, counted."""
        first, *others = (dump.walk() for dump in self.ask(CountedDump, states))
        return sum(others, first)

    def ask(
        self, new: Callable[[int, int], _Dump], states: int = inet_diag.ALL_STATES, bytecode: bytes = b""
    ) -> list[_Dump]:
        """The dumps, made by `new` of a sequence number and a family, that took in these sockets: one, or
        one for each family. `bytecode` as for `inet_diag.request`. SampleError.
        """
        try:
            if self._socket is None:
                self._socket = self._open()
            return [self._dump(self._socket, new, states, family, bytecode) for family in self._families]
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

    def _dump(
        self,
        kernel: socket.socket,
        new: Callable[[int, int], _Dump],
        states: int,
        family: int,
        bytecode: bytes,
    ) -> _Dump:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        kernel.sendto(inet_diag.request(self._sequence, states, family, bytecode), (0, 0))
        dump = new(self._sequence, family)
        while not dump.over:
            size_bytes, _ancillary, flags, (port, _groups) = kernel.recvmsg_into([self._buffer])
            if port != 0:
                continue  # not from the kernel: any process may write to a netlink socket
            if flags & socket.MSG_TRUNC:
                raise SampleError("socket dump is not whole", "a datagram was cut short")
            dump.feed(self._buffer, size_bytes)
        return dump

    def close(self) -> None:
        """Closes the socket; the next read opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _open() -> socket.socket:
    opened = socket.socket(_AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, inet_diag.NETLINK_SOCK_DIAG)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(_PATIENCE_S, 0))
    return opened
