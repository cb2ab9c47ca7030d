"""How many sockets are old: exactly, by a part of very many, and not before it is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.diagnosis.ages import OldSockets
from tcpwatchd.model.cookies import MOST_COOKIES, Cookies
from tcpwatchd.model.sockets import State


def cookies(numbers: range | list[int]) -> dict[State, Cookies]:
    made = Cookies()
    made.add(numbers)
    return {State.CLOSE_WAIT: made}


def test_a_socket_is_old_when_it_was_seen_for_ten_minutes() -> None:
    old = OldSockets()
    assert old.count(cookies([1, 2]), 0.0) == {}
    for minute in range(1, 10):
        assert old.count(cookies([1, 2, 3]), 60.0 * minute) == {}, "nobody has looked for so long"
    assert old.count(cookies([1, 2, 3]), 600.0) == {State.CLOSE_WAIT: 2}
    assert old.count(cookies([2, 3]), 660.0) == {State.CLOSE_WAIT: 2}
    assert old.count(cookies([9]), 720.0) == {State.CLOSE_WAIT: 0}


def test_the_age_is_the_configurations() -> None:
    old = OldSockets()
    old.count(cookies([1]), 0.0, 30.0)
    assert old.count(cookies([1]), 30.0, 30.0) == {State.CLOSE_WAIT: 1}
    assert old.count(cookies([1]), 31.0, 60.0) == {}


def test_a_crowd_that_comes_and_goes_is_never_old() -> None:
    old = OldSockets()
    for minute in range(30):
        found = old.count(cookies(range(1000 * minute, 1000 * minute + 5000)), 60.0 * minute)
    assert found == {State.CLOSE_WAIT: 0}


def test_of_very_many_a_part_is_kept_and_the_number_is_nearly_right() -> None:
    old, many = OldSockets(), range(7, 7 + 5 * MOST_COOKIES)
    for at_s in (0.0, 600.0):
        found = old.count(cookies(many), at_s)
    assert abs(found[State.CLOSE_WAIT] / len(many) - 1) < 0.01


@given(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=300), st.integers(1, 300))
def test_cookies_in_any_portions_are_the_same(numbers: list[int], portion: int) -> None:
    at_once, in_portions = Cookies(), Cookies()
    at_once.add(numbers)
    for begin in range(0, len(numbers), portion):
        in_portions.add(numbers[begin : begin + portion])
    assert at_once == in_portions
    assert list(at_once.kept) == numbers
    half = len(numbers) // 2
    first, second = Cookies(), Cookies()
    first.add(numbers[:half])
    second.add(numbers[half:])
    assert sorted((first + second).kept) == sorted(numbers)


def test_no_more_are_kept_than_there_is_room_for() -> None:
    kept = Cookies()
    for begin in range(0, 8 * MOST_COOKIES, 1000):
        kept.add(range(begin, begin + 1000))
        assert len(kept.kept) <= MOST_COOKIES
    assert kept.scale in (8, 16)
    assert all(cookie % kept.scale == 0 for cookie in kept.kept)
    assert len(kept.kept) * kept.scale == 8 * MOST_COOKIES
