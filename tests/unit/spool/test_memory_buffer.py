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


MEMORY_BYTES, WRITTEN_BYTES, ASIDE_BYTES = 1024**2, 128 * 1024, 200


def row(row_id: int, size_bytes: int) -> Row:
    return Row(row_id, "h", 1, 1, b"x" * size_bytes)


def test_memory_holds_exactly_its_bound() -> None:
    held = MemoryBuffer()
    for row_id in (1, 2):
        held.add(row(row_id, MEMORY_BYTES // 2))
    assert held.bound() == 0
    held.add(row(3, 1))
    assert held.bound() == 1
    assert [one.row_id for one in held.rows(0)] == [2, 3]


def test_of_two_rows_that_are_too_large_the_newest_stays() -> None:
    held = MemoryBuffer()
    for row_id in (1, 2):
        held.add(row(row_id, MEMORY_BYTES))
    assert held.bound() == 1
    assert [one.row_id for one in held.rows(0)] == [2]


def test_values_set_aside_count_towards_the_bound_until_the_disk_has_them() -> None:
    held, five = MemoryBuffer(), Aside("h", VALUES[:5])
    held.add(row(1, MEMORY_BYTES - 5 * ASIDE_BYTES))
    held.set_aside("a", five)
    assert held.bound() == 0
    held.written(0, asides=3)  # the disk has it, and whatever else was set aside
    assert held.asides() == ()
    held.set_aside("a", five)
    assert held.bound() == 0
    held.set_aside("a", Aside("h", VALUES[:1]))
    assert held.bound() == 5


def test_rows_that_the_disk_has_stay_up_to_their_own_bound() -> None:
    held = MemoryBuffer()
    for row_id in (1, 2):
        held.add(row(row_id, WRITTEN_BYTES // 2))
    assert held.written(2, asides=0) == []
    held.add(row(3, 1))
    assert [one.row_id for one in held.written(3, asides=0)] == [1]
    assert [one.row_id for one in held.rows(0)] == [2, 3]


def test_rows_behind_an_id_are_those_with_a_higher_one() -> None:
    held = MemoryBuffer()
    for row_id in (1, 2):
        held.add(row(row_id, 10))
    assert [one.row_id for one in held.unwritten()] == [1, 2]
    assert [one.row_id for one in held.unwritten(1)] == [2]
    assert [one.row_id for one in held.rows(1)] == [2]
    assert (held.values(), held.values(1)) == (2, 1)
