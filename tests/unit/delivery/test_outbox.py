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


SERVICE = "tcpwatchd.service[web,listen]"


def ships(outbox: Outbox, refused: set[str]) -> list[list[str]]:
    """Sends all that waits; the keys of each request."""
    requests = []
    while (batch := outbox.batch(250)) is not None:
        requests.append(keys(batch))
        outbox.answered(_answer(batch, refused))
    return requests


def test_refused_values_are_counted_once(spool: Spool) -> None:
    push(spool, 1, "good", "bad")
    outbox = Outbox("a", spool)
    ships(outbox, {"bad"})
    assert outbox.take_refused() == 1
    assert outbox.take_refused() == 0
    push(spool, 2, "good", "bad")
    ships(outbox, {"bad"})
    assert outbox.take_refused() == 1


def test_a_key_of_a_request_in_doubt_is_no_witness_for_the_host(spool: Spool) -> None:
    push(spool, 1, "x", "y")
    outbox = Outbox("a", spool)
    sent(outbox)
    outbox.answered(Delivered("node", 1, 1))  # of x and y one was refused
    push(spool, 2, "z")
    assert keys(sent(outbox)) == ["z"]
    with pytest.raises(HostRefusedError):  # and nobody is asked about x
        outbox.answered(Delivered("node", 0, 1))


def test_refused_keys_of_a_service_are_asked_about_once_for_each_time_that_is_due(spool: Spool) -> None:
    push(spool, 1, "good", SERVICE)
    outbox = Outbox("a", spool)
    ships(outbox, {SERVICE})
    push(spool, 2, "good")
    ships(outbox, {SERVICE})  # the recheck of a start is over
    push(spool, 3, "good", SERVICE)
    ships(outbox, {SERVICE})
    outbox.recheck_discovered()
    push(spool, 4, "good")
    assert ships(outbox, {SERVICE}) == [["good"], [SERVICE]]
    push(spool, 5, "good")
    assert ships(outbox, {SERVICE}) == [["good"]]
    outbox.recheck()
    outbox.recheck_discovered()
    push(spool, 6, "good")
    assert ships(outbox, {SERVICE}).count([SERVICE]) == 2  # with all, and for itself


def test_refused_keys_of_a_service_wait_while_nothing_of_the_host_is_taken(spool: Spool) -> None:
    push(spool, 1, "good", SERVICE)
    outbox = Outbox("a", spool)
    ships(outbox, {SERVICE})
    push(spool, 2, "good")
    ships(outbox, {SERVICE})
    outbox.recheck_discovered()
    push(spool, 3, "other")
    assert keys(sent(outbox)) == ["other"]
    outbox.answered(Delivered("node", 0, 1))
    assert sent(outbox).question
    push(spool, 4, "good")
    outbox.answered(Delivered("node", 1, 0))
    assert keys(sent(outbox)) == ["good"]


def _answer(batch: Batch, refused: set[str]) -> Delivered:
    bad = sum(value.key in refused for value in batch.values)
    return Delivered("node", len(batch.values) - bad, bad)
