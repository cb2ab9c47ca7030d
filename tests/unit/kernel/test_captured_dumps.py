"""Dumps as a real kernel gave them, replayed: what was in the lab is what is counted, however it is split."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tcpwatchd.kernel.inet_diag import DATAGRAM_BYTES
from tcpwatchd.kernel.state_count import CountedDump
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import State, Walk
from tests.lab.capture_dump import DIRECTORY, Captured, load, messages, save

NAMES = ("empty", "mixed", "nobody")

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the dumps were captured on little-endian")


@pytest.fixture(params=NAMES)
def captured(request: pytest.FixtureRequest) -> Captured:
    name: str = request.param
    return load(name)


def replay(sequence: int, datagrams: Iterable[bytes]) -> Walk:
    dump = CountedDump(sequence)
    *over, last = [dump.feed(datagram) for datagram in datagrams]
    assert not any(over)
    assert last
    walk = dump.walk()
    kept = {state: len(set(cookies.kept)) for state, cookies in walk.cookies.items()}
    held = walk[State.FIN_WAIT2] - (walk.orphaned or 0)
    assert kept == {State.CLOSE_WAIT: walk[State.CLOSE_WAIT], State.FIN_WAIT2: held}
    return replace(walk, unanswered=None, cookies={})


def test_every_dump_there_is_is_replayed() -> None:
    assert {path.stem for path in DIRECTORY.iterdir()} == set(NAMES)


def test_the_full_dumps_have_every_state_that_tables_show_in_both_families() -> None:
    for captured in (load("mixed"), load("nobody")):
        for tally in (captured.walk.ipv4, captured.walk.ipv6):
            assert {state for state in State if not tally[state]} == {State.CLOSE}


def test_the_full_dumps_span_several_datagrams_that_hold_sockets() -> None:
    for captured in (load("mixed"), load("nobody")):
        assert len([datagram for datagram in captured.datagrams if len(messages(datagram)) > 1]) > 1
        assert all(len(datagram) <= DATAGRAM_BYTES // 2 for datagram in captured.datagrams)


def test_rows_come_in_several_lengths_and_nobody_sees_shorter_ones() -> None:
    root, nobody = ({len(row) for row in rows(load(name))} for name in ("mixed", "nobody"))
    assert len(root) > 1
    assert len(nobody) > 1
    assert max(nobody) < max(root)


def test_as_captured(captured: Captured) -> None:
    assert replay(captured.sequence, captured.datagrams) == captured.walk


def test_message_by_message(captured: Captured) -> None:
    assert replay(captured.sequence, rows(captured)) == captured.walk


def test_split_in_two_between_any_two_messages(captured: Captured) -> None:
    alone = rows(captured)
    for cut in range(1, len(alone)):
        halves = [b"".join(alone[:cut]), b"".join(alone[cut:])]
        assert replay(captured.sequence, halves) == captured.walk, cut


def test_all_in_one(captured: Captured) -> None:
    assert replay(captured.sequence, [b"".join(captured.datagrams)]) == captured.walk


def test_without_its_end_it_is_no_sample(captured: Captured) -> None:
    dump = CountedDump(captured.sequence)
    for datagram in captured.datagrams[:-1]:
        assert not dump.feed(datagram)
    with pytest.raises(SampleError, match="not whole"):
        dump.walk()


def test_cut_within_a_message_it_is_no_sample(captured: Captured) -> None:
    datagram = captured.datagrams[0]
    boundaries = {0}
    for message in messages(datagram):
        boundaries.add(max(boundaries) + len(message))
    for cut in set(range(len(datagram))) - boundaries:
        with pytest.raises(SampleError):
            CountedDump(captured.sequence).feed(datagram[:cut])


def test_the_answer_to_another_request_is_no_sample(captured: Captured) -> None:
    with pytest.raises(SampleError, match="not ours"):
        CountedDump(captured.sequence ^ 1).feed(captured.datagrams[0])


def test_what_is_saved_is_what_is_loaded(captured: Captured, tmp_path: Path) -> None:
    save("again", captured, tmp_path)
    assert load("again", tmp_path) == captured


def rows(captured: Captured) -> list[bytes]:
    """All messages of all datagrams."""
    return [message for datagram in captured.datagrams for message in messages(datagram)]
