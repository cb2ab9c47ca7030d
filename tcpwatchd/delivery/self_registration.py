"""Registers the host at a server that does not know it: at the start, and while it takes nothing of the host.

Values that were refused meanwhile wait on disk, and follow when the server has the host and its items.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome
from tcpwatchd.model.clock import Clock
from tcpwatchd.zabbix.active_checks import Registered

log = logging.getLogger(__name__)

# An agent asks as often. The spread keeps a fleet from asking in the same second.
_AGAIN_S, _SPREAD_S = 120.0, 30.0


class SelfRegistration:
    """Delivers batches through `deliver`, and tells the server of the host before, where that is due.

    `destination` and `metadata` are for the log. `luck` gives numbers in [0, 1).
    """

    def __init__(
        self,
        deliver: Callable[[Batch], Outcome],
        register: Callable[[], Registered | Deferred],
        destination: str,
        metadata: str,
        clock: Clock,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._deliver = deliver
        self._register = register
        self._destination, self._metadata = destination, metadata
        self._clock = clock
        self._luck = luck
        self._wanted = self._answered = True
        self._next_s = clock.steady_s()

    def deliver(self, batch: Batch) -> Outcome:
        """Sends a batch; registers the host first if that is due."""
        if self._wanted and not batch.question and self._clock.steady_s() >= self._next_s:
            self._tell(batch.host)
        outcome = self._deliver(batch)
        if isinstance(outcome, Delivered) and not batch.question:
            if outcome.processed:
                self._wanted = False
            elif len({value.key for value in batch.values}) > 1:
                self._wanted = True  # a single key that is refused says nothing of the host
            if not self._answered:  # it answers now, so it is worth another attempt at once
                self._next_s = self._clock.steady_s()
        return outcome

    def _tell(self, host: str) -> None:
        answer = self._register()
        self._next_s = self._clock.steady_s() + _AGAIN_S + _SPREAD_S * self._luck()
        self._answered = not isinstance(answer, Deferred)
        if isinstance(answer, Deferred):
            return  # the delivery meets the same, and says so
        if not answer.known:
            log.info(
                "%s: does not know host %s (%s); it was told of it, with metadata %s",
                self._destination,
                host,
                answer.words,
                self._metadata,
            )
