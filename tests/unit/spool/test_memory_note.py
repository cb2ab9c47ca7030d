"""What memory holds, told to `tcpwatchd backlog` beside the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpwatchd.commands.backlog import held_text
from tcpwatchd.model.backlog_level import Held
from tcpwatchd.spool.backlog import MemoryNote, read_note

SPOOL = Path("/var/lib/tcpwatchd/spool.db")


def test_a_note_is_there_while_memory_holds_values_and_keeps_its_beginning(tmp_path: Path) -> None:
    environment = {"RUNTIME_DIRECTORY": str(tmp_path)}
    note = MemoryNote(SPOOL, environment)
    note.tell(0, False, 1000)
    assert read_note(SPOOL, environment) is None
    note.tell(80, False, 1010)
    note.tell(160, False, 1070)
    assert read_note(SPOOL, environment) == Held(str(SPOOL), 160, False, 1010)
    assert read_note(Path("/elsewhere"), environment) is None
    note.tell(0, False, 1080)
    assert list(tmp_path.iterdir()) == []
    note.tell(80, False, 1200)
    assert read_note(SPOOL, environment) == Held(str(SPOOL), 80, False, 1200)
    note.remove()
    assert read_note(SPOOL, environment) is None


def test_a_note_that_a_killed_daemon_left_is_removed(tmp_path: Path) -> None:
    environment = {"RUNTIME_DIRECTORY": str(tmp_path)}
    MemoryNote(SPOOL, environment).tell(80, False, 1010)
    MemoryNote(SPOOL, environment)
    assert read_note(SPOOL, environment) is None


@pytest.mark.parametrize("text", ["", "null", "[]", '{"spool": 1}', '{"what": 1}', "{"])
def test_a_note_that_cannot_be_read_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text(text)
    assert read_note(SPOOL, {"RUNTIME_DIRECTORY": str(tmp_path)}) is None


def test_the_same_number_is_written_once(tmp_path: Path) -> None:
    """The daemon tells each second: an outage of the disk costs no write a second."""
    environment = {"RUNTIME_DIRECTORY": str(tmp_path)}
    note = MemoryNote(SPOOL, environment)
    note.tell(80, False, 1010)
    (tmp_path / "memory.json").unlink()
    note.tell(80, False, 1011)
    assert list(tmp_path.iterdir()) == []


def test_without_a_directory_nobody_is_told_and_a_directory_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    MemoryNote(SPOOL, {}).tell(80, False, 1010)
    gone = MemoryNote(SPOOL, {"RUNTIME_DIRECTORY": str(tmp_path / "gone")})
    gone.tell(80, False, 1010)
    gone.remove()


def test_a_disk_that_hangs_is_told_with_nothing_in_memory(tmp_path: Path) -> None:
    environment = {"RUNTIME_DIRECTORY": str(tmp_path)}
    note = MemoryNote(SPOOL, environment)
    note.tell(0, True, 1000)
    assert read_note(SPOOL, environment) == Held(str(SPOOL), 0, True, 1000)
    note.tell(0, False, 1001)
    assert read_note(SPOOL, environment) is None


def test_the_text_says_how_many_since_when_and_what_to_do() -> None:
    full = held_text(Held(str(SPOOL), 1234, False, 1000), 1090)
    assert full.startswith("memory: 1,234 values are in memory alone and are sent from there\n")
    assert "takes nothing since" in full
    assert "(1m 30s ago)" in full
    assert "see df and dmesg" in full
    hanging = held_text(Held(str(SPOOL), 0, True, 1000), 1090)
    assert "has not answered since" in hanging
    assert hanging.endswith("cannot be read before the disk answers")
