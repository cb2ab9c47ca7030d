"""What is sent next to a destination, and what an answer changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpwatchd.delivery.outbox import HostRefusedError, Outbox
from tcpwatchd.model.batch import Batch, Delivered, Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.spool.spool import Spool
from tests.lab.disks import open_spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = open_spool(tmp_path / "spool.db", ("a",))
    yield opened
    opened.close()


def push(spool: Spool, clock: int, *keys: str) -> None:
    spool.append("h", [Value(key, "1", Stamp(clock, 1)) for key in keys], 250)


def sent(outbox: Outbox, at_most: int = 250) -> Batch:
    batch = outbox.batch(at_most)
    assert batch is not None
    return batch


def keys(batch: Batch) -> list[str]:
    return [value.key for value in batch.values]


def test_where_nothing_is_taken_it_is_asked_without_values_whether_the_host_is_known(spool: Spool) -> None:
    push(spool, 1, "x", "y")
    push(spool, 2, "x", "y", "z")
    outbox = Outbox("a", spool)
    assert not sent(outbox, 2).question
    outbox.answered(Delivered("node", 0, 2))
    witness = sent(outbox)
    assert witness.question
    assert keys(witness) == ["z"]
    with pytest.raises(HostRefusedError):
        outbox.answered(Delivered("node", 0, 1))
    assert keys(sent(outbox, 2)) == ["x", "y"]  # all of it stays


def test_refused_keys_are_not_asked_again_by_a_push_of_which_nothing_was_taken(spool: Spool) -> None:
    push(spool, 1, "good", "bad")
    outbox = Outbox("a", spool)
    outbox.answered(_answer(sent(outbox), refused={"bad"}))
    for clock in (2, 3):
        push(spool, clock, "good", "bad")
        while (batch := outbox.batch(250)) is not None:
            outbox.answered(_answer(batch, refused={"bad"}))
    outbox.recheck()
    push(spool, 4, "other")
    push(spool, 5, "good")
    assert keys(sent(outbox, 1)) == ["other"]
    outbox.answered(Delivered("node", 0, 1))  # it is refused as well
    assert sent(outbox).question
    outbox.answered(Delivered("node", 1, 0))  # but the host is known
    assert keys(sent(outbox, 1)) == ["good"]  # and not: bad, once more


def _answer(batch: Batch, refused: set[str]) -> Delivered:
    bad = sum(value.key in refused for value in batch.values)
    return Delivered("node", len(batch.values) - bad, bad)
