"""Parses `sockstat`, `sockstat6`, `snmp` and `netstat` of /proc/net. Opens no file.

Source: net/ipv4/proc.c (sockstat_seq_show, snmp_seq_show, netstat_seq_show), net/ipv6/proc.c,
include/uapi/linux/snmp.h.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Counters:
    """What the kernel counts without a walk, in one network namespace.

    Sockets now: `curr_estab`, and `time_wait`, which are all small records that the kernel keeps. Counted up
    since the namespace was made: `opens`, connections begun from either side, and `time_wait_ends`, records
    that have ended; None where it was not asked for.
    """

    curr_estab: int
    time_wait: int
    opens: int
    time_wait_ends: int | None = None


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


def parse_snmp(text: str, group: str) -> Mapping[str, int]:
    """The numbers of one group of `snmp` or `netstat`: a line of names, and a line of as many numbers.

    ValueError where the two lines are not there or do not fit together.
    """
    pair = [
        rest.split() for head, _, rest in (line.partition(":") for line in text.splitlines()) if head == group
    ]
    if len(pair) != 2 or len(pair[0]) != len(pair[1]):
        raise ValueError(f"no pair of lines for {group}")
    return dict(zip(pair[0], map(int, pair[1])))


def counters(snmp: str, sockstat: str, netstat: str | None = None) -> Counters:
    """The counters from the text of these files. ValueError or KeyError where this kernel lacks one."""
    tcp = parse_snmp(snmp, "Tcp")
    ends = None
    if netstat is not None:
        more = parse_snmp(netstat, "TcpExt")
        ends = more["TW"] + more["TWRecycled"] + more["TWKilled"]
    return Counters(
        tcp["CurrEstab"],
        parse_sockstat(sockstat, "TCP")["tw"],
        tcp["ActiveOpens"] + tcp["PassiveOpens"],
        ends,
    )


def kernel_counters(snmp: str, netstat: str) -> Mapping[str, int]:
    """Every counter of TCP by the kernel's name, from the text of both files, as far as it can be read."""
    found: dict[str, int] = {}
    for text, group in ((snmp, "Tcp"), (netstat, "TcpExt")):
        with suppress(ValueError):
            found.update(parse_snmp(text, group))
    return found


def unconnected(alloc: int, inuse: Iterable[int]) -> int:
    """Sockets that exist without being in any table: `alloc` (host-wide) less `inuse` of every namespace.

    The numbers are read one after the other while the host lives on, so a difference below zero is churn.
    """
    return max(0, alloc - sum(inuse))
