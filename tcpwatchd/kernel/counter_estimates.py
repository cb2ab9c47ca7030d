"""ESTABLISHED and TIME_WAIT, usually the two largest states, from counters of the kernel instead of a walk.

Also: how far a walk and a counter may differ when sockets change while both are read. Sources:
net/ipv4/tcp.c (tcp_set_state), net/ipv4/inet_timewait_sock.c.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from tcpwatchd.kernel.procnet import Counters
from tcpwatchd.model.sockets import State, Tally, Walk

CROWDS = frozenset({State.ESTABLISHED, State.TIME_WAIT})


class CurrEstab(enum.Enum):
    """What the counter of this name counts. Around Linux 6.10 it changed from the one to the other."""

    ESTABLISHED = "ESTABLISHED"
    WITH_CLOSE_WAIT = "ESTABLISHED and CLOSE_WAIT"

    def others(self, walk: Walk) -> int:
        """Sockets that it counts and that are not ESTABLISHED."""
        return walk[State.CLOSE_WAIT] if self is CurrEstab.WITH_CLOSE_WAIT else 0


def estimates(walk: Walk, counters: Counters, meaning: CurrEstab) -> Mapping[State, int]:
    """The two large states, from counters and a walk over the other states.

    A number below zero is a socket that moved between the two readings.
    """
    return {
        State.ESTABLISHED: max(0, counters.curr_estab - meaning.others(walk)),
        State.TIME_WAIT: max(0, counters.time_wait - walk.minis),
    }


def completed(walk: Walk, counters: Counters, meaning: CurrEstab) -> Tally:
    """All states, from a walk without the two large states and the counters read right after it."""
    counts = [walk.ipv4.counts[state] + walk.ipv6.counts[state] for state in range(12)]
    for state, sockets in estimates(walk, counters, meaning).items():
        counts[state] = sockets
    return Tally(tuple(counts))


def excess(walk: Walk, before: Counters, after: Counters) -> Mapping[CurrEstab, int]:
    """By how many sockets a walk of all states and the counters around it disagree beyond what changed
    meanwhile; for each meaning that CurrEstab can have.

    A socket that came or went while the walk went on may have been seen or not. What came to be established
    was begun meanwhile or half open; what left is bounded by what came and by the change of the counter.
    """
    half_open = walk[State.SYN_SENT] + walk[State.SYN_RECV]
    came = after.opens - before.opens + half_open
    records = [before.time_wait, after.time_wait]
    ends = (after.time_wait_ends or 0) - (before.time_wait_ends or 0)
    time_wait = _apart(
        walk[State.TIME_WAIT] + walk.minis, records, max(0, ends + after.time_wait - before.time_wait)
    )
    established = [before.curr_estab, after.curr_estab]
    return {
        meaning: max(time_wait, _apart(walk[State.ESTABLISHED] + meaning.others(walk), established, came))
        for meaning in CurrEstab
    }


def _apart(walked: int, counted: list[int], came: int) -> int:
    """How far `walked` lies outside of the two counts and of what `came` between them."""
    return max(0, min(counted) - came - walked, walked - max(counted) - came)
