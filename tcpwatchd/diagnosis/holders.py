"""Finds over netlink and in /proc who holds the sockets of a state.

Up to `FEW_HELD` sockets of a state are looked at one by one; of more, the same sample at each look, so that
their ages go on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack

from tcpwatchd.diagnosis import programs
from tcpwatchd.diagnosis.ages import OLD_S, Ages
from tcpwatchd.diagnosis.culprits import ELSEWHERE, UNSEEN, Shares, line, names_of
from tcpwatchd.diagnosis.holder_dump import HolderDump, InodeDump
from tcpwatchd.diagnosis.port_sample import FEW, sample_of_state, slices_for
from tcpwatchd.kernel.inet_diag import mask
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.kernel.port_filter import Range, bytecode
from tcpwatchd.model.sockets import State

FEW_HELD = HolderDump.MOST
_SHOWN = frozenset(set(State) - {State.CLOSE})  # in a dump
_WITH_INODE = mask(set(State) - {State.TIME_WAIT})


class HolderSearch:
    """Remembers how old sockets are. Up to `few` sockets of a state are looked at one by one. `old_s`: since
    when a socket must have been seen to be called old.
    """

    old_s = OLD_S

    def __init__(self, kernel: NetlinkBackend, few: int = FEW_HELD) -> None:
        self._kernel = kernel
        self._few = few
        self._ages = Ages()
        self._old_closed: int | None = None

    def forget(self, state: State) -> None:
        """Its sockets are few again: their ages are dropped."""
        self._ages.forget(state)
        if state is State.CLOSE:
            self._old_closed = None

    @property
    def old_closed(self) -> Mapping[State, int]:
        """How many sockets in no table were old at the last search; empty if that is not known."""
        return {} if self._old_closed is None else {State.CLOSE: self._old_closed}

    def search(
        self, states: Collection[State], now_s: float, totals: Mapping[State, int], ephemeral: Range
    ) -> Mapping[State, str]:
        """Who holds the sockets of each of these states, as text. `now_s` by a steady clock, `totals` as the
        host had them, `ephemeral` the range of such ports. Raises SampleError or OSError.
        """
        slices = {state: self._slices(totals.get(state, 0)) for state in states}
        dumps = {
            state: self._kernel.ask(HolderDump, mask([state]), _filter(ephemeral, slices[state]))
            for state in states
            if state in _SHOWN
        }
        # One search through all descriptors serves all states.
        inodes = (inode for of_state in dumps.values() for dump in of_state for inode in dump.inodes if inode)
        held = programs.holding(inodes)
        told = {
            state: self._line(state, of_state, held, now_s, slices[state], ephemeral)
            for state, of_state in dumps.items()
        }
        if State.CLOSE in states:
            told[State.CLOSE] = self._of_closed(now_s, sum(totals.values()))
        return told

    def _slices(self, sockets: int) -> int:
        return 1 if sockets <= self._few else slices_for(sockets, min(FEW, self._few))

    def _line(
        self,
        state: State,
        dumps: Sequence[HolderDump],
        held: programs.Holdings,
        now_s: float,
        slices: int,
        ephemeral: Range,
    ) -> str:
        cookies = (cookie for dump in dumps for cookie in dump.cookies)
        is_old, _old, age_s = self._ages.look(state, cookies, now_s, self.old_s)
        shares = Shares(slices, sum(dump.beyond for dump in dumps))
        holders = (holder for dump in dumps for holder in dump.holders)
        names = names_of(holders, held.program, programs.user, ephemeral)
        for name, cookie, inode in zip(names, *_columns(dumps)):
            # The kernel ends those of FIN_WAIT2 that no program holds.
            if inode or state is not State.FIN_WAIT2:
                shares.add(name, is_old(cookie))
        return line(shares, age_s)

    def _of_closed(self, now_s: float, connections: int) -> str:
        """Of sockets in no table. Nothing but the inodes of all others tells which these are: this is the one
        inspection that reads a row for each connection, four bytes of each are kept.
        """
        with ExitStack() as closing:
            dumps = self._kernel.ask(InodeDump.of(connections), _WITH_INODE)
            for dump in dumps:
                closing.callback(dump.close)
            found = programs.holding_unconnected(lambda inode: any(inode in dump for dump in dumps))
        is_old, old, age_s = self._ages.look(State.CLOSE, found.pids, now_s, self.old_s)
        # What is hidden may be old: only where all is seen, the number is known.
        self._old_closed = old if found.all_seen and age_s >= self.old_s else None
        if not found.pids:
            return ELSEWHERE if found.all_seen else UNSEEN
        shares = Shares(beyond=found.beyond)
        for inode, pid in found.pids.items():
            shares.add(str(found.programs[pid]), is_old(inode))
        return line(shares, age_s)


def _columns(dumps: Sequence[HolderDump]) -> tuple[Iterator[int], Iterator[int]]:
    cookies = (cookie for dump in dumps for cookie in dump.cookies)
    return cookies, (inode for dump in dumps for inode in dump.inodes)


def _filter(ephemeral: Range, slices: int) -> bytes:
    return b"" if slices == 1 else bytecode(sample_of_state(ephemeral, slices))
