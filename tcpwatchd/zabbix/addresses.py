"""Parses addresses of servers as a configuration has them. Brackets: RFC 3986 section 3.2.2. Looks up no
name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_PORT = 10051
_ADDRESS = re.compile(
    r"\[(?P<ipv6>[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%\w+)?)\](?::(?P<port6>\d+))?|(?P<name>[^\s:\[\];,/]+)(?::(?P<port>\d+))?"
)
_BARE_IPV6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*")


@dataclass(frozen=True)
class Node:
    """One address a trapper listens at."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_nodes(entry: str) -> tuple[Node, ...]:
    """The nodes of one entry of `zabbix.servers`: `a`, `a:10051`, `[::1]:10051`, `a;b`."""
    nodes = []
    if not entry.isprintable():
        raise ValueError("holds a character that cannot be printed, which is no address")
    parts = [piece.strip() for piece in entry.split(";")]
    for part in parts:
        if _BARE_IPV6.fullmatch(part):
            nodes.append(Node(part, DEFAULT_PORT))
            continue
        match = _ADDRESS.fullmatch(part)
        port = int((match["port6"] or match["port"] or DEFAULT_PORT) if match else 0)
        if match is None or not 0 < port < 65536:
            which = "is" if len(parts) == 1 else f"holds {part!r}, which is"
            raise ValueError(
                f"{which} no address; write zabbix.example.com, 192.0.2.1:10051, "
                "[2001:db8::1]:10051, or a;b for the two nodes of one cluster"
            )
        nodes.append(Node(match["ipv6"] or match["name"], port))
    return tuple(nodes)
