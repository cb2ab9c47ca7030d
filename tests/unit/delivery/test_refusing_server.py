"""A server that refuses some keys, and never says which: they are found, set aside, and lost is nothing.

The server here judges as Zabbix does (a number taken, a number refused, by key and host) and keeps what it
took under item and stamp, as its history does.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tcpwatchd.delivery.refused_key_search import RefusedKeySearch
from tcpwatchd.delivery.refused_values import RefusedValues
from tcpwatchd.delivery.shipping import Shipment
from tcpwatchd.model.batch import Delivered, Value
from tcpwatchd.model.clock import Stamp
from tests.lab.refusing_server import Site
from tests.unit.spool.test_spool import as_a_kill_leaves_it


def test_one_missing_item_is_found_named_once_and_costs_the_others_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.server.refused = {"k[17]"}
    site.push_and_ship(5)
    assert site.missing() == {"k[17]": 5}
    assert site.aside() == {"k[17]": 5}
    assert set(site.server.sent.values()) == {1}  # no value was sent twice to find out
    (line,) = (record.message for record in caplog.records)
    assert line.startswith("a: refuses k[17]; stored on disk and tried again every ten minutes -> does the")
    assert site.loop.take_refused() == 5


def test_many_missing_items_are_found_within_a_few_pushes(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.server.refused = {f"k[{nth}]" for nth in (*range(11, 33), 47)}
    site.push_and_ship(4)
    assert set(site.aside()) == site.server.refused
    assert site.missing() == dict.fromkeys(site.server.refused, 4)
    assert set(site.server.sent.values()) == {1}
    requests = site.server.requests
    site.push_and_ship()
    assert site.server.requests == requests + 1  # once they are known, a push is one request again
    assert " more; stored on disk" in caplog.text


def test_an_item_that_is_made_later_gets_all_its_history_in_order_and_no_push_overtakes(site: Site) -> None:
    site.server.refused = {"k[3]", "k[4]"}
    site.push_and_ship(5)
    site.server.refused = {"k[4]"}
    site.push_and_ship(10)  # ten minutes: they are asked about again
    assert site.missing() == {"k[4]": 15}
    site.server.refused = set()
    site.push_and_ship(10)
    assert site.missing() == {}
    assert site.aside() == {}
    assert set(site.server.sent.values()) <= {1, 2, 3}  # only what was asked again was sent again


def test_a_reload_asks_again_at_once(site: Site) -> None:
    site.server.refused = {"k[3]"}
    site.push_and_ship(4)
    site.server.refused = set()
    site.loop.configure(Shipment(site.server, "h", 250, 1e9, 0.0))
    site.push_and_ship()
    assert site.missing() == {}


def test_a_restart_knows_what_is_refused_and_asks_again(site: Site) -> None:
    site.server.refused = {"k[3]", "k[9]"}
    site.push_and_ship(2)  # in the middle of the search
    site.spool.close()
    site.open()
    site.push_and_ship(3)
    assert site.missing() == {"k[3]": 5, "k[9]": 5}
    site.server.refused = set()
    site.spool.close()
    site.open()
    site.push_and_ship()
    assert site.missing() == {}


def test_an_import_in_the_middle_of_the_search_loses_nothing(site: Site) -> None:
    """Some values were refused; by the time that it could be told which, no key is refused any more."""
    site.server.refused = {"k[3]", "k[9]"}
    site.push_and_ship()
    site.server.refused = set()
    site.push_and_ship(3)
    assert {key: sorted(rows) for key, rows in site.server.stored.items()} == site.expected
    assert site.aside() == {}


@pytest.mark.parametrize("batch_size", [1, 2, 7, 50])
def test_rows_that_are_refused_as_a_whole_hold_nothing_up(tmp_path: Path, batch_size: int) -> None:
    """With a small batch_size, all keys of one request may be missing while the host is known."""
    site = Site(tmp_path, keys=50, batch_size=batch_size)
    site.server.refused = {f"k[{nth}]" for nth in range(14)}
    site.push_and_ship(6)
    assert set(site.missing()) == site.server.refused
    assert site.spool.backlog()[0].values == 0
    site.server.refused = set()
    site.push_and_ship(11)
    assert {key: sorted(rows) for key, rows in site.server.stored.items()} == site.expected
    site.spool.close()


def test_a_host_that_is_not_known_makes_no_key_refused(site: Site) -> None:
    site.server.known = False
    site.push_and_ship(5)
    assert site.aside() == {}
    assert site.spool.backlog()[0].values == 250
    site.server.known = True
    site.server.refused = {"k[0]"}
    site.push_and_ship(5)
    assert site.missing() == {"k[0]": 10}


def test_a_host_that_is_disabled_during_the_search_makes_no_key_refused(site: Site) -> None:
    site.server.refused = {"k[3]"}
    site.push_and_ship()
    site.server.known = False
    site.push_and_ship(5)
    site.server.known = True
    site.push_and_ship(5)
    assert site.missing() == {"k[3]": 11}
    assert site.aside() == {"k[3]": 11}


def test_what_is_set_aside_is_given_up_at_the_bounds_first_and_counted_apart(site: Site) -> None:
    site.server.refused = {"k[3]"}
    site.push_and_ship(6)
    site.server.down = True
    site.push_and_ship(2)
    site.spool.trim(0, 1)
    lost = site.spool.take_lost()
    assert (lost.refused, lost.by_size) == (6, 100)


def test_what_was_set_aside_for_a_server_that_is_taken_out_is_counted(site: Site) -> None:
    site.server.refused = {"k[3]"}
    site.push_and_ship(6)
    site.spool.direct(("a", "b"))
    site.spool.direct(("b",))
    assert site.spool.take_lost().refused == 6


def test_what_was_set_aside_for_a_server_goes_on_under_its_new_name(site: Site) -> None:
    site.server.refused = {"k[3]"}
    site.push_and_ship(6)
    site.spool.direct(("renamed",))
    assert not site.spool.take_lost()
    assert RefusedValues(site.spool, "renamed").refused_keys() == {"k[3]": 6}


def test_two_keys_at_fault_of_which_one_is_mended_meanwhile_lose_nothing(site: Site) -> None:
    site.server.refused = {"k[3]", "k[40]"}
    site.push_and_ship()
    site.server.refused = {"k[3]"}
    site.push_and_ship(3)
    assert site.missing().keys() == {"k[3]"} | ({"k[40]"} if site.missing().get("k[40]") == 0 else set())
    assert sorted(site.server.stored["k[40]"]) == site.expected["k[40]"]


def test_a_doubt_and_a_host_that_is_disabled_at_a_restart_make_no_key_refused(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.server.refused = {"k[3]"}
    site.push_and_ship()
    site.spool.close()
    site.server.known = False
    site.open()
    site.push_and_ship(5)
    assert site.aside() == {}
    assert "refused every value of host h" in caplog.text
    site.server.known = True
    site.push_and_ship(4)
    assert site.missing() == {"k[3]": 10}
    assert "refuses k[3]" in caplog.text


def test_a_row_of_refused_keys_alone_at_the_end_is_told_from_a_refused_host(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(tmp_path, keys=6, batch_size=3)
    site.server.refused = {"k[3]", "k[4]", "k[5]"}
    site.push_and_ship(3)
    assert site.aside() == {"k[3]": 3, "k[4]": 3, "k[5]": 3}
    assert "refused every value" not in caplog.text
    site.spool.close()


def test_values_of_an_age_are_given_up_though_refused(site: Site) -> None:
    site.server.refused = {"k[3]"}
    site.push_and_ship(6)
    site.spool.trim(1_700_000_000 + 3, 10**9)
    assert site.spool.take_lost().refused == 2
    assert site.aside() == {"k[3]": 4}


@settings(max_examples=200)
@given(st.sets(st.integers(0, 249), max_size=40), st.integers(1, 250))
def test_the_search_ends_with_exactly_what_is_refused(refused: set[int], keys: int) -> None:
    """However many there are: at most four pushes, and never a key in two parts of one."""
    bad = {f"{nth}" for nth in refused if nth < keys}
    values = tuple(Value(f"{nth}", "", Stamp(1, 1)) for nth in range(keys))
    if len(bad) == keys:
        return  # an unknown host, and no business of this
    refusals = RefusedKeySearch()
    for _ in range(4):
        parts, aside = refusals.cut(values)
        assert sorted(value.key for part in (*parts, aside) for value in part) == sorted(
            v.key for v in values
        )
        for part in parts:
            failed = sum(value.key in bad for value in part)
            refusals.judge(part, Delivered("a", len(part) - failed, failed))
    assert refusals.refused == bad
    assert refusals.settled(value.key for value in values)


@settings(max_examples=40, stateful_step_count=40)
class NothingIsLost(RuleBasedStateMachine):
    """Whatever happens in whatever order, in the end every value is in history once, under its stamp."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.site = Site(Path(self.directory.name), keys=12, batch_size=5)
        logging.disable(logging.CRITICAL)

    @rule(pushes=st.integers(1, 3))
    def push(self, pushes: int) -> None:
        for _ in range(pushes):
            self.site.push()
        self.site.time.pass_s(60)

    @rule(steps=st.integers(1, 40))
    def ship(self, steps: int) -> None:
        self.site.ship(steps)

    @rule(keys=st.sets(st.integers(0, 11), max_size=6))
    def refuse(self, keys: set[int]) -> None:
        self.site.server.refused = {f"k[{nth}]" for nth in keys}

    @rule(answers=st.integers(1, 3))
    def lose_answers(self, answers: int) -> None:
        self.site.server.loses_answers = answers

    @rule(known=st.booleans())
    def know(self, known: bool) -> None:
        self.site.server.known = known

    @precondition(lambda self: not self.site.server.down)
    @rule()
    def go_down(self) -> None:
        self.site.server.down = True

    @precondition(lambda self: self.site.server.down)
    @rule()
    def come_back(self) -> None:
        self.site.server.down = False

    @rule()
    def restart(self) -> None:
        self.site.spool.close()
        self.site.open()

    @rule()
    def be_killed(self) -> None:
        self.site.path = as_a_kill_leaves_it(self.site.path)
        self.restart()

    @invariant()
    def nothing_is_there_that_was_not_sampled(self) -> None:
        for key, rows in self.site.server.stored.items():
            assert set(rows) <= set(self.site.expected[key])
            assert len(set(rows)) == len(rows)

    def teardown(self) -> None:
        try:
            server = self.site.server
            server.down, server.known, server.loses_answers, server.refused = False, True, 0, set()
            for _ in range(4):
                self.site.push_and_ship(11)
            assert {k: sorted(rows) for k, rows in server.stored.items()} == {
                k: rows for k, rows in self.site.expected.items() if rows
            }
            assert not self.site.aside()
        finally:
            logging.disable(logging.NOTSET)
            self.site.spool.close()
            self.directory.cleanup()


test_nothing_is_lost_whatever_happens = NothingIsLost.TestCase


SERVICE = tuple(f"tcpwatchd.service[web,{state}]" for state in ("established", "listen", "time_wait"))


def test_values_of_a_new_service_follow_soon_after_zabbix_has_made_its_items(tmp_path: Path) -> None:
    site = Site(tmp_path, keys=10, batch_size=250)
    with_a_refused_service(site)
    site.time.pass_s(1.0)
    assert site.loop.step() == pytest.approx(29.0)
    site.server.refused = set()
    site.time.pass_s(29.1)
    site.ship()  # without a push
    assert site.missing() == {}
    assert site.aside() == {}
    site.spool.close()


def test_a_service_that_gets_no_items_costs_four_requests_and_then_waits_like_any_key(tmp_path: Path) -> None:
    site = Site(tmp_path, keys=10, batch_size=250)
    with_a_refused_service(site)
    asked, waits = site.server.requests, []
    while (wait_s := site.loop.step()) is not None:
        waits.append(wait_s)
        site.time.pass_s(wait_s)
    assert site.server.requests - asked == 4
    assert sum(waits) == pytest.approx(300.0, abs=1.0)
    site.spool.close()


def test_a_key_that_is_not_discovered_is_not_asked_for_sooner(site: Site) -> None:
    site.server.refused = {"k[17]"}
    for _ in range(4):
        site.push()
        site.ship()
    site.time.pass_s(1.0)
    assert site.loop.step() is None


def with_a_refused_service(site: Site) -> None:
    """Pushes until it is known that the keys of a new service are refused."""
    site.push_and_ship(2)
    site.keys += SERVICE
    site.expected.update({key: [] for key in SERVICE})
    site.server.refused = set(SERVICE)
    for _ in range(4):
        site.push()
        site.ship()
    assert site.aside().keys() == set(SERVICE)
