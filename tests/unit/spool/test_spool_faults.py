"""Disks that are full, read-only or broken under the spool: what can be kept is kept, the rest is counted.

Small disks are real ones: a tmpfs of some KiB. Mounting one needs root.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tcpwatchd.delivery.refused_values import RefusedValues
from tcpwatchd.model.backlog_level import Lost
from tcpwatchd.model.batch import Aside, Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.errors import SpoolError
from tcpwatchd.spool.backlog import read_backlog
from tests.lab.disks import open_spool
from tests.lab.small_disk import WIDE, Disk, append, drained, numbers
from tests.unit.spool.test_spool import as_a_kill_leaves_it, texts


def test_a_disk_that_becomes_full_costs_nothing_and_delivery_goes_on_from_memory(disk: Disk) -> None:
    spool = open_spool(disk.spool_path, ("a", "b"))
    assert append(spool, *range(5)) == 0
    disk.fill()
    assert append(spool, *range(5, 60)) > 0
    assert drained(spool, "a") == numbers(range(60))
    assert drained(spool, "a") == []  # and never a batch twice
    assert append(spool, 60) == 1
    assert drained(spool, "a") == ["60"]
    disk.empty()
    assert append(spool, 61) == 0
    assert drained(spool, "a") == ["61"]
    assert drained(spool, "b") == numbers(range(62))
    assert not spool.take_lost()
    assert spool.close() == 0
    # What was written when there was room again is what a next start finds: nothing waits.
    spool = open_spool(disk.spool_path, ("a", "b"))
    assert [row.values for row in spool.backlog()] == [0, 0]
    spool.close()


def test_what_memory_holds_is_written_when_the_disk_has_room_and_survives_a_kill_from_then_on(
    disk: Disk,
) -> None:
    spool = open_spool(disk.spool_path, ("a",))
    disk.fill()
    late = append(spool, *range(40))
    assert late > 0
    assert spool.backlog()[0].values == 40 * WIDE
    disk.empty()
    append(spool, 40)
    assert read_backlog(disk.spool_path)[0][0].values == 41 * WIDE
    spool.close()


def test_memory_is_bounded_and_what_it_gives_up_is_the_oldest_and_counted(disk: Disk) -> None:
    spool = open_spool(disk.spool_path, ("a",))
    disk.fill()
    append(spool, *range(600))
    lost = spool.take_lost()
    assert lost.unwritten > 0
    assert lost == Lost(unwritten=lost.unwritten)
    got = drained(spool, "a")
    on_disk = [number for number in got if int(number) < 50]
    assert len(got) * WIDE + lost.unwritten == 600 * WIDE
    assert got == [*on_disk, *numbers(range(600 - (len(got) - len(on_disk)), 600))]
    spool.close()


@pytest.mark.parametrize("kib", range(16, 100, 4))
def test_a_disk_that_is_full_at_the_start_is_waited_for_and_nothing_is_half_made(
    disk: Disk, kib: int
) -> None:
    disk.remount(f"size={kib}k")
    spool = open_spool(disk.spool_path, ("a",))
    append(spool, *range(3))
    assert sorted(drained(spool, "a"), key=int) == numbers(range(3))
    append(spool, 3)
    disk.remount("size=4m")
    assert append(spool, 4) == 0
    assert drained(spool, "a") == ["3", "4"]
    spool.close()
    spool = open_spool(disk.spool_path, ("a",))
    assert spool.backlog()[0].values == 0
    append(spool, 5)
    assert drained(spool, "a") == ["5"]
    spool.close()


def test_a_backlog_on_a_disk_full_at_the_start_goes_before_what_came_since(disk: Disk) -> None:
    """Here not even SQLite's own small files fit: the backlog cannot be read, and is waited for."""
    spool = open_spool(disk.spool_path, ("a",))
    append(spool, 0, 1)
    spool.close()
    disk.remount("ro")
    spool = open_spool(disk.spool_path, ("a",))
    assert append(spool, 2, 3) == 2
    with pytest.raises(SpoolError, match="goes first"):
        spool.peek("a", 250)
    assert [row.values for row in spool.backlog()] == [2 * WIDE]
    disk.remount("rw")
    assert append(spool, 4) == 0
    assert drained(spool, "a") == numbers(range(5))
    spool.close()


def test_a_disk_that_becomes_read_only_is_no_end_either(disk: Disk) -> None:
    spool = open_spool(disk.spool_path, ("a",))
    append(spool, 0)
    spool.close()
    disk.remount("ro")
    spool = open_spool(disk.spool_path, ("a",))
    assert append(spool, 1) == 1
    disk.remount("rw")
    assert append(spool, 2) == 0
    assert drained(spool, "a") == ["0", "1", "2"]
    spool.close()


def test_what_is_refused_is_kept_through_a_full_disk(disk: Disk) -> None:
    spool = open_spool(disk.spool_path, ("a",))
    append(spool, 0)
    disk.fill()
    append(spool, *range(1, 30))
    batch = spool.peek("a", 10**6)
    assert batch is not None
    refused = (Value("k[0]", "1", Stamp(1000, 1)),)
    spool.ack("a", batch.last_id, [Aside("h", refused)])
    disk.empty()
    append(spool, 30)
    assert RefusedValues(spool, "a").refused_keys() == {"k[0]": 1}
    spool.close()


def test_values_that_never_reached_the_disk_are_told_at_the_end(disk: Disk) -> None:
    spool = open_spool(disk.spool_path, ("a",))
    disk.fill()
    held = append(spool, *range(40))
    assert held > 0
    assert spool.close() == held * WIDE


def test_values_that_were_delivered_from_memory_are_no_loss_at_the_end(disk: Disk) -> None:
    spool = open_spool(disk.spool_path, ("a",))
    disk.fill()
    assert append(spool, *range(40)) > 0
    assert drained(spool, "a") == numbers(range(40))
    assert spool.close() == 0


@pytest.mark.parametrize(
    "content",
    [b"not a database, but something of somebody's" * 100, b"SQLite format 3\0" + b"\xff" * 8000],
    ids=["text", "only the beginning is right"],
)
def test_a_file_that_is_damaged_is_put_aside_and_a_new_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(content)
    with pytest.raises(SpoolError, match="damaged"):
        read_backlog(path)
    spool = open_spool(path, ("a",))
    append(spool, 0)
    assert drained(spool, "a") == ["0"]
    assert spool.take_lost().damaged == 1
    spool.close()
    assert (tmp_path / "spool.db.damaged").read_bytes() == content
    assert f"it is kept as {path}.damaged, and a new one is started" in caplog.text


def test_a_broken_page_is_found_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    spool = open_spool(path, ("a",))
    append(spool, *range(50))
    spool.close()
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 4)
    spool = open_spool(path, ("a",))
    assert spool.peek("a", 250) is None
    assert spool.take_lost().damaged
    spool.close()
    assert (tmp_path / "spool.db.damaged").exists()


def test_a_file_that_breaks_under_the_daemon_is_replaced_and_no_later_value_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    spool = open_spool(path, ("a",))
    append(spool, *range(200))
    spool.backlog()
    # All that is in the write-ahead log goes into the file, and then the file breaks.
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    with open(path, "r+b") as file:
        file.seek(0)
        file.write(b"\xff" * path.stat().st_size)
    got: list[str] = []
    for number in range(200, 230):
        append(spool, number)
        try:
            got += drained(spool, "a")
        except SpoolError:
            continue
    got += drained(spool, "a")
    spool.close()
    assert (tmp_path / "spool.db.damaged").exists()
    assert got[-29:] == numbers(range(201, 230))
    assert len(set(got)) == len(got)


def test_after_a_file_broke_and_the_daemon_was_killed_no_later_push_counts_as_delivered(
    tmp_path: Path,
) -> None:
    """Positions outlive the file, and so must the numbers that they are positions of."""
    path = tmp_path / "spool.db"
    spool = open_spool(path, ("a",))
    append(spool, *range(20))
    assert drained(spool, "a") == numbers(range(20))
    spool.close()
    spool = open_spool(path, ("a",))
    with open(path, "r+b") as file:
        file.write(b"\xff" * path.stat().st_size)
    for _ in range(3):  # the first finds the damage; a later one writes positions into a new file
        spool.note("a", "trouble", 1)
    path = as_a_kill_leaves_it(path)
    spool.close()
    spool = open_spool(path, ("a",))
    append(spool, 20)
    assert drained(spool, "a") == ["20"]
    spool.close()


def test_a_damaged_file_on_a_full_disk_does_not_keep_what_comes_after_waiting(disk: Disk) -> None:
    disk.spool_path.write_bytes(b"not a database" * 1000)
    disk.fill()
    spool = open_spool(disk.spool_path, ("a",))
    assert append(spool, 0, 1) == 2
    assert drained(spool, "a") == ["0", "1"]
    disk.empty()
    assert append(spool, 2) == 0
    assert drained(spool, "a") == ["2"]
    spool.close()


def test_another_program_in_the_file_holds_nothing_up(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    spool = open_spool(path, ("a",))
    append(spool, 0)
    spool.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    spool = open_spool(path, ("a",))
    assert append(spool, 1, 2) == 2
    assert drained(spool, "a") == ["0", "1", "2"]
    other.execute("ROLLBACK")
    other.close()
    assert append(spool, 3) == 0
    assert drained(spool, "a") == ["3"]
    spool.close()


def test_the_files_are_for_the_daemons_user_alone(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "own" / "spool.db", ("a",))
    append(spool, 0)
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "own").iterdir()}
    spool.close()
    assert modes.keys() >= {"spool.db", "spool.db.lock", "spool.db-wal"}
    assert set(modes.values()) == {0o600}


def test_a_row_that_cannot_be_read_on_a_disk_that_takes_nothing_is_counted_once(disk: Disk) -> None:
    spool = open_spool(disk.spool_path, ("a",))
    append(spool, 0, 1, 2)
    spool.close()  # what was appended by this process is sent from memory
    with sqlite3.connect(disk.spool_path) as other:
        other.execute("UPDATE push SET body = 'x' WHERE id = 2")
    other.close()
    spool = open_spool(disk.spool_path, ("a",))
    disk.fill()
    for _ in range(5):
        assert set(texts(spool.peek("a", 1000))) == {"0", "2"}
    assert spool.take_lost() == Lost(damaged=WIDE)
    spool.close()


def test_of_files_put_aside_the_first_are_kept_and_their_number_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    for nth in range(8):
        path.write_bytes(f"damage {nth}".encode() * 1000)
        open_spool(path, ("a",)).close()
    kept = sorted(file.name for file in tmp_path.glob("spool.db.damaged*"))
    assert kept == ["spool.db.damaged", "spool.db.damaged-2", "spool.db.damaged-3", "spool.db.damaged-4"]
    assert (tmp_path / "spool.db.damaged").read_bytes().startswith(b"damage 0")
    assert (tmp_path / "spool.db.damaged-4").read_bytes().startswith(b"damage 7")


@pytest.mark.parametrize("body", [b"", b"[", b"{}", b'[["k"]]', b"\xff\xfe", b"[1]"])
def test_a_row_that_cannot_be_read_is_given_up_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    path = tmp_path / "spool.db"
    spool = open_spool(path, ("a", "b"))
    append(spool, 0, 1, 2)
    spool.close()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE push SET body = ? WHERE id = 2", (body,))
    other.close()
    spool = open_spool(path, ("a", "b"))
    with caplog.at_level(logging.ERROR):
        assert drained(spool, "a") == ["0", "2"]
        assert drained(spool, "b") == ["0", "2"]
    assert spool.take_lost() == Lost(damaged=WIDE)
    assert len(caplog.records) == 1
    spool.close()


def test_a_spool_of_format_1_is_brought_up_to_date_and_nothing_in_it_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    database = sqlite3.connect(path)
    database.executescript(
        """
        CREATE TABLE push (id INTEGER PRIMARY KEY AUTOINCREMENT, host TEXT NOT NULL, clock INTEGER NOT NULL,
            count INTEGER NOT NULL, body BLOB NOT NULL);
        CREATE TABLE destination (name TEXT PRIMARY KEY, acked INTEGER NOT NULL);
        INSERT INTO push VALUES (7, 'h', 1000, 1, '[["k","7",1000,1]]');
        INSERT INTO push VALUES (8, 'h', 1001, 1, '[["k","8",1001,1]]');
        INSERT INTO destination VALUES ('a', 7), ('b', 6);
        PRAGMA user_version = 1;
        """
    )
    database.close()
    with pytest.raises(SpoolError, match="older tcpwatchd"):
        read_backlog(path)
    spool = open_spool(path, ("a", "b"))
    assert (drained(spool, "a"), drained(spool, "b")) == (["8"], ["7", "8"])
    append(spool, 9)
    assert drained(spool, "a") == ["9"]
    spool.close()


def test_rows_of_which_none_can_be_read_are_all_given_up(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    spool = open_spool(path, ("a",))
    append(spool, 1, 2, 3)
    spool.close()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE push SET body = 'x'")
    again = open_spool(path, ("a",))
    assert again.peek("a", 250) is None
    assert again.backlog()[0].values == 0
    append(again, 4)
    assert drained(again, "a") == ["4"]
    again.close()
