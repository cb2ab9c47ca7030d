"""Sends refused values again: which ones, in which order, and when.

The methods of `Recheck` are generators: each yields a batch to send and receives the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator

from tcpwatchd.delivery.refused_key_search import KEY_TODO, RefusedKeySearch
from tcpwatchd.delivery.refused_values import RefusedValues
from tcpwatchd.metrics.catalogue import is_discovered
from tcpwatchd.model.batch import Batch, Delivered, Doubt

log = logging.getLogger(__name__)

# All that is refused is asked about again so often.
_RECHECK_S = 600.0
# Of a new object Zabbix makes the items by itself: what is refused of it is asked about again after so long.
_DISCOVERED_S = (30.0, 60.0, 120.0, 300.0)
_NAMED = 5

Requests = Generator[Batch, Delivered, None]


class Recheck:
    """Of one destination."""

    def __init__(self, destination: str, values: RefusedValues) -> None:
        self._destination = destination
        self._values = values
        self._discovered_refused = False

    def take_discovered_refused(self) -> bool:
        """Whether keys of discovered objects have come to be refused since this was last asked."""
        told, self._discovered_refused = self._discovered_refused, False
        return told

    def report(self, keys: Collection[str]) -> None:
        """Logs keys that are newly refused."""
        self._discovered_refused = self._discovered_refused or any(map(is_discovered, keys))
        if names := sorted(keys):
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            log.warning(
                "%s: refuses %s%s; stored on disk and tried again every ten minutes -> %s",
                self._destination,
                ", ".join(names[:_NAMED]),
                more,
                KEY_TODO,
            )

    def discovered(self, at_most: int, search: RefusedKeySearch) -> Requests:
        """Sends values of discovered objects again. The server makes all items of an object at once, so if
        the first key of an object is refused, its other keys are not tried.
        """
        without_items: set[str] = set()
        for key in [key for key in self._values.refused_keys() if is_discovered(key)]:
            thing = key.partition(",")[0]
            if thing not in without_items and not (yield from self.key(key, at_most, search)):
                without_items.add(thing)

    def key(self, key: str, at_most: int, search: RefusedKeySearch) -> Generator[Batch, Delivered, bool]:
        """Sends the oldest value of a refused key alone, all others if it is taken; returns whether."""
        sent = 0
        while (found := self._values.peek(at_most if sent else 1, key)) is not None:
            batch, ids = found
            answer = yield batch
            if answer.refused:
                return False
            self._values.forget(ids)
            sent += len(ids)
        search.clear([key])
        log.warning(
            "%s: takes %s again; %d stored values of it are delivered",
            self._destination,
            key,
            sent,
        )
        return True

    def settle(self, doubt: Doubt, search: RefusedKeySearch) -> Requests:
        """Every key of this doubt is known by now: either it explains the refusals, or all is asked again."""
        explained = sum(key in search.refused for key in doubt.keys)
        if explained >= doubt.refused:
            self._values.settle(doubt, search.refused)
        else:
            yield from self.doubt(doubt, search)

    def doubt(self, doubt: Doubt, search: RefusedKeySearch) -> Requests:
        """Sends what is in doubt once more, with the stamps it had: first as one, then each value alone."""
        at_most = len(doubt.keys)
        before = set(search.refused)
        for single in (False, True):
            while (found := self._values.peek(1 if single else at_most, doubt_id=doubt.doubt_id)) is not None:
                batch, ids = found
                answer = yield batch
                if not answer.refused:
                    self._values.forget(ids)
                elif not answer.processed and not single and len(set(doubt.keys)) > 1:
                    return  # rather the host than each of these keys; the next recheck asks again
                elif single:
                    search.refuse(batch.values[0].key)
                    self._values.refuse(ids)
                else:
                    break
        search.clear(set(doubt.keys) - search.refused)
        self.report(search.refused - before)


class RecheckTimes:
    """When a recheck is due, on the steady clock in seconds."""

    def __init__(self, now_s: float) -> None:
        self._all_at_s = now_s + _RECHECK_S
        self._discovered_at_s: list[float] = []

    def take_all(self, now_s: float) -> bool:
        """Whether all that is refused is to be asked about now."""
        if now_s < self._all_at_s:
            return False
        self._all_at_s = now_s + _RECHECK_S
        return True

    def discovered_refused(self, now_s: float) -> None:
        """Keys of a discovered object were refused just now."""
        self._discovered_at_s = [now_s + after_s for after_s in _DISCOVERED_S]

    def take_discovered(self, now_s: float) -> bool:
        """Whether the keys of discovered objects are to be asked about now."""
        if not self._discovered_at_s or now_s < self._discovered_at_s[0]:
            return False
        self._discovered_at_s = [at_s for at_s in self._discovered_at_s if at_s > now_s]
        return True

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until the keys of discovered objects are due; None: they are not."""
        return self._discovered_at_s[0] - now_s if self._discovered_at_s else None
