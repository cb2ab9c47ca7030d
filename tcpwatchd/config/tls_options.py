"""The configuration keys of TLS, rows of `options.OPTIONS`.

Alone knows these rows. What one of them demands of another is `tls`'.
"""

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
        "psk: the name of the key, as it stands at the host in Zabbix. It is sent in the clear.",
        example="web-01",
    ),
    Option(
        "zabbix.tls.psk_file",
        None,
        value_parsers.path,
        "psk: a file with the key, 32 to 512 hexadecimal digits, readable by the daemon alone.",
        example="/etc/tcpwatchd/zabbix.psk",
    ),
    Option(
        "zabbix.tls.ca_file",
        None,
        value_parsers.path,
        "cert: the authorities one of which must have signed the server's certificate, in PEM form.",
        example="/etc/tcpwatchd/ca.pem",
    ),
    Option(
        "zabbix.tls.cert_file",
        None,
        value_parsers.path,
        "cert: the certificate of this host, without which no Zabbix server talks, and those between it and "
        "its authority.",
        example="/etc/tcpwatchd/host.pem",
    ),
    Option(
        "zabbix.tls.key_file",
        None,
        value_parsers.path,
        "cert: the private key of that certificate, without a passphrase, readable by the daemon alone.",
        example="/etc/tcpwatchd/host.key",
    ),
    Option(
        "zabbix.tls.server_name",
        None,
        value_parsers.server_name,
        "cert: a host name or address that the server's certificate must be made for (subjectAltName). "
        "Without it, as with Zabbix's agent, any certificate of the authority is good.",
        example="zabbix.example.com",
    ),
    Option(
        "zabbix.tls.server_issuer",
        None,
        value_parsers.distinguished_name,
        "cert: the issuer that the server's certificate must have, to the letter, as in the agent's "
        "TLSServerCertIssuer: RFC 4514, most specific part first.",
        example='"CN=Example CA,O=Example"',
    ),
    Option(
        "zabbix.tls.server_subject",
        None,
        value_parsers.distinguished_name,
        "cert: the subject that it must have, in the same form; the agent's TLSServerCertSubject.",
        example='"CN=zabbix,O=Example"',
    ),
)
