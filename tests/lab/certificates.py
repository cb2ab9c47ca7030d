"""Certificates for tests: an authority, and what it signs, good or not.

What is wrong with one is for the tests to say.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    cert: Path
    key: Path


class Authority:
    """Signs; its own certificate is the file `cert`. RSA, because Zabbix servers of Debian take no other."""

    def __init__(self, directory: Path, name: str = "tcpwatch test CA") -> None:
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self._name = _name(name)
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        basic = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._signed(self._name, self._key.public_key(), -1, 30, [basic])
        self.cert = directory / "ca.pem"
        self.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, *names: str, from_day: int = -1, to_day: int = 30, passphrase: bytes = b""
    ) -> Pair:
        """A certificate CN=name, made for `names` (hosts, addresses), valid between two days from now."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        extensions = [x509.SubjectAlternativeName([_made_for(each) for each in names])] if names else []
        certificate = self._signed(_name(name), key.public_key(), from_day, to_day, extensions)
        pair = Pair(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        pair.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret = (
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        )
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
        )
        return pair

    def _signed(
        self,
        subject: x509.Name,
        public_key: rsa.RSAPublicKey,
        from_day: int,
        to_day: int,
        extensions: list[x509.BasicConstraints] | list[x509.SubjectAlternativeName],
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + from_day * _DAY)
            .not_valid_after(now + to_day * _DAY)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "tcpwatch, test"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _made_for(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
