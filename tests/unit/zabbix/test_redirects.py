"""Proxy groups of Zabbix 7.0: a redirect is followed once, never in circles, and given up where it leads
nowhere.

The servers are scripted after what real ones say; tests/real/test_proxy_group.py asks real ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome
from tcpwatchd.zabbix.addresses import Node
from tcpwatchd.zabbix.failover import Failover, Redirect
from tcpwatchd.zabbix.sender import Sender
from tests.lab.fakes import FakeTime
from tests.lab.scripted_server import Connection, ScriptedServer
from tests.lab.sender_peers import BATCH, GOOD, PATIENT_S, SENT, counted, packet

pytestmark = pytest.mark.filterwarnings("error")

RESET = packet(b'{"redirect":{"reset":true},"response":"failed"}')


def redirect(to: object, revision: object = 1) -> bytes:
    """As a 7.0 server writes it; `active checks` has the keys the other way round."""
    address = str(to) if isinstance(to, Node) else to
    return packet(
        json.dumps({"redirect": {"revision": revision, "address": address}, "response": "failed"}).encode()
    )


@dataclass
class Peer:
    """A server or proxy that says `says`, whatever it is asked; None: it closes the connection."""

    says: bytes | None = GOOD
    asked: int = 0
    node: Node = field(init=False)

    def script(self, connection: Connection) -> None:
        connection.read_request()
        self.asked += 1
        if self.says is not None:
            connection.send(self.says)


@pytest.fixture
def peers() -> Iterator[Callable[[], Peer]]:
    with ExitStack() as stack:

        def make() -> Peer:
            peer = Peer()
            peer.node = stack.enter_context(ScriptedServer(peer.script)).node
            return peer

        yield make


@dataclass
class Group:
    """A server (or the nodes configured), two proxies, and a sender on a clock that the test moves."""

    server: Peer
    one: Peer
    two: Peer
    time: FakeTime = field(default_factory=FakeTime)

    def __post_init__(self) -> None:
        self.sender = Sender([self.server.node], PATIENT_S, self.time.clock)

    def deliver(self, batch: Batch = BATCH) -> Outcome:
        return self.sender.deliver(batch)

    def asked(self) -> tuple[int, int, int]:
        return (self.server.asked, self.one.asked, self.two.asked)


@pytest.fixture
def group(peers: Callable[[], Peer]) -> Group:
    made = Group(peers(), peers(), peers())
    made.server.says = redirect(made.one.node)
    return made


def whole(peer: Peer) -> Delivered:
    return Delivered(str(peer.node), SENT, 0)


def test_a_redirect_is_followed_at_once_and_kept(group: Group) -> None:
    assert [group.deliver(), group.deliver()] == [whole(group.one)] * 2
    assert group.asked() == (1, 2, 0)


def test_another_proxy_takes_over_when_the_mapping_says_so(group: Group) -> None:
    group.deliver()
    group.one.says = redirect(group.two.node, revision=2)
    assert group.deliver() == whole(group.two)
    assert group.deliver() == whole(group.two)
    assert group.asked() == (1, 2, 2)


def test_a_proxy_that_does_not_answer_is_given_up_for_the_configured_node(group: Group) -> None:
    group.deliver()
    group.one.says, group.server.says = None, redirect(group.two.node, revision=3)
    assert group.deliver() == whole(group.two)
    assert group.asked() == (2, 2, 1)


def test_while_the_server_still_names_a_dead_proxy_nothing_is_delivered_and_nothing_goes_in_circles(
    group: Group,
) -> None:
    group.deliver()
    group.one.says = None
    for attempt in range(1, 4):
        outcome = group.deliver()
        assert isinstance(outcome, Deferred)
        assert f"{group.one.node} closed the connection without an answer" in outcome.reason
        assert group.asked()[0] == 1 + attempt
        assert group.asked()[1] <= 1 + 2 * attempt
    group.server.says = redirect(group.two.node, revision=3)
    assert group.deliver() == whole(group.two)


def test_a_second_redirect_in_a_row_is_a_failure(group: Group) -> None:
    group.one.says = redirect(group.two.node, revision=2)
    outcome = group.deliver()
    assert isinstance(outcome, Deferred)
    assert (
        f"{group.one.node} redirects this host to {group.two.node}, the second redirect in a row"
        in outcome.reason
    )
    assert "proxy group" in outcome.todo
    assert group.asked() == (1, 1, 0)


def test_two_that_redirect_to_each_other_are_asked_once_an_attempt(group: Group) -> None:
    group.one.says = redirect(group.server.node)
    for attempt in range(1, 6):
        assert isinstance(group.deliver(), Deferred)
        assert sum(group.asked()) <= 3 * attempt


def test_one_that_redirects_to_itself_is_a_failure(group: Group) -> None:
    group.server.says = redirect(group.server.node)
    for _ in range(3):
        assert isinstance(group.deliver(), Deferred)
    assert group.asked()[0] <= 6


def test_a_mapping_that_is_out_of_date_is_not_followed(group: Group) -> None:
    group.server.says = redirect(group.one.node, revision=5)
    group.deliver()
    group.one.says = redirect(group.two.node, revision=4)
    group.server.says = redirect(group.two.node, revision=4)
    outcome = group.deliver()
    assert isinstance(outcome, Deferred)
    assert "by a mapping that is out of date" in outcome.reason
    assert group.asked()[2] == 0


def test_a_group_made_anew_counts_from_one_again_and_is_followed_after_a_while(group: Group) -> None:
    group.server.says = redirect(group.one.node, revision=500)
    group.deliver()
    group.one.says = None
    group.server.says = redirect(group.two.node, revision=1)
    assert isinstance(group.deliver(), Deferred)
    group.time.pass_s(601)
    assert group.deliver() == whole(group.two)


def test_a_reset_leads_back_to_the_configured_nodes(group: Group) -> None:
    group.deliver()
    group.one.says, group.server.says = RESET, redirect(group.two.node, revision=2)
    outcome = group.deliver()  # reset and redirect are two turns: one attempt makes only one
    assert isinstance(outcome, Deferred)
    assert group.deliver() == whole(group.two)


def test_a_configured_proxy_that_says_reset_takes_the_next_request(peers: Callable[[], Peer]) -> None:
    """Seen on 7.0: a proxy that lost its server says it once, and then buffers."""
    proxy = peers()

    def once(connection: Connection) -> None:
        connection.read_request()
        proxy.asked += 1
        connection.send(RESET if proxy.asked == 1 else GOOD)

    with ScriptedServer(once) as server:
        sender = Sender([server.node], PATIENT_S, FakeTime().clock)
        assert sender.deliver(BATCH) == Delivered(str(server.node), SENT, 0)
    assert proxy.asked == 2


def test_of_two_configured_proxies_one_that_says_reset_is_left_for_the_other(
    peers: Callable[[], Peer],
) -> None:
    one, two = peers(), peers()
    one.says = RESET
    sender = Sender([one.node, two.node], PATIENT_S, FakeTime().clock)
    assert [sender.deliver(BATCH), sender.deliver(BATCH)] == [whole(two)] * 2
    assert (one.asked, two.asked) == (1, 2)


def test_resets_without_end_are_a_failure(group: Group) -> None:
    group.server.says = RESET
    outcome = group.deliver()
    assert isinstance(outcome, Deferred)
    assert "redirects this host, the second redirect in a row" in outcome.reason
    assert group.asked()[0] == 2


@pytest.mark.parametrize("failed", [1, SENT])
def test_what_a_proxy_refuses_right_after_a_redirect_is_no_verdict(group: Group, failed: int) -> None:
    """It may not know the host or its items yet; some seconds later its word counts."""
    group.one.says = counted(SENT - failed, failed, SENT)
    outcome = group.deliver()
    assert isinstance(outcome, Deferred)
    assert "redirected only just now" in outcome.reason
    group.time.pass_s(31)
    assert group.deliver() == Delivered(str(group.one.node), SENT - failed, failed)


def test_a_proxy_that_was_named_and_refuses_everything_holds_no_host_for_ever(group: Group) -> None:
    """The host was taken out of the group: the server takes it, and only the server knows."""
    group.deliver()
    group.time.pass_s(60)
    group.one.says = counted(0, SENT, SENT)
    group.server.says = GOOD
    assert group.deliver() == whole(group.server)
    assert group.deliver() == whole(group.server)
    assert group.asked() == (3, 2, 0)


def test_where_the_server_still_names_the_proxy_that_refuses_its_refusal_is_the_answer(group: Group) -> None:
    group.deliver()
    group.time.pass_s(60)
    group.one.says = counted(0, SENT, SENT)
    for attempt in range(1, 4):
        assert group.deliver() == Delivered(str(group.one.node), 0, SENT)
        assert group.asked() == (1 + attempt, 1 + attempt, 0)


NOT_A_REDIRECT: tuple[Any, ...] = (
    None, True, 1, "127.0.0.1:1", [], {}, {"reset": False}, {"reset": 1}, {"revision": 1},
    {"address": "127.0.0.1:1"}, {"revision": "1", "address": "127.0.0.1:1"},
    {"revision": True, "address": "127.0.0.1:1"}, {"revision": -1, "address": "127.0.0.1:1"},
    {"revision": 1.0, "address": "127.0.0.1:1"}, {"revision": 1, "address": 10051},
    {"revision": 1, "address": ""}, {"revision": 1, "address": "a b"}, {"revision": 1, "address": "a;b"},
    {"revision": 1, "address": "a:0"}, {"revision": 1, "address": "a:99999"},
    {"revision": 1, "address": "\n"},
)  # fmt: skip


@pytest.mark.parametrize("text", NOT_A_REDIRECT, ids=repr)
def test_what_only_looks_like_a_redirect_is_an_answer_not_understood(group: Group, text: Any) -> None:
    group.server.says = packet(json.dumps({"redirect": text, "response": "failed"}).encode())
    outcome = group.deliver()
    assert isinstance(outcome, Deferred)
    assert "not understood" in outcome.reason
    assert group.asked() == (1, 0, 0)


def test_addresses_as_zabbix_writes_them() -> None:
    node = Node("server", 10051)
    for text, expected in (
        ("proxy", Node("proxy", 10051)),
        ("10.0.0.1:10052", Node("10.0.0.1", 10052)),
        ("[::1]:10052", Node("::1", 10052)),
        ("::1", Node("::1", 10051)),
    ):
        assert Redirect.parse(node, {"revision": 7, "address": text}) == Redirect(node, expected, 7)
    assert Redirect.parse(node, {"reset": True}) == Redirect(node, None, 0)


def test_an_answer_of_a_configured_node_ends_the_redirect() -> None:
    one, two, named = (Node(name, 10051) for name in ("one", "two", "named"))
    route = Failover([one, two])
    assert route.turn(Redirect(one, named, 1), 0.0) == [named]
    assert route.nodes() == [named, one, two]
    route.answered(two)
    assert route.nodes() == [two, one]
