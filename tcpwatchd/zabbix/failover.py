"""Which node a destination's values go to: the configured ones, or one that a proxy group has named.

The rules of a redirect: which revision counts, when a named address is abandoned, and how long a proxy that
was just named may not know a host yet. The clock is passed in; opens no connection. Source: Zabbix manual,
"Proxy load balancing and high availability"; observed on 7.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tcpwatchd.zabbix.addresses import Node, parse_nodes

# A proxy that has just been given a host takes some seconds to learn of it and of its items.
_SETTLING_S = 30.0
# Revisions only grow; if one is lower all the same for so long, the group was made anew.
_REVISION_KEPT_S = 600.0
# The longest name of the DNS, with brackets and a port.
_MOST_ADDRESS_CHARACTERS = 262


@dataclass(frozen=True)
class Redirect:
    """What a node said in place of an answer. `address` None: ask the configured nodes again."""

    node: Node
    address: Node | None
    revision: int

    @classmethod
    def parse(cls, node: Node, text: object) -> Redirect | None:
        """The value of `redirect` in an answer, or None if it is none."""
        if not isinstance(text, dict):
            return None
        if text.get("reset") is True:
            return cls(node, None, 0)
        revision, address = text.get("revision"), text.get("address")
        if type(revision) is not int or revision < 0 or not isinstance(address, str):
            return None
        if len(address) > _MOST_ADDRESS_CHARACTERS:
            return None
        try:
            nodes = parse_nodes(address)
        except ValueError:
            return None
        return cls(node, nodes[0], revision) if len(nodes) == 1 else None


class Failover:
    """The nodes of one destination, in the order in which to try them."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._configured = tuple(nodes)
        self._first = 0
        self._named: Node | None = None
        self._named_last: tuple[Node, int] | None = None
        self._named_s = 0.0
        self._revision = 0
        self._revision_s = 0.0

    def nodes(self) -> list[Node]:
        """The named address if there is one, then the configured nodes, the last good one first."""
        configured = self._configured[self._first :] + self._configured[: self._first]
        return [self._named, *configured] if self._named is not None else [*configured]

    def several(self) -> bool:
        """Whether there is more than one, so that a reader wants to know which."""
        return len(self.nodes()) > 1

    def turn(self, redirect: Redirect, now_s: float) -> list[Node] | None:
        """Where a redirect leads, in order; None for a stale one."""
        if redirect.address is None:
            self._named = None
            if redirect.node in self._configured:
                # It takes the next request again; another node may be the better one meanwhile.
                self._first = (self._configured.index(redirect.node) + 1) % len(self._configured)
            return self.nodes()
        if redirect.revision < self._revision and now_s - self._revision_s < _REVISION_KEPT_S:
            return None
        # What was given up and is named again, by the same mapping, is not new to the host.
        if self._named_last != (redirect.address, redirect.revision):
            self._named_last = (redirect.address, redirect.revision)
            self._named_s = now_s
        self._named, self._revision, self._revision_s = redirect.address, redirect.revision, now_s
        return [redirect.address]

    def answered(self, node: Node) -> None:
        """Stay with this one."""
        if node != self._named:
            self._named = None
            self._first = self._configured.index(node)

    def failed(self, node: Node) -> None:
        """Gives up a named address: the configured nodes know better."""
        if node == self._named:
            self._named = None

    def settling(self, node: Node, now_s: float) -> bool:
        """Whether it was named so lately that a refusal is no verdict yet."""
        return node == self._named and now_s - self._named_s < _SETTLING_S
