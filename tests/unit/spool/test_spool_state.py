"""What a spool holds in memory, and what its file still lacks."""

from __future__ import annotations

from tcpwatchd.model.backlog_level import Backlog, Lost
from tcpwatchd.spool.spool_state import SpoolState
from tcpwatchd.spool.spool_writer import Known, Written
from tests.unit.spool.test_spool import push

DONE = Written(size_bytes=4096, lost=Lost(), trimmed_id=0, waiting=None, aside=None)


def waiting(destination: str, values: int) -> Backlog:
    return Backlog(destination, values, values, 100 * values, 1, "", 0, {}, 0)


def known(values: int = 0) -> Known:
    """A file that was just opened, in which so many values wait for `a`."""
    held = waiting("a", values)
    return Known(values, {"a": 0}, None, {"a": held}, held, {})


def test_before_the_file_was_written_its_size_is_zero() -> None:
    assert SpoolState(("a",)).size_bytes == 0


def test_destinations_are_written_once_after_each_change() -> None:
    state = SpoolState(("a",))
    state.learn(known(), 0)
    first = state.pending()
    assert first.directed
    state.written(first, DONE)
    assert not state.pending().directed
    state.direct(("a", "b"))
    assert state.pending().directed
    state.written(state.pending(), DONE)
    assert not state.pending().directed


def test_destinations_that_change_while_the_disk_writes_are_written_again() -> None:
    state = SpoolState(("a",))
    state.learn(known(), 0)
    under_way = state.pending()
    state.direct(("a", "b"))
    state.written(under_way, DONE)
    assert state.pending().directed
    assert state.pending().moved == {"b": 0}


def test_a_reason_is_written_once_and_one_that_came_meanwhile_after_it() -> None:
    state = SpoolState(("a",))
    state.learn(known(), 0)
    state.note("a", "first", 1)
    under_way = state.pending()
    assert under_way.notes == {"a": ("first", 1)}
    state.note("a", "second", 2)
    state.written(under_way, DONE)
    assert state.pending().notes == {"a": ("second", 2)}
    state.written(state.pending(), DONE)
    assert state.pending().notes == {}


def test_each_damage_costs_what_lay_on_the_disk_alone() -> None:
    state = SpoolState(("a",))
    state.learn(known(values=5), 0)
    state.learn(known(), 1)
    assert state.take_lost() == Lost(damaged=5)
    state.learn(known(), 2)
    assert state.take_lost() == Lost(damaged=5)
    state.learn(known(), 2)
    assert state.take_lost() == Lost()


def test_what_is_looked_at_behind_a_row_is_not_taken_for_the_next_to_go() -> None:
    state = SpoolState(("a",))
    state.append("h", push(0), 250, 0)
    state.append("h", push(1), 250, 0)
    rows = state.pending().rows
    behind = state.on_disk_batch("a", rows[1:], 250, first=False)
    assert behind is not None
    assert state.backlog()[0].values == 6
