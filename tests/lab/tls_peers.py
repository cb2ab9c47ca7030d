"""TLS servers for tests, and a batch delivered to them."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tcpwatchd.model.batch import Deferred, Outcome
from tcpwatchd.model.clock import Clock
from tcpwatchd.zabbix.sender import Sender
from tcpwatchd.zabbix.tls import TlsSettings
from tcpwatchd.zabbix.tls_handshake import open_channel
from tests.lab.certificates import Authority, Pair
from tests.lab.requirements import require
from tests.lab.scripted_server import Connection, Script, ScriptedServer
from tests.lab.sender_peers import BATCH, PATIENT_S

V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def by_certificate(
    pair: Pair, clients: Path | None = None, only: ssl.TLSVersion | None = None
) -> ssl.SSLContext:
    """Shows this certificate, and asks for one of the authority `clients` if that is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    if only:
        context.minimum_version = context.maximum_version = only
    return context


def by_psk(keys: Mapping[str, bytes]) -> ssl.SSLContext:
    """Knows these identities with their keys, as a Zabbix server does."""

    def key_of(identity: str | None) -> bytes:
        return keys.get(identity or "", b"")

    if sys.version_info >= (3, 13):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_psk_server_callback(key_of)
    else:
        require_psk()
        from sslpsk3 import SSLPSKContext  # noqa: PLC0415 - optional

        context: ssl.SSLContext = SSLPSKContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_psk_server_callback(key_of)  # type: ignore[attr-defined,unused-ignore] # 3.13's
    context.maximum_version = V1_2
    context.set_ciphers("ECDHE-PSK-AES128-CBC-SHA256:PSK-AES128-GCM-SHA256")  # Zabbix's, by its priorities
    return context


def require_psk() -> None:
    """Goes on only where tcpwatchd can do PSK."""
    if sys.version_info < (3, 13):
        try:
            import sslpsk3  # noqa: F401, PLC0415 - optional
        except ImportError:
            require(False, "the extra tcpwatchd[psk] is not installed; it needs a C compiler and headers")


def secured(context: ssl.SSLContext, script: Script) -> Script:
    """The script, inside TLS."""

    def over_tls(connection: Connection) -> None:
        connection.secure(context)
        script(connection)

    return over_tls


@dataclass(frozen=True)
class Papers:
    """What the tests show one another."""

    authority: Authority
    server: Pair
    client: Pair

    @property
    def settings(self) -> TlsSettings:
        """A client's that trusts the authority and has a certificate of it."""
        return TlsSettings(
            "cert",
            ca_file=str(self.authority.cert),
            cert_file=str(self.client.cert),
            key_file=str(self.client.key),
        )


def make_papers(directory: Path) -> Papers:
    """A server's certificate for zabbix.example.com and 127.0.0.1, and a client's."""
    authority = Authority(directory)
    server = authority.issue("zabbix", "zabbix.example.com", "127.0.0.1")
    return Papers(authority, server, authority.issue("client"))


def delivered_to(script: Script, settings: TlsSettings, timeout_s: float = PATIENT_S) -> Outcome:
    with ScriptedServer(script) as server:
        return Sender([server.node], timeout_s, Clock(), channel=open_channel(settings)).deliver(BATCH)


def refused_by(script: Script, settings: TlsSettings, timeout_s: float = PATIENT_S) -> Deferred:
    outcome = delivered_to(script, settings, timeout_s)
    assert isinstance(outcome, Deferred)
    return outcome
