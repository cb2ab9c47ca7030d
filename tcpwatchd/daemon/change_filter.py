"""Leaves out values that have not changed, and sends the last of them when they change.

So a graph has a step where a step was, and the window of an alarm holds what was before the change. Zabbix's
own "Discard unchanged with heartbeat" does a part of this, after 500 hosts have sent their values.
"""

from __future__ import annotations

from collections.abc import Iterator

from tcpwatchd.metrics.unchanged import Unchanged, is_drawn, unchanged
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp

# The windows of alarms are at most a quarter of an hour, or three pushes.
_LATER_S, _LATER_PUSHES = 1200, 5
_NOT_DRAWN = 6  # what is in no graph is repeated so much less often


class _Known:
    """Of one key: its last text, since when it is that, when it was sent, and since then left out."""

    __slots__ = ("is_drawn", "left_out", "pushes", "rule", "sent_clock", "since_clock", "text")

    def __init__(self, key: str) -> None:
        self.rule, self.is_drawn = unchanged(key), is_drawn(key)
        self.text: str | None = None
        self.since_clock = self.sent_clock = self.pushes = 0
        self.left_out: Stamp | None = None


class ChangeFilter:
    """A value that does not change is repeated after `repeat_s`, one that is in no graph after six times as
    long. None: every value is sent.
    """

    def __init__(self, repeat_s: float | None) -> None:
        self._repeat_s = repeat_s
        self._known: dict[str, _Known] = {}

    def changed(self, values: tuple[Value, ...]) -> tuple[Value, ...]:
        """What is sent of the values of a push."""
        if self._repeat_s is None:
            return values
        return tuple(one for value in values for one in self._told(value, self._repeat_s))

    def urgent(self, values: tuple[Value, ...]) -> tuple[Value, ...]:
        """The same for values that are sent in any case, between two pushes."""
        return tuple(one for value in values for one in self._told(value, 0.0))

    def _told(self, value: Value, repeat_s: float) -> Iterator[Value]:
        known = self._known.get(value.key)
        if known is None:
            known = self._known[value.key] = _Known(value.key)
        clock = value.stamp.clock
        if known.text != value.text:
            # After the clock was set back, the value from before is of a later time: it would be late.
            if known.text is not None and known.left_out is not None and known.left_out < value.stamp:
                yield Value(value.key, known.text, known.left_out)
            known.text, known.since_clock, known.pushes = value.text, clock, 1
        else:
            known.pushes += 1
            if not _is_due(known, clock, repeat_s):
                known.left_out = value.stamp
                return
        known.sent_clock, known.left_out = clock, None
        yield value


def _is_due(known: _Known, clock: int, repeat_s: float) -> bool:
    """Whether a value that has not changed is sent."""
    if known.rule is Unchanged.SENT:
        return True
    if known.rule is not Unchanged.LEFT_OUT:
        if known.rule is Unchanged.ZERO_LEFT_OUT_LATER and known.text != "0":
            return True
        if known.pushes <= _LATER_PUSHES or 0 <= clock - known.since_clock < _LATER_S:
            return True
    # By the wall clock, which Zabbix goes by; after it was set back, too.
    return not 0 <= clock - known.sent_clock < repeat_s * (1 if known.is_drawn else _NOT_DRAWN)
