"""Encrypts a connected socket with the right server, or raises an ExchangeError that explains the failure.

A Zabbix server ends the connection without an alert, whatever it rejects, so the text names the possible
reasons. Sources: Python's ssl module; observed on 6.0 and 7.0.
"""

from __future__ import annotations

import socket
import ssl

from tcpwatchd.model.printable import one_line
from tcpwatchd.zabbix.channel import HANDSHAKE, NOT_ZABBIX, ExchangeError
from tcpwatchd.zabbix.tls import PSK, UNENCRYPTED, TlsSettings, name_text
from tcpwatchd.zabbix.tls_context import TlsFileError, open_context

_EXPIRED, _NOT_YET, _NO_NAME, _NO_ADDRESS = 10, 9, 62, 64  # X509_V_ERR_… of openssl/x509_vfy.h
# No authority in the file has signed it: another of the same name, self-signed, or the signer is not there.
_UNKNOWN_AUTHORITY = (2, 7, 18, 19, 20, 21)
# What OpenSSL calls bytes that are no TLS at all.
_NO_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "RECORD_LAYER_FAILURE",
    "BAD_RECORD_TYPE",
)
_VERSIONS = ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION")


class TlsChannel:
    """What Exchange asks for protection: one for each destination, used by one thread at a time."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._context: ssl.SSLContext | None = None

    def wrap(self, unconnected: socket.socket) -> ssl.SSLSocket:
        """A TLS socket in its place. Before it connects: one that is reset meanwhile, Python leaves open."""
        try:
            if self._context is None:
                self._context = open_context(self._settings)
        except TlsFileError as error:
            unconnected.close()
            raise ExchangeError(f"cannot be asked: {error.what}", "see `tcpwatchd check`") from error
        return self._context.wrap_socket(
            unconnected, server_hostname=self._settings.server_name, do_handshake_on_connect=False
        )

    def shake_hands(self, connected: socket.socket) -> None:
        """The handshake, and what is demanded of the server beyond it. Its timeout bounds all of it."""
        secured = _secured(connected)
        secured.do_handshake()
        for part, wanted in (
            ("issuer", self._settings.server_issuer),
            ("subject", self._settings.server_subject),
        ):
            # To the letter, as with the agent's TLSServerCertIssuer and TLSServerCertSubject.
            if wanted is not None and (found := _name(secured, part)) != wanted:
                raise ExchangeError(
                    f"shows a certificate whose {part} is {one_line(found)}, not {one_line(wanted)}",
                    f"is this the right server? If so, correct zabbix.tls.server_{part}",
                )

    def described(self, connected: socket.socket) -> str:
        """Version, cipher and peer of a connection, for a person."""
        secured = _secured(connected)
        cipher = secured.cipher()
        peer = "PSK" if self._settings.connect == PSK else f"certificate {_name(secured, 'subject')}"
        return f"{secured.version()}, {cipher[0] if cipher else 'no cipher'}, {one_line(peer)}"

    def told(self, error: OSError, step: str) -> ExchangeError | None:
        """What a failed connection means; None if TLS has no part in it."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._not_verified(error)
        if _is_end(error):
            if step == HANDSHAKE:
                return ExchangeError("ended the TLS handshake without a word", self._likely())
            return ExchangeError(f"broke the encrypted connection ({step})", self.why_no_answer())
        if not isinstance(error, ssl.SSLError):
            return None
        reason = error.reason or ""
        if reason in _NO_TLS:
            return ExchangeError(
                "answered with something that is not TLS", f"does it speak TLS? else {NOT_ZABBIX}"
            )
        if reason in _VERSIONS:
            return ExchangeError(
                "speaks no version of TLS that tcpwatchd does", "it must be able to speak TLS 1.2 or later"
            )
        words = reason.replace("_", " ").lower() or str(error.strerror or error)
        return ExchangeError(f"failed in TLS: {one_line(words)} ({step})", self._likely())

    def why_no_answer(self) -> str:
        """What to do where a server shook hands, and then closed without an answer."""
        if self._settings.connect == PSK:  # then the key was right
            return "its log says why; usual is a server that is shutting down"
        # Zabbix judges a certificate after the handshake is over; in TLS 1.3 everyone does.
        return f"if it is not shutting down, it does not take this host's certificate: {self._likely()}"

    def _not_verified(self, error: ssl.SSLCertVerificationError) -> ExchangeError:
        code = error.verify_code
        if self._settings.connect == PSK:
            return ExchangeError(
                "shows a certificate instead of knowing the pre-shared key",
                "is this the right server? It is not spoken to",
            )
        if code in (_EXPIRED, _NOT_YET):
            what = "has expired" if code == _EXPIRED else "is not valid yet"
            return ExchangeError(
                f"shows a certificate that {what}",
                "renew it (TLSCertFile of the server), or set this host's clock",
            )
        if code in (_NO_NAME, _NO_ADDRESS):
            return ExchangeError(
                f"shows a certificate that is not for the name {self._settings.server_name}",
                "is this the right server? If so, zabbix.tls.server_name must be a subjectAltName of its "
                "certificate; without that key names are not checked",
            )
        if code in _UNKNOWN_AUTHORITY:
            return ExchangeError(
                f"shows a certificate that no authority in {self._settings.ca_file} has signed",
                "is this the right server? If so, put its authority's certificate into zabbix.tls.ca_file",
            )
        return ExchangeError(
            f"shows a certificate that cannot be trusted: {one_line(error.verify_message)}",
            "see TLSCertFile of the server, and zabbix.tls.ca_file here",
        )

    def _likely(self) -> str:
        """What a server may dislike that does not say what it dislikes."""
        if self._settings.connect == PSK:
            return (
                f"does a host in Zabbix have the PSK identity {self._settings.psk_identity} (Encryption) "
                "and the very key of zabbix.tls.psk_file? The server's log tells an unknown identity (error "
                "in password/key file) from another key (decryption has failed); a server without TLS does "
                "the same"
            )
        if self._settings.cert_file is None:
            return (
                "a Zabbix server asks for a certificate: set zabbix.tls.cert_file and key_file. The server's "
                "log says more"
            )
        return (
            f"has the authority in TLSCAFile of the server signed {self._settings.cert_file}, is that still "
            "valid, and does the server have TLSCertFile and TLSKeyFile? Its log says more; a server without "
            "TLS does the same"
        )


def open_channel(settings: TlsSettings) -> TlsChannel | None:
    """The protection that these settings ask for; None for unencrypted."""
    return None if settings.connect == UNENCRYPTED else TlsChannel(settings)


def _secured(connection: socket.socket) -> ssl.SSLSocket:
    if not isinstance(connection, ssl.SSLSocket):
        raise TypeError("not a socket that wrap() has made")
    return connection


def _is_end(error: OSError) -> bool:
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)):
        return True
    return not isinstance(error, ssl.SSLError) and error.errno == 0  # how 3.9 may say it


def _name(secured: ssl.SSLSocket, part: str) -> str:
    certificate = secured.getpeercert() or {}
    return name_text(certificate.get(part, ()))  # type: ignore[arg-type] # typed for all parts at once
