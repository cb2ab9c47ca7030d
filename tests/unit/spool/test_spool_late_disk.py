"""A disk that hangs holds nobody up: what is pushed meanwhile is sent from memory, once and in order, and the
file has it all when the disk answers again.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tcpwatchd.delivery.refused_values import RefusedValues
from tcpwatchd.model.batch import Aside, Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.spool.backlog import read_backlog
from tcpwatchd.spool.disk_thread import DiskThread, HangingError
from tcpwatchd.spool.spool import Spool
from tests.lab.disks import Late, open_spool
from tests.unit.spool.test_spool import push, texts

WIDE = 100
LARGE = 2000  # rows of which the buffer keeps only a few once the disk has them


def delivered(spool: Spool, destination: str) -> list[str]:
    """Delivers all that can be; the number of each push, in the order of delivery."""
    numbers = []
    while (batch := spool.peek(destination, 250)) is not None:
        numbers += list(dict.fromkeys(texts(batch)))
        spool.ack(destination, batch.last_id)
    return numbers


@pytest.fixture
def disk() -> Late:
    return Late()


@pytest.fixture
def spool(tmp_path: Path, disk: Late) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool.db", ("a", "b"), disk)
    yield opened
    disk.thaw()
    opened.close()


def test_what_is_pushed_while_the_disk_hangs_is_sent_and_is_on_the_disk_after_it(
    spool: Spool, disk: Late, tmp_path: Path
) -> None:
    spool.append("h", push(0), 250)
    disk.freeze()
    for number in range(1, 20):
        spool.append("h", push(number), 250)
    assert delivered(spool, "a") == [str(number) for number in range(20)]
    assert spool.in_memory() == 19 * 3  # b waits for them
    disk.thaw()
    assert delivered(spool, "a") == []
    assert spool.in_memory() == 0
    waiting = {one.destination: one.pushes for one in read_backlog(tmp_path / "spool.db")[0]}
    assert waiting == {"a": 0, "b": 20}
    assert delivered(spool, "b") == [str(number) for number in range(20)]


def test_a_row_waits_for_the_disk_as_long_as_that_is_in_time(tmp_path: Path) -> None:
    """What a kill takes from memory must not have been sent: the file would not know of it."""
    disk = Late()
    spool = Spool(tmp_path / "spool.db", ("a",), disk)
    disk.freeze(hung_s=0.4)
    spool.append("h", push(0), 250)
    assert spool.peek("a", 250) is None
    disk.hung_s = 0.6
    spool.watch()
    assert texts(spool.peek("a", 250)) == ["0"] * 3
    disk.thaw()
    spool.close()


def test_whoever_sends_is_woken_when_the_disk_has_it_and_when_it_is_late(spool: Spool, disk: Late) -> None:
    woken: list[None] = []
    spool.listen(lambda: woken.append(None))
    spool.append("h", push(0), 250)
    assert woken
    disk.freeze()
    woken.clear()
    spool.append("h", push(1), 250)
    assert woken


def test_what_only_the_disk_has_goes_first_and_is_not_passed_over(spool: Spool, disk: Late) -> None:
    for number in range(20):
        spool.append("h", push(number, values=LARGE), 10_000)
    disk.freeze()
    spool.append("h", push(20), 250)
    with pytest.raises(HangingError):
        spool.peek("a", 250)
    waiting, _ = spool.backlog()
    assert (waiting.pushes, waiting.values) == (21, 20 * LARGE + 3)
    disk.thaw()
    assert delivered(spool, "a") == [str(number) for number in range(21)]


def test_memory_is_bounded_and_what_is_given_up_is_counted(spool: Spool, disk: Late) -> None:
    disk.freeze()
    for number in range(60):
        spool.append("h", push(number, values=LARGE), 10_000)
    lost = spool.take_lost()
    assert lost.unwritten > 0
    got = delivered(spool, "a")
    assert lost.unwritten + len(got) * LARGE == 60 * LARGE
    assert got == [str(number) for number in range(60 - len(got), 60)]


def test_it_begins_on_a_disk_that_hangs_and_what_is_in_the_file_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    before = open_spool(path, ("a",))
    before.append("h", push(0), 250)
    before.close()
    disk = Late()
    disk.freeze()
    spool = Spool(path, ("a",), disk)
    spool.append("h", push(1), 250)
    with pytest.raises(Exception, match="goes first"):
        spool.peek("a", 250)
    disk.thaw()
    assert delivered(spool, "a") == ["0", "1"]
    spool.close()


def test_it_begins_without_a_file_on_a_disk_that_hangs_and_delivers(tmp_path: Path) -> None:
    disk = Late()
    disk.freeze()
    spool = Spool(tmp_path / "spool.db", ("a",), disk)
    spool.append("h", push(0), 250)
    assert delivered(spool, "a") == ["0"]
    disk.thaw()
    spool.append("h", push(1), 250)
    assert delivered(spool, "a") == ["1"]
    assert spool.close() == 0


def test_what_is_set_aside_while_the_disk_hangs_is_kept(spool: Spool, disk: Late) -> None:
    disk.freeze()
    spool.append("h", push(0), 250)
    batch = spool.peek("a", 250)
    assert batch is not None
    spool.ack("a", batch.last_id, [Aside("h", (Value("k[0]", "0", Stamp(1000, 1)),))])
    disk.thaw()
    assert spool.set_aside("a").refused == {"k[0]": 1}


def test_an_end_on_a_disk_that_hangs_says_what_is_lost(spool: Spool, disk: Late) -> None:
    disk.freeze()
    spool.append("h", push(0, values=WIDE), 250)
    spool.append("h", push(1, values=WIDE), 250)
    assert spool.close() == 2 * WIDE


def test_the_log_says_when_it_begins_and_when_it_ends(
    spool: Spool, disk: Late, caplog: pytest.LogCaptureFixture
) -> None:
    disk.freeze(hung_s=4.0)
    with caplog.at_level(logging.WARNING):
        spool.append("h", push(0), 250)
        for hung_s in (6.0, 7.0, 90.0):
            disk.hung_s = hung_s
            spool.watch()
        assert spool.hangs_s() == 90.0
        disk.thaw()
        spool.watch()
        spool.watch()
    assert spool.hangs_s() == 0.0
    said = [record.getMessage().partition(": ")[2] for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("has not answered for 5 s; values are held in memory and sent from there -> ")
    assert said[1] == "answers again, after 1m 30s"


def test_a_disk_that_is_a_little_slow_is_not_worth_a_line(
    spool: Spool, disk: Late, caplog: pytest.LogCaptureFixture
) -> None:
    disk.freeze(hung_s=4.9)
    with caplog.at_level(logging.WARNING):
        spool.append("h", push(0), 250)
        disk.thaw()
        spool.watch()
    assert caplog.records == []


@settings(max_examples=80, stateful_step_count=40)
class SpoolOnALateDisk(RuleBasedStateMachine):
    """Whatever is appended, delivered and reopened while the disk answers or hangs: each destination gets
    every push once and in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "spool.db"
        self.disk = Late()
        self.spool = Spool(self.path, ("a", "b"), self.disk)
        self.number = 0
        self.got = {"a": 0, "b": 0}

    @rule(values=st.sampled_from([1, 5, LARGE]))
    def append(self, values: int) -> None:
        self.number += 1
        self.spool.append("h", push(self.number, values), 10_000)

    @rule(destination=st.sampled_from(["a", "b"]), at_most=st.sampled_from([1, 12, 10_000]))
    def deliver(self, destination: str, at_most: int) -> None:
        try:
            batch = self.spool.peek(destination, at_most)
        except HangingError:
            assert self.disk.frozen
            return
        assert (batch is None) == (self.got[destination] == self.number)
        if batch is not None:
            numbers = list(dict.fromkeys(map(int, texts(batch))))
            first = self.got[destination] + 1
            assert numbers == list(range(first, first + len(numbers)))
            self.spool.ack(destination, batch.last_id)
            self.got[destination] = numbers[-1]

    @rule()
    def freeze(self) -> None:
        self.disk.freeze()

    @rule()
    def thaw(self) -> None:
        self.disk.thaw()

    @precondition(lambda self: not self.disk.frozen)
    @rule()
    def reopen(self) -> None:
        assert self.spool.close() == 0
        self.disk = Late()
        self.spool = Spool(self.path, ("a", "b"), self.disk)

    @invariant()
    def the_backlog_is_what_has_not_been_delivered(self) -> None:
        for waiting in self.spool.backlog():
            assert waiting.pushes == self.number - self.got[waiting.destination]

    def teardown(self) -> None:
        self.disk.thaw()
        self.spool.close()
        self.directory.cleanup()


test_a_spool_on_a_late_disk = SpoolOnALateDisk.TestCase


def test_the_thread_gives_answers_and_errors_back_and_goes_on() -> None:
    thread = DiskThread()
    assert thread.call(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 // 0)
    assert thread.call(threading.current_thread).name == "disk"
    assert thread.busy_s() == 0.0


def test_nobody_waits_longer_than_his_patience_and_what_lasts_is_done_all_the_same() -> None:
    thread, go_on, done = DiskThread(), threading.Event(), list[str]()

    def hang() -> None:
        go_on.wait(30)

    thread.post(hang)
    with pytest.raises(HangingError):
        thread.call(lambda: done.append("a question"), patience_s=0.01)
    with pytest.raises(HangingError):
        thread.call(lambda: done.append("a change"), lasting=True, patience_s=0.01)
    assert thread.busy_s() > 0
    go_on.set()
    thread.call(lambda: None, patience_s=30)
    assert done == ["a change"]


def test_pushes_onto_a_disk_that_hangs_are_one_job_and_not_one_each(spool: Spool, disk: Late) -> None:
    spool.append("h", push(0), 250)
    disk.freeze()
    for number in range(1, 50):
        spool.append("h", push(number), 250)
    assert disk.waiting == 1


def test_a_flush_onto_a_disk_that_hangs_says_that_it_failed(spool: Spool, disk: Late) -> None:
    spool.append("h", push(0), 250)
    assert spool.flush() is True
    disk.freeze()
    spool.append("h", push(1), 250)
    assert spool.flush() is False


def test_an_empty_file_on_a_disk_that_hangs_holds_no_value_up(tmp_path: Path) -> None:
    (tmp_path / "spool.db").touch()
    disk = Late()
    disk.freeze()
    opened = Spool(tmp_path / "spool.db", ("a",), disk)
    opened.append("h", push(0), 250)
    assert delivered(opened, "a") == ["0"]
    disk.thaw()
    opened.close()


def test_a_restart_knows_the_latest_stamp(tmp_path: Path) -> None:
    for number in (0, 1):
        opened = open_spool(tmp_path / "spool.db", ("a",))
        assert (opened.latest() is None) == (number == 0)
        opened.append("h", push(number), 250, 7)
        told = opened.latest()
        opened.close()
    again = open_spool(tmp_path / "spool.db", ("a",))
    assert again.latest() == told == (push(1)[-1].stamp, 7)
    again.close()


def test_what_is_forgotten_while_the_disk_hangs_is_gone_after_it(spool: Spool, disk: Late) -> None:
    values = push(0)
    spool.append("h", values, 250)
    spool.ack("a", 1, [Aside("h", tuple(values))])
    refused = RefusedValues(spool, "a")
    found = refused.peek(250)
    assert found is not None
    disk.freeze()
    with pytest.raises(HangingError):
        refused.forget(found[1])
    disk.thaw()
    assert refused.peek(250) is None
