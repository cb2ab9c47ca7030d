"""What waits in memory is bounded, and what is given up at the bound is the oldest."""

from __future__ import annotations

from tcpwatchd.model.batch import Aside, Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.spool.memory_buffer import MemoryBuffer
from tcpwatchd.spool.schema import Row

VALUES = tuple(Value(f"key[{nth}]", "x" * 100, Stamp(1, 1)) for nth in range(100))
MANY = 1000  # far more than fit


def test_rows_beyond_the_bound_leave_oldest_first_and_are_counted() -> None:
    held = MemoryBuffer()
    lost = 0
    for row_id in range(1, MANY + 1):
        held.add(Row.of(row_id, "h", VALUES))
        lost += held.bound()
    ids = [row.row_id for row in held.rows(0)]
    assert lost > 0
    assert ids == list(range(MANY + 1 - len(ids), MANY + 1))
    assert lost + held.values() == MANY * len(VALUES)


def test_what_is_set_aside_leaves_before_rows_do() -> None:
    held = MemoryBuffer()
    held.add(Row.of(1, "h", VALUES))
    lost = 0
    for _ in range(MANY):
        held.set_aside("a", Aside("h", VALUES))
        lost += held.bound()
    assert [row.row_id for row in held.rows(0)] == [1]
    assert lost + held.values() == (MANY + 1) * len(VALUES)
    assert lost > 0


def test_the_newest_row_stays_whatever_its_size() -> None:
    held = MemoryBuffer()
    held.add(Row.of(1, "h", VALUES * MANY))
    assert held.bound() == 0
    assert [row.row_id for row in held.rows(0)] == [1]


def test_what_nobody_waits_for_leaves_and_makes_room() -> None:
    held = MemoryBuffer()
    for row_id in range(1, MANY + 1):
        held.add(Row.of(row_id, "h", VALUES))
        held.drop_through(row_id - 1)
        assert held.bound() == 0
    held.drop_through(MANY)
    assert list(held.rows(0)) == []
    assert held.values() == 0
