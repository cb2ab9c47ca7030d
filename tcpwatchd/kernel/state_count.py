"""Counts a dump by family and state, with the accept queues, without decoding each row. Sources: as
`inet_diag`.
"""

from __future__ import annotations

import struct
from collections import Counter

from tcpwatchd.kernel.inet_diag import (
    AF_INET,
    AF_INET6,
    FAMILY,
    INODE,
    LOCAL,
    LOCAL_PORT,
    QUEUE,
    STATE,
    TIMER,
    Datagram,
    Dump,
    Run,
    endpoint,
)
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import Listener, State, Tally, Walk

_TIMER_OF_TIME_WAIT = 3  # what a record of TIME_WAIT's kind says, also while it stands for FIN_WAIT2
_QUEUES = struct.Struct("=II")  # idiag_rqueue, idiag_wqueue: of a listener, who waits and the backlog
_NOBODY_WAITS = b"\0\0\0\0"


class CountedDump(Dump):
    """`feed` it, then ask for the `walk`."""

    def __init__(self, sequence: int, family: int = 0) -> None:
        super().__init__(sequence, family)
        self._counts: Counter[tuple[int, int]] = Counter()
        self._orphaned = self._minis = 0
        self._queues: list[Listener] = []

    def take(self, run: Run) -> None:
        """Counts some rows."""
        states = run.column(STATE)
        self._counts.update(zip(run.column(FAMILY), states))
        if State.FIN_WAIT2 in states:
            self._minis += list(zip(states, run.column(TIMER))).count((State.FIN_WAIT2, _TIMER_OF_TIME_WAIT))
            inodes = (run.column(INODE + byte) for byte in range(4))
            self._orphaned += list(zip(states, *inodes)).count((State.FIN_WAIT2, 0, 0, 0, 0))
        if State.LISTEN in states:
            self._look_at_listeners(run, states)

    def _look_at_listeners(self, run: Run, states: Datagram) -> None:
        """Notes the listeners with connections in their accept queue; they are few at any time."""
        index = states.find(State.LISTEN)
        while index >= 0:
            row = run.at + index * run.step
            if run.datagram[row + QUEUE : row + QUEUE + 4] != _NOBODY_WAITS:
                local, port = (
                    bytes(run.datagram[row + field : row + field + size])
                    for field, size in ((LOCAL, 16), (LOCAL_PORT, 2))
                )
                where = endpoint(run.datagram[row + FAMILY], local, port)
                self._queues.append(Listener(where, *_QUEUES.unpack_from(run.datagram, row + QUEUE)))
            index = states.find(State.LISTEN, index + 1)

    def walk(self) -> Walk:
        """The counts. SampleError when the dump is not over."""
        if not self.over:
            raise SampleError("socket dump is not whole", "it has no end")
        ipv4, ipv6 = (
            Tally(tuple(self._counts[family, state] for state in range(12))) for family in (AF_INET, AF_INET6)
        )
        return Walk(ipv4, ipv6, self._orphaned, self._minis, tuple(self._queues))
