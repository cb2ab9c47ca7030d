"""Makes the values of a push: metrics, without those that have not changed, and the keys of other scripts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tcpwatchd.config.config import Config
from tcpwatchd.daemon.push_parts import PushParts
from tcpwatchd.metrics.catalogue import QUIET, SELDOM, evaluate
from tcpwatchd.metrics.key_patterns import under_aliases, under_patterns
from tcpwatchd.metrics.metric import Metric
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.window import Vitals, Window

_HEARTBEAT_S = 3600
# The windows of alarms are at most a quarter of an hour, or three pushes.
_ZEROS_S, _ZEROS = 1200, 5


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

    def of_keys(self, keys: Sequence[str], window: Window, vitals: Vitals, stamp: Stamp) -> tuple[Value, ...]:
        """The values of some of the selected metrics alone, in the order of these keys."""
        selected = {metric.key: metric for metric in self._metrics}
        metrics = [selected[key] for key in keys if key in selected]
        return evaluate(metrics, window, vitals, stamp, self._parts)


@dataclass
class _Zeros:
    """Since when a value is 0, and how often it was sent as that."""

    since_clock: int
    sent: int = 0


class ChangeFilter:
    """Leaves out a value of `seldom` keys that has not changed, and of `quiet` keys a 0 that has lasted, for
    up to an hour. A 0 is sent for a while: an alarm ends when a value comes, not when none does.

    Zabbix's own "Discard unchanged with heartbeat" does the same after the values have come; here they are
    not sent at all.
    """

    def __init__(self, seldom: Collection[str], quiet: Collection[str] = ()) -> None:
        self._quiet = frozenset(quiet)
        self._keys = self._quiet.union(seldom)
        self._sent: dict[str, Value] = {}
        self._zeros: dict[str, _Zeros] = {}

    def changed(self, values: tuple[Value, ...]) -> tuple[Value, ...]:
        """The values that are to be sent."""
        told = tuple(value for value in values if value.key not in self._keys or self._is_new(value))
        self._sent.update((value.key, value) for value in told if value.key in self._keys)
        return told

    def _has_lasted(self, value: Value) -> bool:
        """Whether it has been 0 for longer than the windows of alarms are."""
        if value.text != "0":
            self._zeros.pop(value.key, None)
            return False
        zeros = self._zeros.setdefault(value.key, _Zeros(value.stamp.clock))
        zeros.sent += 1
        lasting_s = value.stamp.clock - zeros.since_clock
        return zeros.sent > _ZEROS and not 0 <= lasting_s < _ZEROS_S

    def _is_new(self, value: Value) -> bool:
        if value.key in self._quiet and not self._has_lasted(value):
            return True
        sent = self._sent.get(value.key)
        if sent is None or sent.text != value.text:
            return True
        # By the wall clock, which Zabbix goes by; after it was set back, too.
        return not 0 <= value.stamp.clock - sent.stamp.clock < _HEARTBEAT_S
