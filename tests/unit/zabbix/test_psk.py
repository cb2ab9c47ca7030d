"""Pre-shared keys: a batch goes to who knows the key, and to nobody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tcpwatchd.model.batch import Delivered
from tcpwatchd.model.clock import Clock
from tcpwatchd.zabbix.exchange import Exchange
from tcpwatchd.zabbix.tls import TlsSettings
from tcpwatchd.zabbix.tls_handshake import open_channel
from tests.lab.certificates import Authority
from tests.lab.scripted_server import Connection, ScriptedServer
from tests.lab.sender_peers import GOOD, PATIENT_S, answers
from tests.lab.tls_peers import V1_3, by_certificate, by_psk, delivered_to, refused_by, require_psk, secured

pytestmark = pytest.mark.filterwarnings("error")

KEY, OTHER = b"\x1f" * 32, b"\x2e" * 32


@pytest.fixture
def settings(tmp_path: Path) -> TlsSettings:
    require_psk()
    path = tmp_path / "key.psk"
    path.write_text(f"{KEY.hex()}\n")
    return TlsSettings("psk", psk_identity="web-01", psk_file=str(path))


@pytest.mark.parametrize("length", [16, 32, 256])
def test_who_knows_the_key_gets_the_batch(settings: TlsSettings, length: int, tmp_path: Path) -> None:
    key = bytes(range(length % 256)) or bytes(range(256))
    (tmp_path / "key.psk").write_text(key.hex().upper())
    script = secured(by_psk({"web-01": key}), answers(GOOD))
    assert isinstance(delivered_to(script, settings), Delivered)


def test_the_connection_has_forward_secrecy_where_the_server_can(settings: TlsSettings) -> None:
    def holds(connection: Connection) -> None:
        connection.hold()

    with ScriptedServer(secured(by_psk({"web-01": KEY}), holds)) as server:
        exchange = Exchange(PATIENT_S, Clock().steady_s, channel=open_channel(settings))
        exchange.connect((server.node.host, server.node.port))
        assert exchange.described() == "TLSv1.2, ECDHE-PSK-AES128-CBC-SHA256, PSK"
        exchange.close()


@pytest.mark.parametrize("known", [{"web-01": OTHER}, {"web-02": KEY}, {}])
def test_another_key_or_an_unknown_identity_says_what_to_compare(
    settings: TlsSettings, known: dict[str, bytes]
) -> None:
    outcome = refused_by(secured(by_psk(known), answers(GOOD)), settings)
    assert "TLS" in outcome.reason
    assert "does a host in Zabbix have the PSK identity web-01" in outcome.todo
    assert KEY.hex() not in outcome.reason + outcome.todo


def test_a_bare_end_of_file_says_so_too(settings: TlsSettings) -> None:
    """This is what a Zabbix server does, whatever it is that it dislikes."""

    def ends(connection: Connection) -> None:
        connection.hold(0.1)

    outcome = refused_by(ends, settings)
    assert outcome.reason == "ended the TLS handshake without a word"
    assert "very key of zabbix.tls.psk_file" in outcome.todo


@pytest.mark.parametrize("version", [None, V1_3])
def test_a_certificate_is_no_way_round_the_key(settings: TlsSettings, version: None, tmp_path: Path) -> None:
    """With TLS 1.3 a server may choose a certificate whatever the ciphers say, and nobody would check it."""
    pair = Authority(tmp_path / "ca").issue("evil")
    brought: list[bytes] = []

    def script(connection: Connection) -> None:
        connection.secure(by_certificate(pair, only=version))
        brought.append(connection.read_request())
        connection.send(GOOD)

    refused_by(script, settings)
    assert not any(brought)


def test_without_the_extra_an_older_python_is_told_what_to_install(
    settings: TlsSettings, tmp_path: Path
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        f"zabbix:\n  tls:\n    connect: psk\n    psk_identity: web-01\n    psk_file: {settings.psk_file}\n"
    )
    program = (
        "import sys\nsys.modules['sslpsk3'] = None\nfrom tcpwatchd.commands.cli import main\n"
        f"sys.exit(main(['check', '-c', {str(path)!r}]))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    if sys.version_info >= (3, 13):
        assert (ran.returncode, ran.stderr) == (0, "")
    else:
        assert ran.returncode == 78
        assert ran.stderr.startswith(f"{path}:3: zabbix.tls.connect: psk needs a package with Python 3.")
        assert "pip install 'tcpwatchd[psk]'" in ran.stderr
