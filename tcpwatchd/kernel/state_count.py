"""Counts a dump by family and state, with the accept queues and what is not answered, without decoding each
row. Sources: as `inet_diag`; of idiag_retrans net/ipv4/inet_diag.c (inet_sk_diag_fill, inet_req_diag_fill).
"""

from __future__ import annotations

import struct
from collections import Counter

from tcpwatchd.kernel.inet_diag import (
    AF_INET,
    AF_INET6,
    COOKIE,
    FAMILY,
    INODE,
    LOCAL,
    LOCAL_PORT,
    QUEUE,
    RETRANS,
    STATE,
    TIMER,
    Datagram,
    Dump,
    Run,
    endpoint,
)
from tcpwatchd.model.cookies import Cookies
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import Listener, State, Tally, Walk

_TIMER_OF_TIME_WAIT = 3  # what a record of TIME_WAIT's kind says, also while it stands for FIN_WAIT2
_QUEUES = struct.Struct("=II")  # idiag_rqueue, idiag_wqueue: of a listener, who waits and the backlog
_CLOSE_WAIT, _FIN_WAIT2 = int(State.CLOSE_WAIT), int(State.FIN_WAIT2)
_NOBODY_WAITS = b"\0\0\0\0"
# A segment that was sent again so often is not answered: the third time is 7 s after the first, by default.
UNANSWERED_RETRANS = 3
_UNANSWERED = bytes(retrans >= UNANSWERED_RETRANS for retrans in range(256))


class CountedDump(Dump):
    """`feed` it, then ask for the `walk`."""

    def __init__(self, sequence: int, family: int = 0) -> None:
        super().__init__(sequence, family)
        self._counts: Counter[tuple[int, int]] = Counter()
        self._unanswered: Counter[int] = Counter()
        self._orphaned = self._minis = 0
        self._cookies = {State.CLOSE_WAIT: Cookies(), State.FIN_WAIT2: Cookies()}
        self._queues: list[Listener] = []

    def take(self, run: Run) -> None:
        """Counts some rows."""
        states = run.column(STATE)
        self._counts.update(zip(run.column(FAMILY), states))
        if _CLOSE_WAIT in states or _FIN_WAIT2 in states:
            self._look_at_half_closed(run, len(states))
        unanswered = run.column(RETRANS).translate(_UNANSWERED)
        if 1 in unanswered:
            self._unanswered.update(state for state, one in zip(states, unanswered) if one)
        if State.LISTEN in states:
            self._look_at_listeners(run, states)

    def _look_at_half_closed(self, run: Run, rows: int) -> None:
        """Notes the cookies of what one side has closed, and which of it no program holds."""
        row = struct.Struct(f"={STATE}xBB{COOKIE - TIMER - 1}xQ{INODE - COOKIE - 8}xI{run.step - INODE - 4}x")
        # The padding of the last row may have been left out.
        raw = bytes(run.datagram[run.at : run.at + rows * run.step]).ljust(rows * run.step, b"\0")
        close_wait, held = [], []
        for state, timer, cookie, inode in row.iter_unpack(raw):
            if state == _CLOSE_WAIT:
                close_wait.append(cookie)
            elif state == _FIN_WAIT2:
                if inode:
                    held.append(cookie)
                else:
                    self._orphaned += 1
                    self._minis += timer == _TIMER_OF_TIME_WAIT
        self._cookies[State.CLOSE_WAIT].add(close_wait)
        self._cookies[State.FIN_WAIT2].add(held)

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
        unanswered = Tally(tuple(self._unanswered[state] for state in range(12)))
        return Walk(ipv4, ipv6, self._orphaned, self._minis, tuple(self._queues), unanswered, self._cookies)
