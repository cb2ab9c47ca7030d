"""Asks a server for the active checks of a host, as an agent does: an unknown host is registered by that.

The server raises an autoregistration event for a host that it does not know; what comes of it is for the
actions there. No I/O. Source: Zabbix manual, "Active agent autoregistration", "Active checks"; observed on
6.0 and 7.0.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from tcpwatchd.model.batch import Deferred
from tcpwatchd.model.printable import one_line
from tcpwatchd.zabbix.addresses import Node
from tcpwatchd.zabbix.channel import NOT_ZABBIX
from tcpwatchd.zabbix.failover import Redirect

# The answer lists the active checks of the host, which may be an agent's: hundreds of items, 130 bytes each.
MOST_ANSWER_BYTES = 16 << 20


@dataclass(frozen=True)
class Registration:
    """What a host says of itself: its name, its metadata, and an address for its interface; empty: the server
    takes the address that the connection comes from.
    """

    host: str
    metadata: str
    interface: str = ""

    def request(self) -> bytes:
        """The body of the request."""
        asked = {"request": "active checks", "host": self.host, "host_metadata": self.metadata}
        if self.interface:
            asked["interface"] = self.interface
        return json.dumps(asked).encode()


@dataclass(frozen=True)
class Registered:
    """A server's answer: whether it knows the host, and if not, its own words."""

    node: str
    known: bool
    words: str = ""

    @property
    def processed(self) -> int:
        """As of a delivery: whether the node takes the host."""
        return int(self.known)

    @property
    def refused(self) -> int:
        """The opposite."""
        return int(not self.known)


def parse(node: Node, body: bytes) -> Registered | Redirect | Deferred:
    """What an answer says."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        if "redirect" in answer:
            return Redirect.parse(node, answer["redirect"]) or not_understood(node)
        words = answer.get("info", "")
        if answer.get("response") == "success":
            return Registered(str(node), known=True)
        if answer.get("response") == "failed" and isinstance(words, str):
            return Registered(str(node), known=False, words=one_line(words))
    return not_understood(node)


def not_understood(node: Node) -> Deferred:
    """The outcome of an answer that makes no sense."""
    return Deferred(str(node), "gave an answer that is not understood", NOT_ZABBIX)
