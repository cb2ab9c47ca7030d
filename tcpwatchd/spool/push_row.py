"""One row of the spool: a push, or a part of one, as its table has it.

Alone knows how values are written into a row and read again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from tcpwatchd.model.model import Stamp, Value


class Row(NamedTuple):
    """In the order of the columns. `body` is JSON: `[[key, text, clock, ns], …]`, `values` their number."""

    row_id: int
    host: str
    clock: int
    values: int
    body: bytes

    @classmethod
    def of(cls, row_id: int, host: str, values: Sequence[Value]) -> Row:
        """Values of one push; at least one."""
        rows = [[value.key, value.text, value.stamp.clock, value.stamp.ns] for value in values]
        body = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
        return cls(row_id, host, values[0].stamp.clock, len(values), body)

    def decoded(self) -> list[Value] | None:
        """Its values; None where the body is not what was written."""
        try:
            rows = [(key, text, clock, ns) for key, text, clock, ns in json.loads(self.body)]
        except (ValueError, TypeError, RecursionError):
            return None
        if len(rows) != self.values or any(tuple(map(type, row)) != (str, str, int, int) for row in rows):
            return None
        return [Value(key, text, Stamp(clock, ns)) for key, text, clock, ns in rows]
