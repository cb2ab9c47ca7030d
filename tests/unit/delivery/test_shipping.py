"""The ship loop: a position moves only after yes, order is oldest first, failures are said once."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tcpwatchd.delivery.shipping import ShipLoop, Shipment
from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome
from tcpwatchd.model.clock import NS_PER_S
from tests.lab.disks import open_spool
from tests.lab.fakes import FakeTime
from tests.unit.spool.test_spool import push, texts

DOWN = Deferred("a:10051", "refused the connection", "is it running?")


class Server:
    """A destination that is a function: it says what it is told to say, and keeps what it took."""

    def __init__(self) -> None:
        self.answer: Callable[[Batch], Outcome] = self.take
        self.asked: list[Batch] = []
        self.taken: list[str] = []

    def __call__(self, batch: Batch) -> Outcome:
        self.asked.append(batch)
        return self.answer(batch)

    def take(self, batch: Batch) -> Outcome:
        self.taken += dict.fromkeys(texts(batch))
        return Delivered("a:10051", len(batch.values), 0)

    @staticmethod
    def down(_batch: Batch) -> Outcome:
        return DOWN


class Stand:
    def __init__(self, path: Path, rate: float = 1e9, delay_s: float = 0.0, luck: float = 0.0) -> None:
        self.time = FakeTime()
        self.spool = open_spool(path / "spool.db", ("a",))
        self.server = Server()
        shipment = Shipment(self.server, "h", 6, rate, delay_s)
        self.loop = ShipLoop("a", shipment, self.spool, self.time.clock, luck=lambda: luck)

    def push(self, *numbers: int) -> None:
        for number in numbers:
            self.spool.append("h", push(number), 250)

    def drain(self) -> float | None:
        while (wait_s := self.loop.step()) is not None and wait_s < 0.001:
            self.time.pass_s(wait_s)
        return wait_s


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    made.spool.close()


def test_everything_goes_out_oldest_first_and_leaves_the_disk(stand: Stand) -> None:
    stand.push(*range(7))
    assert stand.drain() is None
    assert stand.server.taken == [str(number) for number in range(7)]
    assert all(len(batch.values) <= 6 for batch in stand.server.asked)
    assert stand.spool.backlog()[0].values == 0


def test_what_was_not_taken_stays_and_is_the_same_when_it_is_sent_again(stand: Stand) -> None:
    stand.push(0, 1, 2)
    stand.server.answer = stand.server.down
    assert stand.loop.step() == 1.0
    stand.time.pass_s(1.0)
    assert stand.loop.step() == 2.0
    stand.server.answer = stand.server.take
    stand.time.pass_s(2.0)
    assert stand.drain() is None
    assert stand.server.asked[0] == stand.server.asked[1] == stand.server.asked[2]
    assert stand.server.taken == ["0", "1", "2"]


def test_nothing_is_sent_while_it_waits_however_often_it_is_asked(stand: Stand) -> None:
    stand.push(0)
    stand.server.answer = stand.server.down
    stand.loop.step()
    stand.time.pass_s(0.75)
    stand.push(1)
    assert stand.loop.step() == 0.25
    assert len(stand.server.asked) == 1
    assert stand.loop.step(at_once=True) is not None
    assert len(stand.server.asked) == 2


def test_waits_grow_to_a_minute_and_begin_anew_after_a_success(stand: Stand) -> None:
    stand.push(0)
    stand.server.answer = stand.server.down
    waits = []
    for _ in range(9):
        wait_s = stand.loop.step()
        assert wait_s is not None
        waits.append(wait_s)
        stand.time.pass_s(wait_s)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    stand.server.answer = stand.server.take
    stand.drain()
    stand.push(1)
    stand.server.answer = stand.server.down
    assert stand.loop.step() == 1.0


def test_an_outage_is_two_lines_however_long_it_lasts(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    stand.push(0)
    stand.server.answer = stand.server.down
    with caplog.at_level(logging.INFO):
        for _ in range(50):
            stand.loop.step(at_once=True)
        stand.server.answer = stand.server.take
        stand.loop.step(at_once=True)
    assert [record.message for record in caplog.records] == [
        "a: refused the connection; values wait on disk -> is it running?",
        "a: delivers again",
    ]


def test_a_host_that_is_refused_as_a_whole_is_kept_as_in_an_outage(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    stand.push(0, 1, 2, 3)
    stand.server.answer = lambda batch: Delivered("a:10051", 0, len(batch.values))
    with caplog.at_level(logging.INFO):
        assert stand.loop.step() == 1.0
        assert stand.loop.step(at_once=True) == 2.0
        stand.server.answer = stand.server.take
        stand.loop.step(at_once=True)
        stand.drain()
    assert stand.server.taken == ["0", "1", "2", "3"]
    assert stand.spool.backlog()[0].values == 0
    first, second = (record.message for record in caplog.records)
    assert first.startswith("a: refused every value of host h; values wait on disk -> is the host known")
    assert second == "a: delivers again; 6 values that waited follow, at most 1,000,000,000 a second"


def test_what_waited_under_a_wrong_host_name_goes_out_under_the_corrected_one(stand: Stand) -> None:
    stand.push(0, 1)
    stand.server.answer = lambda batch: Delivered("a:10051", 0, len(batch.values))
    stand.loop.step()
    stand.server.answer = stand.server.take
    stand.loop.configure(Shipment(stand.server, "corrected", 6, 1e9, 0.0))
    stand.push(2)
    assert stand.drain() is None
    assert stand.server.taken == ["0", "1", "2"]
    assert {batch.host for batch in stand.server.asked[1:]} == {"corrected"}


def test_why_it_waits_and_since_when_is_kept_for_who_reads_the_backlog(stand: Stand) -> None:
    stand.push(0)
    stand.server.answer = stand.server.down
    for _ in range(3):
        stand.loop.step(at_once=True)
        stand.time.pass_s(60)
    (waiting,) = stand.spool.backlog()
    assert waiting.trouble == "refused the connection -> is it running?"
    assert waiting.trouble_clock == stand.time.wall_ns // NS_PER_S - 180
    stand.server.answer = stand.server.take
    stand.loop.step(at_once=True)
    assert stand.spool.backlog()[0].trouble == ""


def test_after_an_outage_a_push_travels_in_small_requests_and_counts_when_all_of_it_is_taken(
    tmp_path: Path,
) -> None:
    it = Stand(tmp_path, rate=1000)
    it.loop.configure(Shipment(it.server, "h", 250, 1000, 0))
    it.spool.append("h", push(0, values=12), 250)
    it.server.answer = it.server.down
    for _ in range(30):
        it.loop.step(at_once=True)
        it.time.pass_s(60)
    it.server.answer = it.server.take
    it.server.asked.clear()
    waiting = []
    while (wait_s := it.loop.step()) is not None:
        waiting.append(it.spool.backlog()[0].values)
        it.time.pass_s(wait_s)
    sent = [batch for batch in it.server.asked if batch.values]
    assert [len(batch.values) for batch in sent] == [5, 5, 2]
    assert [value.key for batch in sent for value in batch.values] == [f"k[{nth}]" for nth in range(12)]
    assert waiting[0] == 12  # the position moves with the last of them
    assert it.spool.backlog()[0].values == 0
    it.spool.close()


def test_a_backlog_follows_at_its_rate_and_live_values_do_not_wait(tmp_path: Path) -> None:
    it = Stand(tmp_path, rate=30, delay_s=0)
    it.push(*range(10))
    waits = []
    while (wait_s := it.loop.step()) is not None:
        waits.append(wait_s)
        it.time.pass_s(wait_s)
    assert waits == pytest.approx([0.0, 0.2] * 5)  # six values each: a fifth of a second at 30 a second
    it.time.pass_s(60)
    it.push(10)
    assert it.loop.step() == 0.0
    assert it.server.taken == [str(number) for number in range(11)]
    it.spool.close()


@pytest.mark.parametrize(("outage_s", "wait_s"), [(600, 15.0), (4, 2.0)])
def test_after_an_outage_the_backlog_begins_by_chance_within_the_delay_or_the_outage(
    tmp_path: Path, outage_s: float, wait_s: float
) -> None:
    it = Stand(tmp_path, rate=1e9, delay_s=30, luck=0.5)
    it.push(*range(10))
    it.server.answer = it.server.down
    it.loop.step()
    it.time.pass_s(outage_s)
    it.server.answer = it.server.take
    assert it.loop.step() == 0.0  # the first batch shows that the server is back
    assert it.loop.step() == pytest.approx(wait_s)
    assert len(it.server.asked) == 2
    it.time.pass_s(wait_s + 0.001)
    it.push(10)
    assert it.drain() is None
    assert it.server.taken == [str(number) for number in range(11)]  # what is live waits its turn
    it.spool.close()


def test_an_ending_sends_some_batches_of_a_long_backlog_without_a_pause_and_leaves_the_rest(
    tmp_path: Path,
) -> None:
    it = Stand(tmp_path, rate=1, delay_s=30)
    it.push(*range(200))
    it.loop.start()
    it.loop.finish()
    assert it.loop.join(10)
    assert 20 <= len(it.server.asked) <= 22
    assert it.server.taken == [str(number) for number in range(len(it.server.taken))]
    assert it.spool.backlog()[0].values == 3 * (200 - len(it.server.taken))
    it.spool.close()


def test_a_disk_that_takes_no_ack_does_not_send_the_same_for_ever(stand: Stand, tmp_path: Path) -> None:
    stand.push(0, 1, 2, 3)
    stand.loop.step()
    # Another writer holds the file: SQLite refuses the ack, as a full disk would.
    other = sqlite3.connect(tmp_path / "spool.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    stand.time.pass_s(1)
    assert stand.loop.step() == 0.0
    other.execute("ROLLBACK")
    other.close()
    stand.time.pass_s(1)
    assert stand.loop.step() is None
    assert stand.server.taken == ["0", "1", "2", "3"]
    stand.push(4)  # the next ack that the disk takes covers the one that it did not
    stand.drain()
    assert stand.spool.backlog()[0].values == 0


def test_a_spool_that_cannot_be_read_is_tried_again_later(stand: Stand) -> None:
    stand.push(0)
    stand.spool.close()
    assert stand.loop.step() == 1.0
    assert not stand.server.asked


def test_in_its_thread_it_ships_on_news_and_finishes_what_is_there(stand: Stand) -> None:
    stand.loop.start()
    stand.push(0)
    stand.loop.news()
    stand.push(1)
    stand.loop.finish()
    assert stand.loop.join(10)
    assert stand.server.taken == ["0", "1"]


def test_finishing_makes_one_last_attempt_even_in_the_middle_of_a_wait(stand: Stand) -> None:
    asked = threading.Event()

    def down(_batch: Batch) -> Outcome:
        asked.set()
        return DOWN

    stand.push(0)
    stand.server.answer = down
    stand.loop.start()
    assert asked.wait(10)
    stand.server.answer = stand.server.take
    stand.loop.finish()
    assert stand.loop.join(10)
    assert stand.server.taken == ["0"]


def test_a_last_attempt_that_fails_is_the_last(stand: Stand) -> None:
    stand.push(0)
    stand.server.answer = stand.server.down
    stand.loop.start()
    stand.loop.finish()
    assert stand.loop.join(10)
    assert 1 <= len(stand.server.asked) <= 2
    assert stand.spool.backlog()[0].values == 3


def test_a_server_that_hangs_is_left_behind(stand: Stand) -> None:
    hang = threading.Event()

    def never(_batch: Batch) -> Outcome:
        hang.wait(30)
        return DOWN

    stand.push(0)
    stand.server.answer = never
    stand.loop.start()
    stand.loop.finish()
    assert not stand.loop.join(0.2)
    hang.set()
    assert stand.loop.join(10)


def test_a_retired_loop_ends_without_another_word(stand: Stand) -> None:
    stand.loop.start()
    stand.loop.retire()
    assert stand.loop.join(10)
    assert not stand.server.asked


def test_a_bug_is_logged_and_does_not_end_delivery(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    asked = threading.Event()

    def bug(_batch: Batch) -> Outcome:
        asked.set()
        raise RuntimeError("a bug")

    stand.push(0)
    stand.server.answer = bug
    stand.loop.start()
    assert asked.wait(10)
    stand.server.answer = stand.server.take
    stand.loop.finish()
    assert stand.loop.join(10)
    assert stand.server.taken == ["0"]
    assert "a bug in tcpwatchd" in caplog.records[0].message
