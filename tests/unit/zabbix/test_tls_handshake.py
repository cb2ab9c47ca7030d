"""Whatever the other side does in a handshake or in TLS: a reason in words, in time, nothing left open."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from tcpwatchd.model.batch import Deferred
from tcpwatchd.model.clock import Clock
from tcpwatchd.zabbix.channel import ExchangeError
from tcpwatchd.zabbix.exchange import Exchange
from tcpwatchd.zabbix.sender import Sender
from tcpwatchd.zabbix.tls_handshake import open_channel
from tests.lab.scripted_server import Connection, Script, ScriptedServer
from tests.lab.sender_peers import (
    BATCH,
    GOOD,
    PATIENT_S,
    TIMEOUT_S,
    answers,
    answers_and_holds,
    drips,
    ends_at_once,
    never_answers,
)
from tests.lab.tls_peers import Papers, by_certificate, make_papers, refused_by, secured

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return make_papers(tmp_path_factory.mktemp("papers"))


def reads_what_comes_and_ends(connection: Connection) -> None:
    """As a server without TLS does, and one that dislikes what it was shown."""
    connection.hold(0.1)


def resets(connection: Connection) -> None:
    connection.hold(0.1)
    connection.reset()


def says(data: bytes) -> Script:
    def script(connection: Connection) -> None:
        connection.send(data)
        connection.hold()

    return script


def drips_a_record(connection: Connection) -> None:
    """The head of a handshake record, then a byte of it, a gap, a byte, a gap, …"""
    connection.send(b"\x16\x03\x03\x40\x00")
    drips(bytes(16384), 0.05)(connection)


@pytest.mark.parametrize(
    ("script", "reason", "todo"),
    [
        (ends_at_once, "ended the TLS handshake without a word", "TLSCAFile"),
        (reads_what_comes_and_ends, "ended the TLS handshake without a word", "TLSCAFile"),
        (resets, "ended the TLS handshake without a word", "TLSCAFile"),
        (says(GOOD), "answered with something that is not TLS", "trapper port"),
        (
            says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            "answered with something that is not TLS",
            "trapper port",
        ),
        (says(b"\0" * 64), "answered with something that is not TLS", "trapper port"),
        (says(b"\x15\x03\x01\0\x02\x02\x46"), "speaks no version of TLS that tcpwatchd does", "TLS 1.2"),
        (says(b"\x15\x03\x03\0\x02\x02\x28"), "handshake failure (TLS handshake)", "TLSCAFile"),
        (says(b"\x15\x03\x03\0\x02\x02\x30"), "unknown ca (TLS handshake)", "TLSCAFile"),
    ],
)
def test_a_broken_handshake_says_what_it_may_be(
    papers: Papers, script: Script, reason: str, todo: str
) -> None:
    outcome = refused_by(script, papers.settings)
    assert reason in outcome.reason
    assert todo in outcome.todo


@pytest.mark.parametrize("script", [never_answers, drips_a_record])
def test_a_handshake_that_does_not_end_keeps_the_deadline(papers: Papers, script: Script) -> None:
    outcome = refused_by(script, papers.settings, TIMEOUT_S)
    assert outcome.reason == "took longer than zabbix.timeout (TLS handshake)"


@pytest.mark.parametrize("script", [never_answers, drips(GOOD, 0.05), answers_and_holds(GOOD[:20])])
def test_the_deadline_holds_inside_tls_too(papers: Papers, script: Script) -> None:
    outcome = refused_by(secured(by_certificate(papers.server), script), papers.settings, TIMEOUT_S)
    assert outcome.reason == "took longer than zabbix.timeout (reading)"


def test_a_large_request_to_a_slow_reader_keeps_the_deadline(papers: Papers) -> None:
    """No single record waits long: the sum of them does."""

    def reads_a_megabyte_at_a_time(connection: Connection) -> None:
        connection.secure(by_certificate(papers.server))
        while connection.read(2**20):
            time.sleep(0.1)

    with ScriptedServer(reads_a_megabyte_at_a_time) as server:
        channel = open_channel(papers.settings)
        exchange = Exchange(TIMEOUT_S, Clock().steady_s, channel=channel)
        exchange.connect((server.node.host, server.node.port))
        with pytest.raises(ExchangeError, match=r"took longer than zabbix\.timeout \(sending\)"):
            exchange.sendall(bytes(64 * 2**20))
        exchange.close()


def test_what_fails_leaves_nothing_open(papers: Papers) -> None:
    channel = open_channel(replace(papers.settings, server_name="elsewhere"))
    script = secured(by_certificate(papers.server), answers(GOOD))
    with ScriptedServer(script) as server:
        sender = Sender([server.node], PATIENT_S, Clock(), channel=channel)
        sender.deliver(BATCH)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            assert isinstance(sender.deliver(BATCH), Deferred)
    assert len(os.listdir("/proc/self/fd")) <= before
