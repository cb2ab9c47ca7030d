"""Which keys are under suspicion after an answer, and which are known to be refused."""

from __future__ import annotations

from tcpwatchd.delivery.refused_key_search import RefusedKeySearch
from tcpwatchd.model.batch import Delivered, Value
from tcpwatchd.model.clock import Stamp


def values(*keys: str) -> tuple[Value, ...]:
    return tuple(Value(key, "1", Stamp(nth + 1, 1)) for nth, key in enumerate(keys))


def test_an_answer_without_a_refusal_leaves_nothing_in_doubt() -> None:
    search = RefusedKeySearch()
    assert search.judge(values("a", "b"), Delivered("node", 2, 0)) is False
    assert search.settled(["a", "b"])


def test_a_part_that_is_refused_whole_is_not_in_doubt() -> None:
    search = RefusedKeySearch()
    assert search.judge(values("a", "b"), Delivered("node", 0, 2)) is False
    assert search.refused == {"a", "b"}


def test_a_part_that_is_refused_in_part_is_in_doubt_until_each_key_was_alone() -> None:
    search = RefusedKeySearch()
    assert search.judge(values("a", "b"), Delivered("node", 1, 1)) is True
    assert not search.settled(["a"])
    parts, aside = search.cut(values("a", "b", "c"))
    assert [[value.key for value in part] for part in parts] == [["c"], ["a"], ["b"]]
    assert aside == ()
    search.judge(parts[1], Delivered("node", 0, 1))
    search.judge(parts[2], Delivered("node", 1, 0))
    assert search.refused == {"a"}
    assert search.settled(["a", "b"])


def test_a_key_of_which_some_values_were_taken_is_no_suspect() -> None:
    search = RefusedKeySearch()
    assert search.judge(values("a", "a"), Delivered("node", 1, 1)) is True
    assert search.settled(["a"])
    assert search.refused == set()


def test_clearing_a_key_leaves_the_others_under_suspicion() -> None:
    search = RefusedKeySearch(refused=["r"], suspects=["a", "b"])
    search.clear(["a", "r"])
    assert search.refused == set()
    assert search.settled(["a"])
    assert not search.settled(["b"])


def test_250_keys_are_told_apart_within_three_pushes() -> None:
    keys = [f"key[{nth}]" for nth in range(250)]
    search, refused = RefusedKeySearch(), {"key[100]", "key[249]"}
    for _ in range(4):
        parts, _aside = search.cut(values(*keys))
        for part in parts:
            bad = sum(value.key in refused for value in part)
            search.judge(part, Delivered("node", len(part) - bad, bad))
    assert search.refused == refused
