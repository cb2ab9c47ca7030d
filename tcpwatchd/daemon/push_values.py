"""Makes the values of a push: metrics, without those that have not changed, and the keys of other scripts."""

from __future__ import annotations

from collections.abc import Collection

from tcpwatchd.config.config import Config
from tcpwatchd.daemon.push_parts import PushParts
from tcpwatchd.metrics.catalogue import QUIET, SELDOM, evaluate
from tcpwatchd.metrics.key_patterns import under_aliases, under_patterns
from tcpwatchd.metrics.metric import Metric
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.window import Vitals, Window

_HEARTBEAT_S = 3600


class PushValues:
    """`configure` before the first `evaluate`."""

    def __init__(self, parts: PushParts) -> None:
        self._parts = parts

    def configure(self, metrics: Collection[Metric], config: Config) -> None:
        """Takes a configuration and the metrics that it selects, now and at a reload."""
        self._metrics, self._config = metrics, config
        # Whoever reloads may have made items, or a server, anew: all values are sent once more.
        self._change_filter = ChangeFilter(SELDOM, QUIET)

    def evaluate(self, window: Window, vitals: Vitals, stamp: Stamp) -> tuple[Value, ...]:
        """The values of one push."""
        config = self._config
        values = evaluate(self._metrics, window, vitals, stamp, self._parts)
        values = self._change_filter.changed(values)
        values = under_aliases(values, config.aliases, config.own_keys)
        return values + under_patterns(config.key_patterns, config.services, window, stamp, self._parts)


class ChangeFilter:
    """Leaves out a value of `seldom` keys that has not changed, and of `quiet` keys a 0 after a 0, for up to
    an hour.

    Zabbix's own "Discard unchanged with heartbeat" does the same after the values have come; here they are
    not sent at all.
    """

    def __init__(self, seldom: Collection[str], quiet: Collection[str] = ()) -> None:
        self._quiet = frozenset(quiet)
        self._keys = self._quiet.union(seldom)
        self._sent: dict[str, Value] = {}

    def changed(self, values: tuple[Value, ...]) -> tuple[Value, ...]:
        """The values that are to be sent."""
        told = tuple(value for value in values if value.key not in self._keys or self._is_new(value))
        self._sent.update((value.key, value) for value in told if value.key in self._keys)
        return told

    def _is_new(self, value: Value) -> bool:
        sent = self._sent.get(value.key)
        if sent is None or sent.text != value.text:
            return True
        if value.key in self._quiet and value.text != "0":
            return True
        # By the wall clock, which Zabbix goes by; after it was set back, too.
        return not 0 <= value.stamp.clock - sent.stamp.clock < _HEARTBEAT_S
