"""Leaves out of a push what hardly ever changes: sent when it has, and once an hour.

Alone knows how long a value stands for itself. Zabbix's own "Discard unchanged with heartbeat" would do the
same after the values had come; here they do not travel at all.
"""

from __future__ import annotations

from collections.abc import Collection

from tcpwatchd.model.batch import Value

_HEARTBEAT_S = 3600


class ChangeFilter:
    """Of the values of these `keys` only those with something new to say."""

    def __init__(self, keys: Collection[str]) -> None:
        self._keys = keys
        self._sent: dict[str, Value] = {}

    def changed(self, values: tuple[Value, ...]) -> tuple[Value, ...]:
        """The values that are to be sent."""
        told = tuple(value for value in values if value.key not in self._keys or self._is_news(value))
        self._sent.update((value.key, value) for value in told if value.key in self._keys)
        return told

    def _is_news(self, value: Value) -> bool:
        sent = self._sent.get(value.key)
        if sent is None or sent.text != value.text:
            return True
        # By the wall clock, which Zabbix goes by; after it was set back, too.
        return not 0 <= value.stamp.clock - sent.stamp.clock < _HEARTBEAT_S
