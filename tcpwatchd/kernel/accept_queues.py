"""Accept queues: connections that are complete and wait for a program to take them.

Alone knows how those of all samples of a push become a few numbers, and the words for these. Does no I/O.
Source: listen(2) on the backlog, net/ipv4/tcp_ipv4.c (tcp_v4_syn_recv_sock) on what happens when it is full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tcpwatchd.model.sockets import Listener
from tcpwatchd.model.units import NumberText
from tcpwatchd.model.window import AcceptQueues

NEARLY_FULL_PERCENT = 80.0
_FULL_PERCENT = 100.0
NOBODY, FULL = "nobody waits", "full"


def worst(before: AcceptQueues | None, queues: Sequence[Listener]) -> AcceptQueues:
    """What was seen at worst so far, with one more sample."""
    seen = before or AcceptQueues(None, 0, 0)
    fullest = max((seen.fullest, *queues), key=_percent)
    return AcceptQueues(
        fullest,
        max(seen.nearly_full, sum(one.percent >= NEARLY_FULL_PERCENT for one in queues)),
        max(seen.full, sum(one.percent >= _FULL_PERCENT for one in queues)),
    )


def _percent(listener: Listener | None) -> float:
    return -1.0 if listener is None else listener.percent


RISE = (
    "A program does not accept connections as fast as they come: it is busy, hangs, or its backlog is too "
    "short. At 100% clients wait for nothing: ListenOverflows counts, and no SYN_RECV shows it."
)
LOOK = (
    "`ss -tlnp` as root: Recv-Q is what waits, Send-Q the backlog, with the program beside it. Is it alive? "
    "Its backlog is the smaller of what it asks for in listen() and net.core.somaxconn."
)
ACCEPT_QUEUES: Mapping[str, NumberText[AcceptQueues]] = MappingProxyType(
    {
        "fullest": NumberText(
            "fullest accept queue",
            "amount",
            "%",
            "How full the accept queue of the listener was that was nearest to its limit, at worst since the "
            "push before.",
            lambda seen: seen.fullest.percent if seen.fullest else 0,
        ),
        "fullest_address": NumberText(
            "listener with the fullest accept queue",
            "text",
            "",
            "Address and port of that listener, and how many connections waited of how many that may.",
            lambda seen: told(seen.fullest),
        ),
        "nearly_full": NumberText(
            "listeners nearly full",
            "count",
            "",
            "Listeners whose accept queue was filled to 80% or more, in the worst sample since the push "
            "before.",
            lambda seen: seen.nearly_full,
        ),
        "full": NumberText(
            "listeners full",
            "count",
            "",
            "Listeners whose accept queue was full, in the worst sample since the push before.",
            lambda seen: seen.full,
        ),
    }
)


def told(listener: Listener | None) -> str:
    """A listener and its queue in words."""
    if listener is None:
        return NOBODY
    full = f", {FULL}" if listener.percent >= _FULL_PERCENT else ""
    return f"{listener.address} ({listener.waiting} of {listener.most + 1}{full})"
