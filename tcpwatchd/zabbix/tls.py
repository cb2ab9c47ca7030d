"""TLS settings: which belong together, and how names and keys are written.

`zabbix.tls.*` is like the agent's TLSConnect, TLSCAFile and so on. A distinguished name is written as in RFC
4514, most specific part first. This file does not import ssl, so a configuration without TLS does not load
it. Source: Zabbix manual, "Encryption".
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

UNENCRYPTED, PSK, CERT = "unencrypted", "psk", "cert"

_OF_CERT = ("ca_file", "cert_file", "key_file", "server_name", "server_issuer", "server_subject")
_OF_PSK = ("psk_identity", "psk_file")
_SECRETS = ("key_file", "psk_file")

# Zabbix's bounds: 128 to 2048 bits.
_KEY = re.compile(r"(?:[0-9A-Fa-f]{2}){16,256}")

# OpenSSL's long names → the keywords of RFC 4514, and what OpenSSL itself writes for others that are usual.
_KEYWORDS = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "street",
    "domainComponent": "DC",
    "userId": "UID",
    "surname": "SN",
    "givenName": "GN",
}


@dataclass(frozen=True)
class TlsSettings:
    """How a connection is protected. The fields are the keys of `zabbix.tls`; files by their path."""

    connect: str = UNENCRYPTED
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    server_issuer: str | None = None
    server_subject: str | None = None
    psk_identity: str | None = None
    psk_file: str | None = None

    def given(self) -> Iterator[tuple[str, str]]:
        """The keys that have a value, `connect` left out."""
        for field in fields(self):
            value: str | None = getattr(self, field.name)
            if value is not None and field.name != "connect":
                yield field.name, value


def contradictions(settings: TlsSettings) -> Iterator[tuple[str, str]]:
    """What does not go together: key and the second half of a sentence."""
    belongs = {UNENCRYPTED: (), PSK: _OF_PSK, CERT: _OF_CERT}[settings.connect]
    # Not passed over: who gives a key file and forgets `connect` would send in the clear.
    for key, _ in settings.given():
        if key not in belongs:
            kind = PSK if key in _OF_PSK else CERT
            yield key, f"is of use only with connect: {kind}, but zabbix.tls.connect is {settings.connect}"
    if settings.connect == PSK and not (settings.psk_identity and settings.psk_file):
        yield "connect", "psk needs both psk_identity and psk_file, as they stand at the host in Zabbix"
    if settings.connect == CERT:
        if not settings.ca_file:
            yield (
                "connect",
                "cert needs ca_file: the authority whose signature the server's certificate bears",
            )
        if settings.cert_file and not settings.key_file:
            yield "cert_file", "needs key_file, the private key of this certificate"
        if settings.key_file and not settings.cert_file:
            yield "key_file", "needs cert_file, the certificate of this key"


def key_of(text: str) -> bytes:
    """The pre-shared key that a file's text stands for. ValueError says what is wrong, never the text."""
    digits = text.strip()
    if not _KEY.fullmatch(digits):
        raise ValueError("does not hold a key: one line of 32 to 512 hexadecimal digits, an even number")
    return bytes.fromhex(digits)


def warnings(settings: TlsSettings) -> list[str]:
    """A sentence for each secret file that more people can read than should."""
    # What systemd's LoadCredential hands over is private, though an access list looks like group rights.
    handed_over = os.environ.get("CREDENTIALS_DIRECTORY")
    sentences = []
    for key, path in settings.given():
        if key not in _SECRETS or (handed_over and Path(path).parent == Path(handed_over)):
            continue
        try:
            mode = stat.S_IMODE(Path(path).stat().st_mode)
        except OSError:
            continue  # that it cannot be read is an error, and said as one
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            sentences.append(
                f"zabbix.tls.{key}: {path} can be read by others than its owner (mode {mode:04o}) -> "
                f"chmod 600 {path}, owned by the user that tcpwatchd runs as"
            )
    return sentences


def name_text(name: Iterable[Iterable[tuple[str, str]]]) -> str:
    """A subject or issuer, in the form of SSLSocket.getpeercert(), as RFC 4514 text."""
    return ",".join(
        "+".join(f"{_KEYWORDS.get(kind, kind)}={_escaped(value)}" for kind, value in part)
        for part in reversed(list(name))
    )


def _escaped(value: str) -> str:
    """RFC 4514, section 2.4; what cannot be printed is escaped too, so that the text is one line."""
    last = len(value) - 1
    text = ""
    for at, letter in enumerate(value):
        at_an_end = (at in (0, last) and letter == " ") or (at == 0 and letter == "#")
        if letter in '"+,;<>\\' or at_an_end:
            text += f"\\{letter}"
        elif letter.isprintable():
            text += letter
        else:
            text += "".join(f"\\{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
    return text
