"""Makes an SSLContext of TLS settings, and explains what is wrong with certificate, key and PSK files.

Before Python 3.13 a PSK needs the package sslpsk3: it serves Python 3.9 too and lets the handshake keep our
deadline. openssl-psk needs no compiler, but Python 3.10, and does the whole handshake in one call. Sources:
Python's ssl module; OpenSSL, ciphers(1).
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from tcpwatchd.model.errors import TcpwatchdError
from tcpwatchd.zabbix.tls import PSK, TlsSettings, key_of

_FILES = ("ca_file", "cert_file", "key_file", "psk_file")

# Forward secrecy where the server has it. None of these suites involves a certificate.
_PSK_CIPHERS = "kECDHEPSK:kPSK:!NULL"


class TlsFileError(TcpwatchdError):
    """TLS as configured cannot be had here; `problems` are pairs of a key and what is wrong with it."""

    def __init__(self, *problems: tuple[str, str]) -> None:
        super().__init__("; ".join(f"zabbix.tls.{key}: {message}" for key, message in problems))
        self.problems = problems


def open_context(settings: TlsSettings) -> ssl.SSLContext:
    """Everything that a handshake needs, from files as they are now. TlsFileError if that is not enough."""
    unreadable = [
        (key, f"{path} cannot be read: {reason}")
        for key, path in settings.given()
        if key in _FILES and (reason := _unreadable(path))
    ]
    if unreadable:
        raise TlsFileError(*unreadable)
    context = _psk_context(settings) if settings.connect == PSK else _cert_context(settings)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _unreadable(path: str) -> str:
    try:
        Path(path).read_bytes()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _cert_context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # with CERT_REQUIRED
    # Names are checked where one is given, and then against what certificates have for it today.
    context.check_hostname = settings.server_name is not None
    context.hostname_checks_common_name = False
    _load_authority(context, "ca_file", settings.ca_file)
    if settings.cert_file and settings.key_file:
        # load_cert_chain does not say which of the two files it does not understand.
        _load_authority(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "cert_file", settings.cert_file)
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file, password=_no_passphrase)
        except ssl.SSLError as error:
            raise TlsFileError(("key_file", _key_problem(settings, error))) from error
        except (OSError, ValueError) as error:
            raise TlsFileError(("key_file", f"{settings.key_file} {error}")) from error
    return context


def _load_authority(context: ssl.SSLContext, key: str, path: str | None) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise TlsFileError((key, f"{path} holds no certificate in PEM form")) from error


def _no_passphrase() -> str:
    raise ValueError("is protected by a passphrase, which a daemon cannot type; give it one without")


def _key_problem(settings: TlsSettings, error: ssl.SSLError) -> str:
    if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"):
        return f"{settings.key_file} is not the key of {settings.cert_file}"
    if error.reason and error.reason.endswith("TOO_SMALL"):
        return f"{settings.key_file} is too weak for this host's OpenSSL: {error.reason}"
    return f"{settings.key_file} holds no private key in PEM form"


def _psk_context(settings: TlsSettings) -> ssl.SSLContext:
    try:
        key = key_of(Path(settings.psk_file or "").read_text(encoding="ascii"))
    except UnicodeDecodeError as error:
        raise TlsFileError(("psk_file", f"{settings.psk_file} does not hold hexadecimal digits")) from error
    except ValueError as error:
        raise TlsFileError(("psk_file", f"{settings.psk_file} {error}")) from error
    identity = settings.psk_identity or ""
    context = _context_with_psk(lambda _hint: (identity, key))
    context.check_hostname = False
    # Still CERT_REQUIRED, and no authority trusted: with a certificate in place of the key nobody gets in.
    # TLS 1.3 would allow that in spite of the ciphers, and Zabbix needs it for nothing.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_PSK_CIPHERS)
    return context


def _context_with_psk(answer: Callable[[str | None], tuple[str, bytes]]) -> ssl.SSLContext:
    if sys.version_info >= (3, 13):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.set_psk_client_callback(answer)
        except NotImplementedError as error:
            raise TlsFileError(("connect", "psk is not supported by this host's OpenSSL")) from error
        return context
    try:
        from sslpsk3 import SSLPSKContext  # noqa: PLC0415 - an extra, for those who want PSK
    except ImportError as error:
        version = ".".join(map(str, sys.version_info[:2]))
        raise TlsFileError(
            (
                "connect",
                f"psk needs a package with Python {version}: pip install 'tcpwatchd[psk]' (Python 3.13 and "
                "later need none)",
            )
        ) from error
    psk_context: ssl.SSLContext = SSLPSKContext(ssl.PROTOCOL_TLS_CLIENT)
    psk_context.set_psk_client_callback(answer)  # type: ignore[attr-defined,unused-ignore] # 3.13's, brought back
    return psk_context
