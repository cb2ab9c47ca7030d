"""Text of /proc/net files into numbers.

Alone knows how `sockstat` and `sockstat6` are written and which of their numbers make up the sockets
that are in no table. Opens no file. Source: net/ipv4/proc.c (sockstat_seq_show), net/ipv6/proc.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def parse_sockstat(text: str, protocol: str) -> Mapping[str, int]:
    """The numbers of one protocol: of `TCP: inuse 5 orphan 0 tw 2 …`, `{"inuse": 5, "orphan": 0, "tw": 2}`.

    Names are taken as they come. ValueError where the line is not there, or not pairs of name and number.
    """
    for line in text.splitlines():
        head, _, rest = line.partition(":")
        if head == protocol:
            words = rest.split()
            if len(words) % 2:
                break
            return dict(zip(words[::2], map(int, words[1::2])))
    raise ValueError(f"no line of pairs for {protocol}")


def unconnected(alloc: int, inuse: Iterable[int]) -> int:
    """Sockets that exist without being in any table: `alloc` (host-wide) less `inuse` of every namespace.

    The numbers are read one after the other while the host lives on, so a difference below zero is churn.
    """
    return max(0, alloc - sum(inuse))
