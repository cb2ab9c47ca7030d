"""Text of /proc/net files into numbers.

Alone knows how `sockstat` and `sockstat6` are written and which of their numbers make up the sockets
that are in no table. Opens no file. Source: net/ipv4/proc.c (sockstat_seq_show), net/ipv6/proc.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Sockstat = Mapping[str, Mapping[str, int]]


def parse_sockstat(text: str) -> Sockstat:
    """`TCP: inuse 5 orphan 0 tw 2 alloc 7 mem 1` → `{"TCP": {"inuse": 5, …}, …}`; both files have this form.

    Lines and names are taken as they come; ValueError where a line is not pairs of name and number.
    """
    protocols: dict[str, dict[str, int]] = {}
    for line in text.splitlines():
        protocol, colon, rest = line.partition(":")
        words = rest.split()
        if not colon or len(words) % 2:
            raise ValueError(f"not a sockstat line: {line!r}")
        protocols[protocol] = {name: int(number) for name, number in zip(words[::2], words[1::2])}
    return protocols


def unconnected(alloc: int, inuse: Iterable[int]) -> int:
    """Sockets that exist without being in any table: `alloc` (host-wide) less `inuse` of every namespace.

    The numbers are read one after the other while the host lives on, so a difference below zero is churn.
    """
    return max(0, alloc - sum(inuse))
