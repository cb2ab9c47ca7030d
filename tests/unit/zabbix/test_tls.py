"""Certificates: a batch goes to the right server only, and what is wrong with another one is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tcpwatchd.model.batch import Deferred, Delivered
from tcpwatchd.model.clock import Clock
from tcpwatchd.zabbix.sender import Sender
from tcpwatchd.zabbix.tls_handshake import open_channel
from tests.lab.certificates import Authority
from tests.lab.scripted_server import Connection, Script, ScriptedServer
from tests.lab.sender_peers import BATCH, GOOD, PATIENT_S, answers
from tests.lab.tls_peers import (
    V1_2,
    V1_3,
    Papers,
    by_certificate,
    delivered_to,
    make_papers,
    refused_by,
    secured,
)

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return make_papers(tmp_path_factory.mktemp("papers"))


def in_two(connection: Connection) -> None:
    """The answer in two records, in the middle of its header."""
    connection.read_request()
    connection.send(GOOD[:7])
    connection.send(GOOD[7:])


@pytest.mark.parametrize("version", [None, V1_2, V1_3])
@pytest.mark.parametrize("script", [answers(GOOD), in_two])
def test_a_server_of_the_authority_gets_the_batch(papers: Papers, version: None, script: Script) -> None:
    context = by_certificate(papers.server, papers.authority.cert, version)
    assert isinstance(delivered_to(secured(context, script), papers.settings), Delivered)


@pytest.mark.parametrize(
    "demand",
    [
        {"server_name": "zabbix.example.com"},
        {"server_name": "127.0.0.1"},
        {"server_issuer": r"CN=tcpwatch test CA,O=tcpwatch\, test"},
        {"server_subject": r"CN=zabbix,O=tcpwatch\, test"},
    ],
)
def test_a_server_that_meets_a_demand_gets_the_batch(papers: Papers, demand: dict[str, str]) -> None:
    script = secured(by_certificate(papers.server), answers(GOOD))
    assert isinstance(delivered_to(script, replace(papers.settings, **demand)), Delivered)


@pytest.mark.parametrize(
    ("demand", "reason", "todo"),
    [
        ({"server_name": "zabbix"}, "a certificate that is not for the name zabbix", "subjectAltName"),
        ({"server_name": "127.0.0.2"}, "a certificate that is not for the name 127.0.0.2", "subjectAltName"),
        (
            {"server_issuer": "CN=tcpwatch test CA"},
            r"shows a certificate whose issuer is CN=tcpwatch test CA,O=tcpwatch\, test, not "
            "CN=tcpwatch test CA",
            "zabbix.tls.server_issuer",
        ),
        (
            {"server_subject": r"O=tcpwatch\, test,CN=zabbix"},
            r"shows a certificate whose subject is CN=zabbix,O=tcpwatch\, test, "
            r"not O=tcpwatch\, test,CN=zabbix",
            "zabbix.tls.server_subject",
        ),
    ],
)
def test_a_server_that_does_not_meet_a_demand_gets_nothing(
    papers: Papers, demand: dict[str, str], reason: str, todo: str
) -> None:
    brought: list[bytes] = []

    def script(connection: Connection) -> None:
        connection.secure(by_certificate(papers.server))
        connection.hold()
        brought.append(connection.received)

    outcome = refused_by(script, replace(papers.settings, **demand))
    assert reason in outcome.reason
    assert todo in outcome.todo
    assert not any(brought)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("expired", "shows a certificate that has expired"),
        ("early", "shows a certificate that is not valid yet"),
        ("stranger", "shows a certificate that no authority in"),
        ("impostor", "shows a certificate that no authority in"),
    ],
)
def test_a_certificate_that_is_no_good_is_named(
    papers: Papers, wrong: str, reason: str, tmp_path: Path
) -> None:
    others = {"stranger": "another CA", "impostor": "tcpwatch test CA"}
    signer = Authority(tmp_path, others[wrong]) if wrong in others else papers.authority
    days = {"expired": (-9, -2), "early": (2, 9)}.get(wrong, (-1, 9))
    pair = signer.issue(wrong, from_day=days[0], to_day=days[1])
    outcome = refused_by(secured(by_certificate(pair), answers(GOOD)), papers.settings)
    assert reason in outcome.reason
    assert outcome.todo


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_a_server_that_wants_a_certificate_and_gets_none(papers: Papers, version: None) -> None:
    context = by_certificate(papers.server, papers.authority.cert, version)
    bare = replace(papers.settings, cert_file=None, key_file=None)
    outcome = refused_by(secured(context, answers(GOOD)), bare)
    assert "a Zabbix server asks for a certificate: set zabbix.tls.cert_file" in outcome.todo


def test_an_end_after_the_handshake_asks_about_the_certificate(papers: Papers) -> None:
    """A Zabbix server looks at it when the handshake is over, and closes."""

    def ends(connection: Connection) -> None:
        connection.read_request()

    outcome = refused_by(secured(by_certificate(papers.server), ends), papers.settings)
    assert outcome.reason == "closed the connection without an answer"
    assert f"has the authority in TLSCAFile of the server signed {papers.client.cert}" in outcome.todo


def test_files_that_went_away_are_a_reason_and_come_back(papers: Papers, tmp_path: Path) -> None:
    moved = tmp_path / "ca.pem"
    with ScriptedServer(secured(by_certificate(papers.server), answers(GOOD))) as server:
        channel = open_channel(replace(papers.settings, ca_file=str(moved)))
        sender = Sender([server.node], PATIENT_S, Clock(), channel=channel)
        outcome = sender.deliver(BATCH)
        assert isinstance(outcome, Deferred)
        assert f"zabbix.tls.ca_file: {moved} cannot be read: No such file or directory" in outcome.reason
        moved.write_bytes(papers.authority.cert.read_bytes())
        assert isinstance(sender.deliver(BATCH), Delivered)
