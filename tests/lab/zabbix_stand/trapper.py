"""One question over the Zabbix protocol: what the server knows of a host.

This file alone knows: the request "active checks". It is written anew here, not taken from
tcpwatchd, so that an error in tcpwatchd's own protocol code cannot hide itself.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

HEADER = struct.Struct("<4sBII")  # magic, flags, length, reserved
PLAIN = 1


def active_checks(port: int, host: str, timeout_s: float = 5.0) -> dict[str, Any]:
    """The server's answer; raises OSError where it gives none."""
    request = json.dumps({"request": "active checks", "host": host}).encode()
    with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
        connection.sendall(HEADER.pack(b"ZBXD", PLAIN, len(request), 0) + request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    if len(answer) < HEADER.size:
        raise ConnectionError(f"port {port} closed the connection without an answer")
    result: dict[str, Any] = json.loads(answer[HEADER.size :])
    return result


def answers(port: int) -> bool:
    """Whether a server is at work there."""
    try:
        active_checks(port, "tcpwatchd-is-anybody-there")
    except OSError:
        return False
    return True


def knows(port: int, host: str) -> bool:
    """Whether the server has that host in its configuration cache."""
    info = str(active_checks(port, host).get("info", ""))
    return "not found" not in info


def takes(port: int, host: str) -> bool:
    """Whether the one at `port` takes values of that host itself, as far as it knows already."""
    return active_checks(port, host).get("response") == "success"


def redirect(port: int, host: str) -> str | None:
    """The address to which the one at `port` redirects that host, if it does."""
    found = active_checks(port, host).get("redirect", {}).get("address")
    return None if found is None else str(found)
