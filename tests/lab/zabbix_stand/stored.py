"""All that a stand has stored of one host, in the order in which it was stored.

This file alone knows: the history tables, and that the order is that of the transactions that wrote the rows
(xmin). It holds because this server has one history syncer, which stores one value of an item at a time, and
because this database is never vacuumed. Source: PostgreSQL manual, "System Columns".
"""

from __future__ import annotations

from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp

from . import database
from .stand import Stand

# Of the three value types that the template has: float, unsigned, character.
TABLES = ("history", "history_uint", "history_str")


def stored(stand: Stand, host: str) -> tuple[Value, ...]:
    """Every row of history of this host; what one transaction wrote, in the order of its stamps."""
    union = " UNION ALL ".join(
        f"SELECT itemid, value::text, clock, ns, xmin::text::bigint AS written FROM {table}"  # noqa: S608 - ours
        for table in TABLES
    )
    rows = database.select(
        stand.directory,
        f"SELECT key_, value, clock, ns FROM ({union}) AS history JOIN items USING (itemid) "  # noqa: S608 - ours
        f"JOIN hosts USING (hostid) WHERE host = '{host}' ORDER BY written, clock, ns",
    )
    return tuple(Value(key, text, Stamp(int(clock), int(ns))) for key, text, clock, ns in rows)
