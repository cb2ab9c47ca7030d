"""An address and port of a dump's row as ss writes them.

Alone knows the spelling. It takes `inet_ntop` from the socket module, which is C and already there (ipaddress
would be a megabyte), and opens none.
"""

from __future__ import annotations

import socket

from tcpwatchd.kernel.inet_diag import AF_INET

_IPV4_MAPPED = bytes(10) + b"\xff\xff"


def address(family: int, raw: bytes) -> str:
    """The text of sixteen bytes; one that only carries an IPv4 address is written as that."""
    if family == AF_INET:
        return socket.inet_ntop(socket.AF_INET, raw[:4])
    if raw.startswith(_IPV4_MAPPED):
        return socket.inet_ntop(socket.AF_INET, raw[12:16])
    return socket.inet_ntop(socket.AF_INET6, raw[:16])


def endpoint(family: int, raw: bytes, port: bytes) -> str:
    """The same with a port, two bytes in network order."""
    text = address(family, raw)
    number = int.from_bytes(port, "big")
    return f"[{text}]:{number}" if ":" in text else f"{text}:{number}"
