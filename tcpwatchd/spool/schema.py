"""The tables of a spool's file, their upgrade from older formats, and the JSON of a row.

Source: sqlite.org/autoinc.html (ids only grow, even after the newest row was deleted).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp

FORMAT = 2  # PRAGMA user_version; a file with a higher one was written by a newer tcpwatchd

_FORMAT_1 = """
CREATE TABLE push (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    clock INTEGER NOT NULL,
    count INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE destination (name TEXT PRIMARY KEY, acked INTEGER NOT NULL);
"""
_SINCE_FORMAT_2 = """
ALTER TABLE destination ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
ALTER TABLE destination ADD COLUMN trouble_clock INTEGER NOT NULL DEFAULT 0;
CREATE TABLE latest (clock INTEGER NOT NULL, ns INTEGER NOT NULL, life INTEGER NOT NULL);
CREATE TABLE doubt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    refused INTEGER NOT NULL
);
CREATE TABLE aside (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    doubt INTEGER NOT NULL DEFAULT 0,
    host TEXT NOT NULL,
    key TEXT NOT NULL,
    clock INTEGER NOT NULL,
    ns INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX aside_key ON aside (destination, doubt, key, id);
"""
# From the format that a file has, 0 for none.
UPGRADES = {0: _FORMAT_1 + _SINCE_FORMAT_2, 1: _SINCE_FORMAT_2}


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
