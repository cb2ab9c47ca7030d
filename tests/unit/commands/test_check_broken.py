"""`check --connect` against servers that are broken in fifteen ways: each is named, with what to do."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.metrics.catalogue import CATALOGUE
from tests.lab.certificates import Authority
from tests.lab.processes import tcpwatchd
from tests.lab.scripted_server import HEADER, Connection, Script, ScriptedServer
from tests.lab.sender_peers import (
    answers,
    counted,
    never_answers,
    reads_and_ends,
    resets_after_the_request,
    said,
)
from tests.lab.tls_peers import Papers, by_certificate, by_psk, make_papers, secured
from tests.lab.zabbix_stand.processes import free_port


@dataclass(frozen=True)
class Broken:
    """What is wrong with a server, and what has to be said of it. `tls` is the client's side in YAML."""

    script: Callable[[Papers], Script]
    says: str
    tls: str = ""


def takes_none(connection: Connection) -> None:
    request = connection.read_request()
    if request:
        rows = len(json.loads(request[HEADER.size :])["data"])
        connection.send(counted(0, rows, rows))


def miscounts(connection: Connection) -> None:
    if connection.read_request():
        connection.send(counted(1, 0, 1))


def wants_tls(papers: Papers) -> Script:
    return secured(by_certificate(papers.server), never_answers)


def of_another_authority(papers: Papers) -> Script:
    stranger = Authority(papers.authority.cert.parent / "stranger").issue("zabbix", "127.0.0.1")
    return secured(by_certificate(stranger), takes_none)


CERT = "tls: {{connect: cert, ca_file: {ca}, cert_file: {cert}, key_file: {key}{more}}}"
PSK = "tls: {{connect: psk, psk_identity: web-01, psk_file: {psk}}}"
BROKEN = {
    "accepts and says nothing": Broken(lambda _: never_answers, "took longer than zabbix.timeout"),
    "reads and ends": Broken(lambda _: reads_and_ends, "closed the connection without an answer"),
    "resets": Broken(lambda _: resets_after_the_request, "broke the connection: Connection reset by peer"),
    "is a web server": Broken(
        lambda _: answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "something that is not Zabbix's protocol"
    ),
    "is shutting down": Broken(
        lambda _: answers(said({"response": "failed", "info": "Zabbix server is shutting down"})),
        "Zabbix server is shutting down",
    ),
    "does not know the host": Broken(lambda _: takes_none, "refused every value of host h"),
    "answers for fewer values": Broken(lambda _: miscounts, "gave an answer that does not add up"),
    # What it can say of plain bytes depends on its TLS library; ours leaves them unread.
    "wants TLS": Broken(wants_tls, "broke the connection: Connection reset by peer"),
    "has a certificate of another authority": Broken(
        of_another_authority, "shows a certificate that no authority", CERT
    ),
    "has a certificate for another name": Broken(
        lambda papers: secured(by_certificate(papers.server), takes_none),
        "other.example.com",
        CERT.replace("{more}", ", server_name: other.example.com"),
    ),
    "knows only keys, and another one": Broken(
        lambda _: secured(by_psk({"web-01": b"x" * 32}), takes_none), "key", PSK
    ),
}


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    directory = tmp_path_factory.mktemp("papers")
    (directory / "stranger").mkdir()
    return make_papers(directory)


def report(directory: Path, server: str, tls: str = "") -> str:
    path = directory / "c.yaml"
    (directory / "spool").mkdir(exist_ok=True)
    path.write_text(
        f'zabbix:\n  servers: ["{server}"]\n  host: h\n  timeout: 1s\n  {tls}\n'
        f"spool: {{path: {directory}/spool/s.db}}\n",
        encoding="utf-8",
    )
    ran = tcpwatchd("check", "--connect", "-c", str(path))
    assert ran.returncode == 1, ran.stdout + ran.stderr
    (failure,) = [line for line in ran.stdout.splitlines() if line.startswith("FAIL")]
    assert re.fullmatch(r"FAIL  \S+: .+ -> .+", failure), failure
    return failure


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_server_that(name: str, papers: Papers, tmp_path: Path) -> None:
    broken = BROKEN[name]
    psk = tmp_path / "psk"
    psk.write_text("a1" * 32, encoding="ascii")
    psk.chmod(0o600)
    tls = broken.tls.format(
        ca=papers.authority.cert, cert=papers.client.cert, key=papers.client.key, psk=psk, more=""
    )
    with ScriptedServer(broken.script(papers)) as server:
        failure = report(tmp_path, str(server.node), tls)
    assert broken.says in failure


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    assert "refused the connection" in report(tmp_path, f"127.0.0.1:{free_port()}")


def test_a_name_that_is_none(tmp_path: Path) -> None:
    assert "the name no-such-host.invalid cannot be resolved" in report(tmp_path, "no-such-host.invalid")


def test_an_address_where_nobody_answers(tmp_path: Path) -> None:
    with ExitStack() as held:
        # A listener whose accept queue is full drops what comes, as a firewall does.
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            asking = held.enter_context(socket.socket())
            asking.setblocking(False)
            asking.connect_ex(listener.getsockname())
        assert "did not answer the connection in time" in report(
            tmp_path, f"127.0.0.1:{listener.getsockname()[1]}"
        )


def test_items_that_are_missing(tmp_path: Path) -> None:
    items = {key: metric.value_type for key, metric in CATALOGUE.items()}
    del items["tcpwatchd.self[rss]"]
    with Trapper("h", items) as trapper:
        assert "refuses tcpwatchd.self[rss]" in report(tmp_path, trapper.address)
