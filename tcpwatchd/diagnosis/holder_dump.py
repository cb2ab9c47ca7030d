"""Reads inode, user and cookie of each socket of a few states from a dump.

A cookie is a number that a socket has from the first time it is shown until it ends. Sources:
include/uapi/linux/inet_diag.h, net/core/sock_diag.c.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from typing import NamedTuple

from tcpwatchd.kernel.inet_diag import COOKIE, INODE, LOCAL_PORT, STATE, Dump, Run
from tcpwatchd.model.sockets import State

_PORTS = struct.Struct("!HH")
_INODE = struct.Struct("=I")
_COOKIE_TO_INODE = struct.Struct("=8s12xII")  # between them a timer and two queues; then uid, inode


class Holder(NamedTuple):
    """What a socket says of its holder. `inode` is 0 where no program holds it, or none has accepted it."""

    state: State
    uid: int
    local_port: int
    remote_port: int
    inode: int
    cookie: bytes


class HolderDump(Dump):
    """The first `MOST` sockets of a dump; `beyond` is the number of the others."""

    MOST = 50_000

    def __init__(self, sequence: int, family: int = 0) -> None:
        super().__init__(sequence, family)
        self.holders: list[Holder] = []
        self.beyond = 0

    def take(self, run: Run) -> None:
        """Takes some rows in."""
        room = self.MOST - len(self.holders)
        states = run.column(STATE)
        ports, rest = run.field(LOCAL_PORT, LOCAL_PORT + 4), run.field(COOKIE, INODE + 4)
        for state, pair, fields in zip(states[:room], ports, rest):
            cookie, uid, inode = _COOKIE_TO_INODE.unpack(fields)
            local_port, remote_port = _PORTS.unpack(pair)
            self.holders.append(Holder(State(state), uid, local_port, remote_port, inode, cookie))
        self.beyond += max(0, len(states) - room)


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
        for (inode,) in _INODE.iter_unpack(b"".join(run.field(INODE, INODE + 4))):
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
