"""Chooses the next batch for one destination, and applies the answer to the spool.

The oldest batch is sent first, cut into parts so that refused keys are found. Its position moves when the
server has answered for all of it. Then, when that is due, refused values are sent again.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Optional

from tcpwatchd.delivery.recheck import Recheck
from tcpwatchd.delivery.refused_key_search import RefusedKeySearch
from tcpwatchd.delivery.refused_values import RefusedValues
from tcpwatchd.model.batch import Aside, Batch, Delivered, Value
from tcpwatchd.spool.spool import Spool

# So many values further on are looked for a key that shows whether it is the host or its keys.
_WITNESSES = 1000

# Batches to send, answers back; at the end True, False if the host as a whole was refused, None if nothing
# waits.
_Round = Generator[Batch, Delivered, Optional[bool]]


class HostRefusedError(Exception):
    """The server answers and takes nothing of this host."""


class Outbox:
    """`batch` is what to send now; tell `answered` what came of it. What was not answered for stays."""

    def __init__(self, destination: str, spool: Spool) -> None:
        self._destination = destination
        self._spool = spool
        self._aside = RefusedValues(spool, destination)
        self._recheck = Recheck(destination, self._aside)
        self._search: RefusedKeySearch | None = None
        self._recheck_all = True
        self._recheck_discovered = False
        self._taken: Value | None = None
        self._round: _Round | None = None
        self._batch: Batch | None = None
        self._under_way = False  # whether some of the round was answered for
        self._refused = self._refused_taken = 0

    def batch(self, at_most: int) -> Batch | None:
        """What to send now, at most so many values; None: nothing waits. SpoolError: it cannot be read."""
        if self._batch is not None and len(self._batch.values) > at_most and not self._under_way:
            self._batch = None  # less is wanted than before
        while self._batch is None:
            self._under_way = False
            self._round = self._begin(at_most)
            try:
                self._batch = next(self._round)
            except StopIteration as end:
                if end.value is None:
                    return None
                # All of it was set aside; what comes after it?
        return self._batch

    def answered(self, answer: Delivered) -> None:
        """The batch given last was answered for. HostRefusedError: nothing was taken, and all of it stays."""
        assert self._round is not None  # noqa: S101 - an answer follows a batch
        self._batch, self._under_way = None, True
        try:
            self._batch = self._round.send(answer)
        except StopIteration as end:
            if end.value is False:
                raise HostRefusedError from None

    def recheck(self) -> None:
        """Asks again for everything that is refused, with the next batch. From any thread."""
        self._recheck_all = True

    def recheck_discovered(self) -> None:
        """Asks again for the keys of discovered objects that are refused, now."""
        self._recheck_discovered = True

    def take_discovered_refused(self) -> bool:
        """Whether keys of discovered objects have come to be refused since this was last asked."""
        return self._recheck.take_discovered_refused()

    def take_refused(self) -> int:
        """Values that were refused or set aside since this was last asked. From one other thread."""
        # Only the ship thread raises the count, only the caller moves what it was told: no lock is needed.
        refused, taken = self._refused, self._refused_taken
        self._refused_taken = refused
        return refused - taken

    def _begin(self, at_most: int) -> _Round:
        batch = self._spool.peek(self._destination, at_most)  # first: it says if the file cannot be read yet
        if self._search is None:
            doubted = (key for doubt in self._aside.doubts() for key in doubt.keys)
            refused = self._aside.refused_keys()
            self._search = RefusedKeySearch(
                refused, (key for key in dict.fromkeys(doubted) if key not in refused)
            )
        if batch is not None:
            return (yield from self._oldest(batch, at_most, self._search))
        if self._recheck_discovered:
            self._recheck_discovered = False
            yield from self._recheck.discovered(at_most, self._search)
        return None

    def _oldest(self, batch: Batch, at_most: int, search: RefusedKeySearch) -> _Round:
        """Sends one batch in parts; then its position moves, and what is refused has its turn."""
        parts, aside = search.cut(batch.values)
        parts = [part[begin : begin + at_most] for part in parts for begin in range(0, len(part), at_most)]
        answers = []
        for part in parts:
            answers.append((yield replace(batch, values=part)))
        taken = any(answer.processed for answer in answers)
        if parts and not taken and not (yield from self._host_is_known(batch, search)):
            return False
        before = set(search.refused)
        asides = [Aside(batch.host, aside)] if aside else []
        for part, answer in zip(parts, answers):
            self._refused += answer.refused
            in_doubt = search.judge(part, answer)
            if in_doubt or (answer.refused and not answer.processed):
                asides.append(Aside(batch.host, part, answer.refused if in_doubt else None))
            if part and not answer.refused:
                self._taken = part[0]
        self._refused += len(aside)
        self._recheck.report(search.refused - before)
        # What this very batch leaves behind is not asked about again yet.
        recheck = [*self._aside.refused_keys()] if self._recheck_all else []
        doubts = self._aside.doubts() if self._recheck_all else ()
        self._spool.ack(self._destination, batch.last_id, asides)
        # Only where the host was just seen to be known: else a refusal would say nothing about keys. And only
        # where the disk takes what comes of it: else it would be sent again and again.
        wanted = self._recheck_all or self._aside.doubts()
        if taken and self._recheck_discovered and not self._recheck_all:
            self._recheck_discovered = False
            yield from self._recheck.discovered(at_most, search)
        if taken and wanted and self._spool.flush():
            self._recheck_all = False
            if recheck:
                self._aside.claim(recheck)
            for key in recheck:
                yield from self._recheck.key(key, at_most, search)
            for doubt in doubts:
                yield from self._recheck.doubt(doubt, search)
            for doubt in self._aside.doubts():
                if search.settled(doubt.keys):
                    yield from self._recheck.settle(doubt, search)
        return True

    def _host_is_known(self, batch: Batch, search: RefusedKeySearch) -> Generator[Batch, Delivered, bool]:
        """Whether the server takes other keys of this host: then it is these keys that it refuses.

        Asked about a key that was taken before, and about keys that wait behind these.
        """
        no_witnesses = {value.key for value in batch.values} | search.refused
        further = self._spool.peek(self._destination, _WITNESSES, batch.last_id)
        values = (*((self._taken,) if self._taken else ()), *(further.values if further else ()))
        others = {value.key: value for value in values}
        witnesses = tuple(value for key, value in others.items() if key not in no_witnesses)
        if not witnesses:
            return False
        answer = yield replace(batch, values=witnesses, question=True)
        return answer.processed > 0
