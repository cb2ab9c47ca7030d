"""Reads inode, user, ports and cookie of each socket of a few states from a dump.

A cookie is a number that a socket has from the first time it is shown until it ends. All is kept in arrays,
in 20 bytes a socket. Sources: include/uapi/linux/inet_diag.h, net/core/sock_diag.c.
"""

from __future__ import annotations

import mmap
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
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
    """The inodes of all sockets that have one: `inode in dump` when it is over. `close` it.

    Four bytes a socket, because a host may have half a million: in buckets, each of them sorted when it is
    first asked. They are in a mapping of their own, which goes back to the kernel when it is closed: the heap
    would keep it.
    """

    _BUCKETS = 256
    _ROOM = 1.25  # for buckets that are fuller than others
    _LEAST = 64

    def __init__(self, sockets: int, sequence: int, family: int = 0) -> None:
        """With room for about so many `sockets`; there may be more."""
        super().__init__(sequence, family)
        self._room = int(self._ROOM * sockets / self._BUCKETS) + self._LEAST
        self._memory = mmap.mmap(-1, self.room_bytes)
        self._inodes = memoryview(self._memory).cast("I")
        self._ends = [nth * self._room for nth in range(self._BUCKETS)]
        self._beyond: set[int] = set()
        self._sorted = bytearray(self._BUCKETS)

    @property
    def room_bytes(self) -> int:
        """The size of its mapping."""
        return 4 * self._room * self._BUCKETS

    @classmethod
    def of(cls, sockets: int) -> partial[InodeDump]:
        """What makes a dump with room for so many."""
        return partial(cls, sockets)

    def close(self) -> None:
        """Gives its memory back."""
        self._inodes.release()
        self._memory.close()

    def take(self, run: Run) -> None:
        """Takes some rows in."""
        inodes, ends, room = self._inodes, self._ends, self._room
        for (inode,) in _U32.iter_unpack(b"".join(run.field(INODE, INODE + 4))):
            nth = inode % self._BUCKETS
            end = ends[nth]
            if end < (nth + 1) * room:
                inodes[end] = inode
                ends[nth] = end + 1
            else:
                self._beyond.add(inode)

    def __contains__(self, inode: object) -> bool:
        if not isinstance(inode, int):
            return False
        nth = inode % self._BUCKETS
        begin, end = nth * self._room, self._ends[nth]
        if not self._sorted[nth]:
            self._inodes[begin:end] = memoryview(array("I", sorted(self._inodes[begin:end])))
            self._sorted[nth] = True
        place = bisect_left(self._inodes, inode, begin, end)
        return (place < end and self._inodes[place] == inode) or inode in self._beyond
