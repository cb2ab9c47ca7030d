"""Accept queues: established connections that no program has accepted yet.

Reduces the queues of all samples of a push to a few numbers. No I/O. Source: listen(2) on the backlog,
net/ipv4/tcp_ipv4.c (tcp_v4_syn_recv_sock) on what happens when it is full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tcpwatchd.model.sockets import Listener
from tcpwatchd.model.units import NumberText
from tcpwatchd.model.window import AcceptQueues

NEARLY_FULL_PERCENT = 80.0
FULL_PERCENT = 100.0
NOBODY, FULL = "nobody waits", "full"
_MOST_CHARACTERS = 255  # of a text item of Zabbix


def worst(before: AcceptQueues | None, queues: Sequence[Listener]) -> AcceptQueues:
    """What was seen at worst so far, with one more sample."""
    seen = before or AcceptQueues(None, 0, 0)
    fullest = max((seen.fullest, *queues), key=_percent)
    full = [one for one in queues if one.percent >= FULL_PERCENT]
    before_full = [seen.fullest] if seen.fullest and seen.fullest.percent >= FULL_PERCENT else []
    were_full = {one.address: one for one in (*before_full, *seen.others, *full)}
    if fullest is not None:
        were_full.pop(fullest.address, None)
    return AcceptQueues(
        fullest,
        max(seen.nearly_full, sum(one.percent >= NEARLY_FULL_PERCENT for one in queues)),
        max(seen.full, len(full)),
        tuple(were_full.values()),
    )


def _percent(listener: Listener | None) -> float:
    return -1.0 if listener is None else listener.percent


RISE = (
    "A program does not accept connections as fast as they arrive: it is busy, hangs, or its backlog is too "
    "short. At 100% the kernel drops connections and counts ListenOverflows; SYN_RECV does not show it."
)
LOOK = (
    "`ss -tlnp` as root: Recv-Q is the length of the accept queue, Send-Q its limit, and the program is "
    "named. Does it still work? Its backlog is the smaller one of its listen() argument and "
    "net.core.somaxconn."
)


def told(listener: Listener | None) -> str:
    """The text of a listener and its queue."""
    if listener is None:
        return NOBODY
    full = f", {FULL}" if listener.percent >= FULL_PERCENT else ""
    return f"{listener.address} ({listener.waiting} of {listener.most + 1}{full})"


def told_all(seen: AcceptQueues) -> str:
    """The text of the fullest queue, and of others that were full, as far as there is room."""
    text = told(seen.fullest)
    for one in seen.others:
        longer = f"{text}, {told(one)}"
        if len(longer) > _MOST_CHARACTERS:
            break
        text = longer
    return text


ACCEPT_QUEUES: Mapping[str, NumberText[AcceptQueues]] = MappingProxyType(
    {
        "fullest": NumberText(
            "Fullest accept queue, utilization",
            "amount",
            "%",
            "Use of the fullest accept queue in per cent of its limit; the maximum since the previous push.",
            lambda seen: seen.fullest.percent if seen.fullest else 0,
        ),
        "fullest_address": NumberText(
            "Listener with the fullest accept queue",
            "text",
            "",
            "Address and port of the listener with the fullest accept queue, its length and its limit; then "
            "those of other listeners whose queue was full.",
            told_all,
        ),
        "nearly_full": NumberText(
            "Listeners with a nearly full accept queue",
            "count",
            "",
            "Listeners whose accept queue was filled to 80% or more; the maximum since the previous push.",
            lambda seen: seen.nearly_full,
        ),
        "full": NumberText(
            "Listeners with a full accept queue",
            "count",
            "",
            "Listeners whose accept queue was full; the maximum since the previous push.",
            lambda seen: seen.full,
        ),
    }
)
