"""Registering a host over the wire: what is asked, what answers mean, and that redirects are followed."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.model.batch import Deferred
from tcpwatchd.model.clock import Clock
from tcpwatchd.zabbix.active_checks import Registered, Registration, parse
from tcpwatchd.zabbix.addresses import Node
from tcpwatchd.zabbix.failover import Redirect
from tcpwatchd.zabbix.sender import Sender
from tests.lab.scripted_server import Connection, ScriptedServer
from tests.lab.sender_peers import PATIENT_S, packet

pytestmark = pytest.mark.filterwarnings("error")

WEB = Registration("web-01", "tcpwatchd linux")
NODE = Node("192.0.2.1", 10051)
CHECKS = b'{"response":"success","data":[{"key":"agent.hostname","delay":3600,"lastlogsize":0,"mtime":0}]}'
NOT_FOUND = b'{"response":"failed","info":"host [web-01] not found"}'
NOT_MONITORED = b'{"response":"failed","info":"host \\"web-01\\" not monitored"}'


class Peer:
    """Says one thing to whoever asks, and keeps what it was asked."""

    def __init__(self, says: bytes) -> None:
        self.says = says
        self.asked: list[dict[str, object]] = []

    def script(self, connection: Connection) -> None:
        request = connection.read_request()
        magic, flags, length, reserved = struct.unpack("<4sBII", request[:13])
        assert (magic, flags, reserved) == (b"ZBXD", 1, 0)
        assert length == len(request) - 13
        self.asked.append(json.loads(request[13:]))
        connection.send(self.says)


def register(*peers: Peer, registration: Registration = WEB) -> Registered | Deferred:
    """Of one destination with so many nodes."""
    servers = [ScriptedServer(peer.script) for peer in peers]
    nodes = [server.__enter__().node for server in servers]
    try:
        return Sender(nodes, PATIENT_S, Clock()).register(registration)
    finally:
        for server in servers:
            server.__exit__(None, None, None)


def test_the_request_is_an_agents() -> None:
    peer = Peer(packet(CHECKS))
    answer = register(peer)
    assert isinstance(answer, Registered)
    assert answer.known
    assert peer.asked == [{"request": "active checks", "host": "web-01", "host_metadata": "tcpwatchd linux"}]


def test_an_interface_is_told_where_one_is_configured() -> None:
    peer = Peer(packet(CHECKS))
    register(peer, registration=Registration("web-01", "m", "192.0.2.9"))
    assert peer.asked[0]["interface"] == "192.0.2.9"


@pytest.mark.parametrize(
    ("body", "known", "words"),
    [
        (CHECKS, True, ""),
        (NOT_FOUND, False, "host [web-01] not found"),
        (NOT_MONITORED, False, 'host "web-01" not monitored'),
    ],
)
def test_what_answers_mean(body: bytes, known: bool, words: str) -> None:
    assert parse(NODE, body) == Registered("192.0.2.1:10051", known, words)


def test_an_agents_hundreds_of_checks_are_read_to_their_end() -> None:
    item = {"key": "x" * 100, "delay": 60, "lastlogsize": 0, "mtime": 0}
    answer = register(Peer(packet(json.dumps({"response": "success", "data": [item] * 3000}).encode())))
    assert isinstance(answer, Registered)
    assert answer.known


def test_a_redirect_is_followed_to_the_proxy_of_the_host() -> None:
    proxy = Peer(packet(CHECKS))
    with ScriptedServer(proxy.script) as there:
        said = {"response": "failed", "redirect": {"revision": 3, "address": str(there.node)}}
        answer = register(Peer(packet(json.dumps(said).encode())))
    assert isinstance(answer, Registered)
    assert answer.known
    assert len(proxy.asked) == 1


def test_of_a_failover_pair_each_is_asked_until_one_knows_it() -> None:
    first, second = Peer(packet(NOT_FOUND)), Peer(packet(CHECKS))
    answer = register(first, second)
    assert isinstance(answer, Registered)
    assert answer.known
    assert (len(first.asked), len(second.asked)) == (1, 1)


def test_nobody_there_is_a_reason_and_what_to_do(nobody: Node) -> None:
    answer = Sender([nobody], PATIENT_S, Clock()).register(WEB)
    assert isinstance(answer, Deferred)
    assert answer.reason == "refused the connection"
    assert answer.todo


@given(
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from([CHECKS, NOT_FOUND]).flatmap(
            lambda body: st.integers(0, len(body) - 1).map(lambda at: body[:at] + body[at + 1 :])
        ),
    )
)
def test_whatever_is_answered_is_one_of_three(body: bytes) -> None:
    assert isinstance(parse(NODE, body), (Registered, Redirect, Deferred))
