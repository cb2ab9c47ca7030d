"""Reads inode, user, ports and cookie of each socket of a few states from a dump.

A cookie is a number that a socket has from the first time it is shown until it ends. All is kept in arrays,
in 20 bytes a socket. Sources: include/uapi/linux/inet_diag.h, net/core/sock_diag.c.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from tcpwatchd.kernel.inet_diag import COOKIE, INODE, LOCAL_PORT, STATE, UID, Dump, Run

_PORTS = struct.Struct("!HH")
_U32 = struct.Struct("=I")


class Holder(NamedTuple):
    """What a socket says of its holder. `inode` is 0 where no program holds it, or none has accepted it."""

    uid: int
    local_port: int
    remote_port: int
    inode: int
    cookie: int


class HolderDump(Dump):
    """The first `MOST` sockets of a dump; `beyond` is the number of the others."""

    MOST = 50_000

    def __init__(self, sequence: int, family: int = 0) -> None:
        super().__init__(sequence, family)
        self.cookies, self.inodes = array("Q"), array("I")
        self._uids, self._ports = array("I"), array("I")  # the two ports as the bytes that came
        self.beyond = 0

    def take(self, run: Run) -> None:
        """Takes some rows in."""
        rows = len(run.column(STATE))
        room = min(rows, self.MOST - len(self.inodes))
        for kept, begin, end in (
            (self.cookies, COOKIE, COOKIE + 8),
            (self._uids, UID, UID + 4),
            (self.inodes, INODE, INODE + 4),
            (self._ports, LOCAL_PORT, LOCAL_PORT + 4),
        ):
            kept.frombytes(b"".join(run.field(begin, end)[:room]))
        self.beyond += rows - room

    @property
    def holders(self) -> Iterator[Holder]:
        """One after the other, in the order of `cookies`."""
        for cookie, uid, inode, ports in zip(self.cookies, self._uids, self.inodes, self._ports):
            local_port, remote_port = _PORTS.unpack(_U32.pack(ports))
            yield Holder(uid, local_port, remote_port, inode, cookie)


class InodeDump(Dump):
    """The inodes of all sockets that have one: `inode in dump` when it is over.

    Four bytes a socket, because a host may have half a million: in buckets, each of them sorted when it is
    first asked.
    """

    _BUCKETS = 256

    def __init__(self, sequence: int, family: int = 0) -> None:
        super().__init__(sequence, family)
        self._buckets = [array("I") for _ in range(self._BUCKETS)]
        self._sorted = [False] * self._BUCKETS

    def take(self, run: Run) -> None:
        """Takes some rows in."""
        buckets = self._buckets
        for (inode,) in _U32.iter_unpack(b"".join(run.field(INODE, INODE + 4))):
            buckets[inode % self._BUCKETS].append(inode)

    def __contains__(self, inode: object) -> bool:
        if not isinstance(inode, int):
            return False
        nth = inode % self._BUCKETS
        if not self._sorted[nth]:
            self._buckets[nth] = array("I", sorted(self._buckets[nth]))
            self._sorted[nth] = True
        bucket = self._buckets[nth]
        place = bisect_left(bucket, inode)
        return place < len(bucket) and bucket[place] == inode
