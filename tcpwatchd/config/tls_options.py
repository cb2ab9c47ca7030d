"""The rows of `options.OPTIONS` for TLS."""

from __future__ import annotations

from tcpwatchd.config import value_parsers
from tcpwatchd.config.value_parsers import Option
from tcpwatchd.zabbix.tls import CERT, PSK, UNENCRYPTED

TLS_OPTIONS: tuple[Option, ...] = (
    Option(
        "zabbix.tls.connect",
        UNENCRYPTED,
        value_parsers.one_of(UNENCRYPTED, PSK, CERT),
        "How the connection is protected, as allowed for the host in Zabbix (Encryption, Connections from "
        "host): unencrypted, psk (a key that both sides know) or cert (certificates).",
    ),
    Option(
        "zabbix.tls.psk_identity",
        None,
        value_parsers.psk_identity,
        "psk: the identity of the key, as configured for the host in Zabbix. It is sent unencrypted.",
        example="web-01",
    ),
    Option(
        "zabbix.tls.psk_file",
        None,
        value_parsers.path,
        "psk: a file with the key, 32 to 512 hexadecimal digits, readable only by the daemon.",
        example="/etc/tcpwatchd/zabbix.psk",
    ),
    Option(
        "zabbix.tls.ca_file",
        None,
        value_parsers.path,
        "cert: the CA certificates (PEM). One of them must have signed the server's certificate.",
        example="/etc/tcpwatchd/ca.pem",
    ),
    Option(
        "zabbix.tls.cert_file",
        None,
        value_parsers.path,
        "cert: the certificate of this host, followed by the intermediate certificates. Zabbix servers "
        "require it.",
        example="/etc/tcpwatchd/host.pem",
    ),
    Option(
        "zabbix.tls.key_file",
        None,
        value_parsers.path,
        "cert: the private key of that certificate, without a passphrase, readable only by the daemon.",
        example="/etc/tcpwatchd/host.key",
    ),
    Option(
        "zabbix.tls.server_name",
        None,
        value_parsers.server_name,
        "cert: host name or address that must be in the server's certificate (subjectAltName). Without it "
        "any certificate of the CA is accepted, as by the Zabbix agent.",
        example="zabbix.example.com",
    ),
    Option(
        "zabbix.tls.server_issuer",
        None,
        value_parsers.distinguished_name,
        "cert: the exact issuer of the server's certificate, as the agent's TLSServerCertIssuer: RFC 4514, "
        "most specific part first.",
        example='"CN=Example CA,O=Example"',
    ),
    Option(
        "zabbix.tls.server_subject",
        None,
        value_parsers.distinguished_name,
        "cert: the exact subject of the server's certificate, as the agent's TLSServerCertSubject.",
        example='"CN=zabbix,O=Example"',
    ),
)
