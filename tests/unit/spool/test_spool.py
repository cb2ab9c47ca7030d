"""The backlog: nothing leaves it but by an ack of everyone, or by its bounds, and then it is counted."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tcpwatchd.model.backlog_level import Lost
from tcpwatchd.model.batch import Batch, Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.errors import SpoolError
from tcpwatchd.spool.backlog import read_backlog
from tcpwatchd.spool.schema import FORMAT
from tcpwatchd.spool.spool import Spool
from tests.lab.disks import open_spool


def push(number: int, values: int = 3, clock: int = 1000) -> tuple[Value, ...]:
    """Push number `number`: recognisable values."""
    return tuple(Value(f"k[{n}]", f"{number}", Stamp(clock, number + 1)) for n in range(values))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = open_spool(tmp_path / "spool.db", ("a", "b"))
    yield opened
    opened.close()


def as_a_kill_leaves_it(path: Path) -> Path:
    """A copy of the open file and its log at this moment: what the next process would find."""
    copy = path.with_name(f"{path.stem}x{path.suffix}")
    for suffix in ("", "-wal"):
        if (file := Path(f"{path}{suffix}")).exists():
            shutil.copyfile(file, f"{copy}{suffix}")
    return copy


def texts(batch: Batch | None) -> list[str]:
    return [value.text for value in batch.values] if batch else []


def test_what_goes_in_comes_out_to_the_letter(spool: Spool) -> None:
    values = (Value("k[é\"'\\]", "väl\nue", Stamp(1_700_000_000, 999_999_999)), Value("k", "-1", Stamp(1, 1)))
    spool.append("höst", values, 250)
    batch = spool.peek("a", 250)
    assert batch == Batch("höst", values, 1)


def test_oldest_first_and_whole_pushes_while_they_fit(spool: Spool) -> None:
    for number in range(4):
        spool.append("h", push(number), 250)
    assert texts(spool.peek("a", 6)) == ["0"] * 3 + ["1"] * 3
    assert texts(spool.peek("a", 8)) == ["0"] * 3 + ["1"] * 3
    assert texts(spool.peek("a", 1)) == ["0"] * 3  # at least one row, whatever its length
    assert texts(spool.peek("a", 100)) == ["0"] * 3 + ["1"] * 3 + ["2"] * 3 + ["3"] * 3


def test_a_batch_is_of_one_host(spool: Spool) -> None:
    for number, host in enumerate(("h", "h", "renamed")):
        spool.append(host, push(number), 250)
    first = spool.peek("a", 250)
    assert first is not None
    assert (first.host, len(first.values)) == ("h", 6)
    spool.ack("a", first.last_id)
    second = spool.peek("a", 250)
    assert second is not None
    assert (second.host, len(second.values)) == ("renamed", 3)


def test_a_long_push_is_cut_to_what_one_request_holds(spool: Spool) -> None:
    spool.append("h", push(0, values=7), 3)
    sizes = []
    while (batch := spool.peek("a", 3)) is not None:
        sizes.append(len(batch.values))
        spool.ack("a", batch.last_id)
    assert sizes == [3, 3, 1]


def test_a_peek_moves_nothing(spool: Spool) -> None:
    spool.append("h", push(0), 250)
    assert spool.peek("a", 250) == spool.peek("a", 250)


def test_each_destination_has_its_own_position(spool: Spool) -> None:
    spool.append("h", push(0), 250)
    spool.ack("a", 1)
    assert spool.peek("a", 250) is None
    assert texts(spool.peek("b", 250)) == ["0"] * 3
    assert [(row.destination, row.values) for row in spool.backlog()] == [("a", 0), ("b", 3)]
    spool.ack("b", 1)
    assert [(row.values, row.oldest_clock) for row in spool.backlog()] == [(0, None), (0, None)]


def test_a_position_never_goes_back(spool: Spool) -> None:
    for number in range(3):
        spool.append("h", push(number), 250)
    spool.ack("a", 2)
    spool.ack("a", 1)
    assert texts(spool.peek("a", 250)) == ["2"] * 3


def test_positions_survive_and_ids_are_never_used_again(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    for number in range(3):
        spool = open_spool(path, ("a",))
        spool.append("h", push(number), 250)
        batch = spool.peek("a", 250)
        assert batch is not None
        assert (texts(batch), batch.last_id) == ([f"{number}"] * 3, number + 1)
        spool.ack("a", batch.last_id)
        spool.close()


def test_a_new_destination_gets_what_still_waits_and_one_that_is_gone_holds_nothing_up(spool: Spool) -> None:
    spool.append("h", push(0), 250)
    spool.append("h", push(1), 250)
    spool.ack("a", 1)
    spool.direct(("a", "c"))  # b is gone: what waited for it alone may go
    assert texts(spool.peek("a", 250)) == ["1"] * 3
    assert texts(spool.peek("c", 250)) == ["0"] * 3 + ["1"] * 3
    assert spool.peek("b", 250) is None
    spool.ack("b", 2)  # its last batch was on the way: nothing happens
    spool.direct(("a",))
    spool.trim(0, 10**9)
    (waiting,) = spool.backlog()
    assert (waiting.values, waiting.pushes) == (3, 1)


def test_what_is_too_old_is_given_up_and_counted(spool: Spool) -> None:
    for number in range(4):
        spool.append("h", push(number, clock=1000 + number), 250)
    spool.trim(1002, 10**9)
    assert spool.take_lost() == Lost(by_age=6)
    assert texts(spool.peek("a", 250)) == ["2"] * 3 + ["3"] * 3
    spool.trim(1002, 10**9)
    assert not spool.take_lost()


def test_what_has_no_room_is_given_up_oldest_first_and_counted(spool: Spool) -> None:
    for number in range(200):
        spool.append("h", push(number, values=100), 250)
    size = spool.size_bytes()
    spool.trim(0, size // 2)
    by_size = spool.take_lost().by_size
    assert spool.size_bytes() <= size // 2
    (left, _) = spool.backlog()
    assert left.values + by_size == 20_000
    oldest = spool.peek("a", 1)
    assert oldest is not None
    assert oldest.values[0].text == f"{by_size // 100}"
    assert 60 <= by_size // 100 <= 140


def test_what_everyone_has_is_no_loss_when_it_is_trimmed(spool: Spool) -> None:
    spool.append("h", push(0), 250)
    spool.ack("a", 1)
    spool.ack("b", 1)
    spool.trim(10**9, 0)
    assert not spool.take_lost()


@pytest.mark.usefixtures("spool")
def test_a_second_daemon_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="in use: another tcpwatchd has it open -> stop that one"):
        open_spool(tmp_path / "spool.db", ("a",))


def test_the_lock_is_gone_with_its_process(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal\nfrom tcpwatchd.spool.spool import Spool\n"
        f"spool = Spool(pathlib.Path({str(tmp_path / 'spool.db')!r}), ('a',))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == -9
    open_spool(tmp_path / "spool.db", ("a",)).close()


def test_a_backlog_can_be_read_beside_the_daemon(spool: Spool, tmp_path: Path) -> None:
    spool.append("h", push(0), 250)
    rows, size_bytes = read_backlog(tmp_path / "spool.db")
    assert rows == spool.backlog()
    assert size_bytes == spool.size_bytes()


def test_no_spool_is_said_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="there is no spool"):
        read_backlog(tmp_path / "spool.db")
    assert not list(tmp_path.iterdir())


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE theirs (a)")
    database.close()
    before = path.read_bytes()
    for attempt in (lambda: open_spool(path, ("a",)), lambda: read_backlog(path)):
        with pytest.raises(SpoolError, match="is no spool of tcpwatchd"):
            attempt()
    assert path.read_bytes() == before


def test_a_spool_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    open_spool(path, ("a",)).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(SpoolError, match="written by a newer tcpwatchd"):
        open_spool(path, ("a",))
    # and the refusal holds no lock
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {FORMAT}")
    database.close()
    open_spool(path, ("a",)).close()


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="Not a directory"):
        open_spool(tmp_path / "file" / "below" / "spool.db", ("a",))


def test_after_close_every_call_is_a_spool_error(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "spool.db", ("a",))
    spool.close()
    with pytest.raises(SpoolError):
        spool.append("h", push(0), 250)
    with pytest.raises(SpoolError):
        spool.peek("a", 250)


@settings(max_examples=60, stateful_step_count=40)
class SpoolAgainstAList(RuleBasedStateMachine):
    """Whatever is appended, acknowledged, trimmed or reopened: the spool says what a plain list would."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "spool.db"
        self.destinations = ("a", "b")
        self.spool = open_spool(self.path, self.destinations)
        self.rows: list[tuple[int, str]] = []  # id, text
        self.acked = {"a": 0, "b": 0}
        self.number = 0

    def waiting(self, destination: str) -> list[tuple[int, str]]:
        return [row for row in self.rows if row[0] > self.acked[destination]]

    @rule(values=st.integers(1, 5))
    def append(self, values: int) -> None:
        self.number += 1
        self.spool.append("h", push(self.number, values, clock=self.number), 250)
        self.rows.append((self.number, f"{self.number}"))

    @rule(destination=st.sampled_from(["a", "b"]), at_most=st.integers(1, 12))
    def deliver(self, destination: str, at_most: int) -> None:
        batch = self.spool.peek(destination, at_most)
        waiting = self.waiting(destination)
        assert (batch is None) == (not waiting)
        if batch is not None:
            ids = [row[0] for row in waiting if row[0] <= batch.last_id]
            assert list(dict.fromkeys(texts(batch))) == [f"{number}" for number in ids]
            self.spool.ack(destination, batch.last_id)
            self.acked[destination] = batch.last_id

    @precondition(lambda self: self.rows)
    @rule(back=st.integers(0, 3))
    def trim(self, back: int) -> None:
        self.spool.trim(self.number - back, 10**9)
        self.rows = [row for row in self.rows if row[0] >= self.number - back]

    @rule()
    def reopen(self) -> None:
        self.spool.close()
        self.spool = open_spool(self.path, self.destinations)

    @rule()
    def be_killed(self) -> None:
        self.path = as_a_kill_leaves_it(self.path)
        self.reopen()

    @invariant()
    def backlog_is_what_the_list_says(self) -> None:
        for row in self.spool.backlog():
            assert row.pushes == len(self.waiting(row.destination))

    def teardown(self) -> None:
        self.spool.close()
        self.directory.cleanup()


test_the_spool_is_a_list_on_disk = SpoolAgainstAList.TestCase
