"""Since when sockets are known, over a restart: used once, and never a reason to fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpwatchd.daemon.kept_ages import KeptAges
from tcpwatchd.diagnosis.ages import Ages
from tcpwatchd.model.sockets import State

STATE = State.CLOSE_WAIT


def kept(directory: Path) -> KeptAges:
    return KeptAges({"RUNTIME_DIRECTORY": str(directory)})


def test_a_restart_goes_on_with_the_ages(tmp_path: Path) -> None:
    before, after = Ages(), Ages()
    before.look(STATE, [1, 2**64 - 1], 100.0)
    kept(tmp_path).save(before)
    kept(tmp_path).load(after)
    assert after.look(STATE, [1, 5, 2**64 - 1], 700.0)[1:] == (2, 600.0)


def test_they_are_used_once(tmp_path: Path) -> None:
    before, second = Ages(), Ages()
    before.look(STATE, [1], 100.0)
    kept(tmp_path).save(before)
    kept(tmp_path).load(Ages())
    kept(tmp_path).load(second)
    assert second.look(STATE, [1], 700.0)[1:] == (0, 0.0)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"close_wait": 1}', '{"close_wait": [1, [2, 1], [0, 0]]}', '{"x": [1, [1], [1]]}',
     '{"close_wait": [1, [1], []]}', '{"close_wait": [1, [-1], [1]]}', '{"close_wait": [1, ["a"], [1]]}'],
)  # fmt: skip
def test_what_is_no_ages_changes_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "ages.json").write_text(text)
    ages = Ages()
    ages.look(STATE, [1], 0.0)
    kept(tmp_path).load(ages)
    assert ages.look(STATE, [1], 600.0)[1:] == (1, 600.0)


def test_without_a_directory_or_with_one_that_takes_nothing_nothing_happens(tmp_path: Path) -> None:
    for none in (KeptAges({}), kept(tmp_path / "missing")):
        none.save(Ages())
        none.load(Ages())
    assert list(tmp_path.iterdir()) == []
