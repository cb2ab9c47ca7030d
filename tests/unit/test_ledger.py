"""The comparison that all proofs of delivery rest on finds each fault there can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp
from tests.lab.disks import open_spool
from tests.lab.ledger import Verdict, as_history, committed, compare, stored_behind

TAKEN = tuple(Value(key, str(clock), Stamp(clock, 7)) for clock in (100, 101, 102) for key in ("a", "b"))
NOTHING = Verdict((), (), (), ())


def test_what_arrived_as_it_was_taken_is_all_well_also_where_items_overtake_each_other() -> None:
    by_item = sorted(TAKEN, key=lambda value: value.key)
    for arrived in (TAKEN, by_item):
        verdict = compare(TAKEN, arrived)
        assert verdict == NOTHING
        assert verdict


def test_a_value_that_is_missing_is_lost() -> None:
    for nth, value in enumerate(TAKEN):
        verdict = compare(TAKEN, TAKEN[:nth] + TAKEN[nth + 1 :])
        assert verdict == replace(NOTHING, lost=(value,))
        assert not verdict
        assert f"lost 1, doubled 0, changed 0, out of order 0\nlost: {value}" == str(verdict)


def test_a_row_that_is_there_twice_is_doubled() -> None:
    assert compare(TAKEN, (*TAKEN, TAKEN[3])) == replace(NOTHING, doubled=(TAKEN[3],))
    assert compare(TAKEN, (*TAKEN, TAKEN[3], TAKEN[3])).doubled == (TAKEN[3], TAKEN[3])


def test_a_value_stored_again_under_another_stamp_is_doubled() -> None:
    again = replace(TAKEN[-1], stamp=Stamp(103, 7))
    assert compare(TAKEN, (*TAKEN, again)) == replace(NOTHING, doubled=(again,))


def test_another_text_under_the_same_stamp_is_changed_and_another_spelling_is_not() -> None:
    other = replace(TAKEN[0], text="99")
    assert compare(TAKEN, (other, *TAKEN[1:])) == replace(NOTHING, changed=(TAKEN[0],))
    for taken, stored in (("0.00001", "1e-05"), ("2.50", "2.5"), ("1", "1.0"), ("netlink", "netlink")):
        assert compare([replace(TAKEN[0], text=taken)], [replace(TAKEN[0], text=stored)])
    big = "18446744073709551615"  # no float holds it
    assert not compare([replace(TAKEN[0], text=big)], [replace(TAKEN[0], text=big[:-1] + "4")])


def test_a_value_that_comes_after_a_younger_one_of_its_item_is_out_of_order() -> None:
    swapped = (TAKEN[2], TAKEN[1], TAKEN[0], *TAKEN[3:])
    assert compare(TAKEN, swapped) == replace(NOTHING, out_of_order=(TAKEN[0],))


def test_stamps_that_do_not_grow_where_they_were_taken_are_out_of_order() -> None:
    assert compare((TAKEN[2], TAKEN[0]), (TAKEN[2], TAKEN[0])).out_of_order == (TAKEN[0], TAKEN[0])
    assert compare((TAKEN[0], TAKEN[0]), (TAKEN[0],)).out_of_order == (TAKEN[0],)


def test_history_keeps_one_row_of_a_repeat_and_a_repeat_that_says_something_else_is_found() -> None:
    assert as_history((*TAKEN, *TAKEN[:3])) == TAKEN
    other = replace(TAKEN[0], text="99")
    assert compare(TAKEN, as_history((*TAKEN, other))).doubled


def test_a_spool_with_a_dead_destination_keeps_all_that_was_ever_committed(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    spool = open_spool(path, ["alive", "dead"])
    for nth in range(0, len(TAKEN), 2):
        spool.append("web-01", TAKEN[nth : nth + 2], at_most=1)
        batch = spool.peek("alive", 250)
        assert batch is not None
        spool.ack("alive", batch.last_id)
    assert committed(path) == TAKEN
    spool.close()
    assert committed(path) == TAKEN


def test_one_push_that_the_server_stored_behind_the_next_is_no_fault_of_the_daemon() -> None:
    one_behind = (*TAKEN[2:4], *TAKEN[:2], *TAKEN[4:])
    verdict = compare(TAKEN, one_behind)
    assert verdict.out_of_order == TAKEN[:2]
    assert stored_behind(verdict, TAKEN)
    # Two pushes, one that is lost too, and one that the spool had out of order: these are faults.
    assert not stored_behind(compare(TAKEN, TAKEN[4:] + TAKEN[2:4] + TAKEN[:2]), TAKEN)
    assert not stored_behind(compare(TAKEN, one_behind[:-1]), TAKEN)
    assert not stored_behind(compare(one_behind, one_behind), one_behind)
