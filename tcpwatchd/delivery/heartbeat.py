"""Adds values to each request that never wait: they are stamped when it is sent.

An alarm for silence can rest on them while old values are replayed. A server that has no item for them is not
asked again until the next configuration or an hour later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tcpwatchd.metrics.self_metrics import ELSEWHERE, HEARTBEAT
from tcpwatchd.model.batch import Batch, Delivered, Outcome, Value
from tcpwatchd.model.clock import Clock, Stamp

_AGAIN_S = 3600.0


class Heartbeat:
    """Delivers batches through `deliver`, and adds the heartbeat to each.

    `elsewhere_s` returns for how many seconds values wait for other destinations; None: there is no other,
    and that is 0.
    """

    def __init__(
        self,
        deliver: Callable[[Batch], Outcome],
        clock: Clock,
        elsewhere_s: Callable[[], int] | None = None,
    ) -> None:
        self._deliver = deliver
        self._clock = clock
        self._elsewhere_s = elsewhere_s
        self._taken: frozenset[str] = frozenset()  # keys that the server is known to take
        self._ask_at_s = self._zero_at_s = clock.steady_s()

    def deliver(self, batch: Batch) -> Outcome:
        """Sends a batch; the outcome counts its own values alone."""
        if batch.question:
            return self._deliver(batch)
        texts = self._texts(batch)
        added = {key: text for key, text in texts.items() if key in self._taken}
        outcome = self._deliver(replace(batch, values=batch.values + self._stamped(added)))
        if not isinstance(outcome, Delivered):
            return outcome
        if added:
            outcome = self._without(outcome, batch, added)
        if outcome.processed:
            self._note({key: text for key, text in added.items() if key in self._taken})
        # A server that takes nothing of this host says nothing of a key.
        if outcome.processed and self._clock.steady_s() >= self._ask_at_s:
            self._ask_at_s = self._clock.steady_s() + _AGAIN_S
            for key in texts.keys() - self._taken:
                self._try(batch, {key: texts[key]})
        return outcome

    def _texts(self, batch: Batch) -> Mapping[str, str]:
        now_clock, newest = Stamp.of(self._clock.wall_ns()).clock, batch.values[-1].stamp.clock
        texts = {HEARTBEAT: str(max(0, now_clock - newest))}
        elsewhere_s = self._elsewhere_s() if self._elsewhere_s is not None else 0
        if elsewhere_s or self._clock.steady_s() >= self._zero_at_s:
            texts[ELSEWHERE] = str(elsewhere_s)
        return texts

    def _stamped(self, texts: Mapping[str, str]) -> tuple[Value, ...]:
        stamp = Stamp.of(self._clock.wall_ns())
        return tuple(Value(key, text, stamp) for key, text in texts.items())

    def _without(self, outcome: Delivered, batch: Batch, added: Mapping[str, str]) -> Delivered:
        """The answer as it would be without what was `added`. A server never says which value it refused."""
        if not outcome.refused:
            return replace(outcome, processed=outcome.processed - len(added))
        if not outcome.processed:
            return replace(outcome, refused=outcome.refused - len(added))
        self._taken = frozenset()
        # What cannot be asked counts as taken: so no refusal of another value is overlooked.
        refused = sum(self._try(batch, {key: text}) is False for key, text in added.items())
        refused = min(refused, outcome.refused)
        return replace(
            outcome,
            processed=outcome.processed - (len(added) - refused),
            refused=outcome.refused - refused,
        )

    def _try(self, batch: Batch, texts: Mapping[str, str]) -> bool | None:
        """Sends these alone, and learns whether they are taken; None: there was no answer."""
        outcome = self._deliver(replace(batch, values=self._stamped(texts)))
        if not isinstance(outcome, Delivered):
            return None
        if outcome.refused:
            return False
        self._taken = self._taken.union(texts)
        self._note(texts)
        return True

    def _note(self, taken: Mapping[str, str]) -> None:
        """A 0 after a 0 is left out for an hour."""
        if ELSEWHERE in taken:
            self._zero_at_s = self._clock.steady_s() + (_AGAIN_S if taken[ELSEWHERE] == "0" else 0.0)
