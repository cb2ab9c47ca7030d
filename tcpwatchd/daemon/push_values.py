"""Makes the values of a push: metrics, without those that have not changed, and the keys of other scripts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tcpwatchd.config.config import Config
from tcpwatchd.daemon.change_filter import ChangeFilter
from tcpwatchd.daemon.push_parts import PushParts
from tcpwatchd.metrics.catalogue import evaluate
from tcpwatchd.metrics.metric import Metric
from tcpwatchd.metrics.pattern_values import under_aliases, under_patterns
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.vitals import Vitals
from tcpwatchd.model.window import Window


class PushValues:
    """`configure` before the first `evaluate`."""

    def __init__(self, parts: PushParts) -> None:
        self._parts = parts

    def configure(self, metrics: Collection[Metric], config: Config) -> None:
        """Takes a configuration and the metrics that it selects, now and at a reload."""
        self._metrics, self._config = metrics, config
        # Whoever reloads may have made items, or a server, anew: all values are sent once more.
        self._change_filter = ChangeFilter(config.unchanged_s)

    def evaluate(self, window: Window, vitals: Vitals, stamp: Stamp) -> tuple[Value, ...]:
        """The values of one push."""
        config = self._config
        values = evaluate(self._metrics, window, vitals, stamp, self._parts)
        ours = self._change_filter.changed(values) if config.own_keys else ()
        # Whoever has other keys may have alarms of their own, which rely on a value from each push.
        others = under_aliases(values, config.aliases)
        return (
            *ours,
            *others,
            *under_patterns(config.key_patterns, config.services, window, stamp, self._parts),
        )

    def of_keys(self, keys: Sequence[str], window: Window, vitals: Vitals, stamp: Stamp) -> tuple[Value, ...]:
        """The values of some of the selected metrics alone, in the order of these keys."""
        selected = {metric.key: metric for metric in self._metrics}
        metrics = [selected[key] for key in keys if key in selected]
        return self._change_filter.urgent(evaluate(metrics, window, vitals, stamp, self._parts))
