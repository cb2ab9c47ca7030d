"""Which node of a destination is asked next: after answers, failures and redirects."""

from __future__ import annotations

import pytest

from tcpwatchd.zabbix.addresses import Node, parse_nodes
from tcpwatchd.zabbix.failover import Failover, Redirect

A, B, C = parse_nodes("a;b;c")
NAMED, OTHER = parse_nodes("named;other")


def redirect(address: Node | None, revision: int = 5, node: Node = A) -> Redirect:
    return Redirect(node, address, revision)


def address_of(characters: int) -> str:
    return "x" * (characters - len(":10051")) + ":10051"


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ({"revision": 0, "address": "p"}, True),
        ({"revision": -1, "address": "p"}, False),
        ({"revision": True, "address": "p"}, False),
        ({"revision": 1, "address": address_of(262)}, True),
        ({"revision": 1, "address": address_of(263)}, False),
        ({"revision": 1, "address": "p;q"}, False),
        ({"reset": True}, True),
        ({"reset": 1}, False),
        ("p", False),
    ],
)
def test_what_is_a_redirect(answer: object, taken: bool) -> None:
    assert (Redirect.parse(A, answer) is not None) is taken


def test_one_node_is_not_several_and_a_named_one_makes_two() -> None:
    failover = Failover([A])
    assert not failover.several()
    failover.turn(redirect(NAMED), 0.0)
    assert failover.several()
    assert failover.nodes() == [NAMED, A]


def test_a_reset_by_a_node_makes_the_next_one_the_first() -> None:
    failover = Failover([A, B, C])
    assert failover.turn(redirect(None, node=A), 0.0) == [B, C, A]
    assert failover.turn(redirect(None, node=C), 0.0) == [A, B, C]
    assert failover.turn(redirect(None, node=OTHER), 0.0) == [A, B, C]


def test_the_node_that_answered_is_first_and_a_named_one_is_then_forgotten() -> None:
    failover = Failover([A, B, C])
    failover.turn(redirect(NAMED), 0.0)
    failover.answered(NAMED)
    assert failover.nodes() == [NAMED, A, B, C]
    failover.answered(C)
    assert failover.nodes() == [C, A, B]


def test_a_named_node_that_fails_is_given_up_and_another_that_fails_is_not() -> None:
    failover = Failover([A, B])
    failover.turn(redirect(NAMED), 0.0)
    failover.failed(A)
    assert failover.nodes() == [NAMED, A, B]
    failover.failed(NAMED)
    assert failover.nodes() == [A, B]


def test_the_first_redirect_is_followed_whatever_its_revision_and_time() -> None:
    assert Failover([A]).turn(redirect(NAMED, 0), 0.0) == [NAMED]


def test_a_lower_revision_is_stale_for_ten_minutes_and_an_equal_one_is_not() -> None:
    failover = Failover([A])
    failover.turn(redirect(NAMED, 5), 100.0)
    assert failover.turn(redirect(OTHER, 4), 699.0) is None
    assert failover.nodes() == [NAMED, A]
    assert failover.turn(redirect(OTHER, 5), 699.0) == [OTHER]
    assert failover.turn(redirect(NAMED, 4), 699.0 + 600.0) == [NAMED]


def test_a_named_node_settles_for_half_a_minute_and_a_configured_one_never() -> None:
    failover = Failover([A])
    assert not failover.settling(A, 0.0)
    failover.turn(redirect(NAMED, 5), 100.0)
    assert failover.settling(NAMED, 129.9)
    assert not failover.settling(NAMED, 130.0)
    assert not failover.settling(A, 101.0)


def test_a_node_named_again_by_the_same_mapping_does_not_settle_again() -> None:
    failover = Failover([A])
    failover.turn(redirect(NAMED, 5), 100.0)
    failover.failed(NAMED)
    failover.turn(redirect(NAMED, 5), 200.0)
    assert not failover.settling(NAMED, 201.0)
    failover.turn(redirect(NAMED, 6), 300.0)
    assert failover.settling(NAMED, 301.0)
