"""KERNEL_LIMITS: one row for each limit of the kernel that connections can reach, with its texts and files.

Text in, numbers out. Sources: the kernel's Documentation/networking/ip-sysctl.rst and
Documentation/admin-guide/sysctl/fs.rst (file-nr), net/ipv4/proc.c (sockstat_seq_show).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from tcpwatchd.kernel.procnet import parse_sockstat
from tcpwatchd.model.window import Limit

SOCKSTAT, FILE_NR = "net/sockstat", "sys/fs/file-nr"
MAX_TW_BUCKETS = "sys/net/ipv4/tcp_max_tw_buckets"
MAX_ORPHANS = "sys/net/ipv4/tcp_max_orphans"
TCP_MEM = "sys/net/ipv4/tcp_mem"


class LimitText(NamedTuple):
    """`used` and `most` read the number out of one file each, named as below /proc; in pages, where `units`
    are B.
    """

    title: str
    units: str
    used: tuple[str, Callable[[str], int]]
    most: tuple[str, Callable[[str], int]]
    meaning: str
    rise: str
    look: str


def _sockstat(name: str) -> tuple[str, Callable[[str], int]]:
    return SOCKSTAT, lambda text: parse_sockstat(text, "TCP")[name]


def _number(file: str, place: int = 0) -> tuple[str, Callable[[str], int]]:
    return file, lambda text: int(text.split()[place])


_MEMORY_LOOK = (
    "`ss -tm` shows the connections with the largest buffers; net.ipv4.tcp_mem, tcp_rmem and tcp_wmem."
)

KERNEL_LIMITS: Mapping[str, LimitText] = MappingProxyType(
    {
        "time_wait": LimitText(
            "TIME_WAIT records",
            "",
            _sockstat("tw"),
            _number(MAX_TW_BUCKETS),
            "Records of ended connections (TIME_WAIT, and orphaned FIN_WAIT2) compared with "
            "net.ipv4.tcp_max_tw_buckets.",
            "At the limit the kernel keeps no further records and counts TCPTimeWaitOverflow.",
            "Raise net.ipv4.tcp_max_tw_buckets (a record takes some 250 bytes), or reuse connections.",
        ),
        "orphans": LimitText(
            "Orphaned connections",
            "",
            _sockstat("orphan"),
            _number(MAX_ORPHANS),
            "Connections of the whole host that no program holds any more and that have not ended yet "
            "(mostly FIN_WAIT1 and LAST_ACK), compared with net.ipv4.tcp_max_orphans.",
            "At the limit the kernel resets them and counts TCPAbortOnMemory. If their peers do not "
            "answer, it resets them from half of the limit on.",
            "`ss -tno state fin-wait-1 state last-ack` shows the peers; net.ipv4.tcp_orphan_retries.",
        ),
        "memory_pressure": LimitText(
            "Buffer memory (pressure)",
            "B",
            _sockstat("mem"),
            _number(TCP_MEM, 1),
            "Memory of all TCP buffers of the host, compared with the second number of net.ipv4.tcp_mem.",
            "At the limit the kernel reduces buffers, so throughput falls, and counts TCPMemoryPressures.",
            _MEMORY_LOOK,
        ),
        "memory": LimitText(
            "Buffer memory (maximum)",
            "B",
            _sockstat("mem"),
            _number(TCP_MEM, 2),
            "Memory of all TCP buffers of the host, compared with the third number of net.ipv4.tcp_mem.",
            "At the limit no data can be sent or received. The kernel logs `out of memory -- consider tuning "
            "tcp_mem`.",
            _MEMORY_LOOK,
        ),
        "files": LimitText(
            "Open files of the host",
            "",
            _number(FILE_NR, 0),
            _number(FILE_NR, 2),
            "Open files of the whole host, including sockets, compared with fs.file-max.",
            "At the limit only root can open a file or a socket.",
            "`lsof -n | awk '{print $1, $2}' | sort | uniq -c | sort -n | tail` as root shows the "
            "processes with most open files.",
        ),
    }
)
FILES = tuple(dict.fromkeys(file for text in KERNEL_LIMITS.values() for file in (text.used[0], text.most[0])))


def limits(texts: Mapping[str, str], page_bytes: int) -> Mapping[str, Limit]:
    """Every limit whose files are among `texts` and say what they should; some kernels lack some."""
    found = {}
    for name, text in KERNEL_LIMITS.items():
        (used_file, used), (most_file, most) = text.used, text.most
        try:
            unit = page_bytes if text.units == "B" else 1
            found[name] = Limit(used(texts[used_file]) * unit, most(texts[most_file]) * unit)
        except (KeyError, ValueError, IndexError):
            continue
    return found
