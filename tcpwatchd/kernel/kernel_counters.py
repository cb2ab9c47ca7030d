"""KERNEL_COUNTERS: one row a counter of the kernel, with its words: what it counts, what a rise means.

Alone knows which of the kernel's counters are worth sending, and which of them are sent by default. Sources:
include/uapi/linux/snmp.h and where the kernel counts them (net/ipv4/tcp*.c); RFC 4022 for the group Tcp.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class CounterText(NamedTuple):
    """`group` is where /proc/net has it; `usual`: sent unless the configuration says otherwise."""

    group: str
    title: str
    meaning: str
    rise: str
    look: str
    usual: bool = True


TCP, TCP_EXT = "Tcp", "TcpExt"
_QUEUE = (
    "`ss -tln`: Recv-Q is what waits to be accepted, Send-Q the limit. The program is too slow to accept, or "
)
_LOSS = "`ss -ti` shows retrans and rto of each connection; `ip -s link` errors and drops of the interfaces."
_MEMORY = "`cat /proc/net/sockstat` (TCP: orphan, mem) against net.ipv4.tcp_max_orphans and net.ipv4.tcp_mem."

KERNEL_COUNTERS: Mapping[str, CounterText] = MappingProxyType(
    {
        "ActiveOpens": CounterText(
            TCP,
            "connections begun from here",
            "Programs of this host called connect, and a SYN was sent.",
            "More outgoing work, or connections that are not reused.",
            "Where to: `ss -tn state syn-sent state established`; connection pools and keep-alive of the "
            "programs.",
        ),
        "PassiveOpens": CounterText(
            TCP,
            "connections come in",
            "Handshakes that a listening socket of this host completed.",
            "More clients, or clients that do not reuse connections.",
            "From where: `ss -tn state established`, the listener's access log.",
        ),
        "AttemptFails": CounterText(
            TCP,
            "attempts to connect that failed",
            "Connections that ended before they were established: refused, timed out or reset, in either "
            "direction.",
            "A service that this host calls refuses or is down; or somebody scans the ports of this host.",
            "`ss -tn state syn-sent` shows whom we call in vain; SYN_SENT and TCPSynRetrans tell the "
            "direction.",
        ),
        "EstabResets": CounterText(
            TCP,
            "connections reset",
            "Connections that were established and ended by a reset instead of being closed.",
            "Programs that crash or close with data unread, peers that do, or a firewall or balancer that "
            "forgets connections.",
            "OutRsts beside it tells who resets; the log of the program whose clients complain.",
            usual=False,
        ),
        "OutSegs": CounterText(
            TCP,
            "segments sent",
            "Segments sent, those that were sent again left out.",
            "More traffic.",
            "RetransSegs as a share of it is the loss on the way.",
        ),
        "InSegs": CounterText(
            TCP,
            "segments received",
            "All segments received, broken ones included.",
            "More traffic.",
            "Compare with OutSegs and InErrs.",
            usual=False,
        ),
        "RetransSegs": CounterText(
            TCP,
            "segments sent again",
            "Segments sent once more, because no acknowledgement came.",
            "Loss or long delays on the way: above one or two per cent of OutSegs connections are slow.",
            _LOSS,
        ),
        "InErrs": CounterText(
            TCP,
            "segments received broken",
            "Segments with a wrong checksum or header.",
            "A defective cable, card or driver, or one on the way.",
            "`ethtool -S` of the interface; switch off checksum offloading to tell card and path apart.",
            usual=False,
        ),
        "OutRsts": CounterText(
            TCP,
            "resets sent",
            "Resets that this host sent: to ports where nobody listens, and for connections closed with data "
            "unread.",
            "Clients of a service that is not running, a scan, or programs that close too early.",
            "`ss -tln` for what listens; `tcpdump 'tcp[tcpflags] & tcp-rst != 0'` for the ports.",
            usual=False,
        ),
        "ListenOverflows": CounterText(
            TCP_EXT,
            "handshakes lost, accept queue full",
            "A connection was complete, and its listener's accept queue was full: the client waits or is "
            "refused.",
            "A program does not accept fast enough, or its backlog is too short for its bursts.",
            _QUEUE + "its backlog (listen, net.core.somaxconn) too short.",
        ),
        "ListenDrops": CounterText(
            TCP_EXT,
            "handshakes lost at listeners",
            "SYNs and handshakes that a listener dropped for whatever reason: ListenOverflows, and lack of "
            "memory.",
            "As ListenOverflows; if that stands still, memory.",
            _QUEUE + "memory is short.",
        ),
        "TCPReqQFullDrop": CounterText(
            TCP_EXT,
            "SYNs dropped, SYN queue full",
            "A SYN came, the listener's queue of half-open connections was full and SYN cookies are off.",
            "A SYN flood, or far more clients than the backlog is for.",
            "`ss -tn state syn-recv` for the sources; net.ipv4.tcp_syncookies = 1; the listener's backlog.",
        ),
        "TCPReqQFullDoCookies": CounterText(
            TCP_EXT,
            "SYNs answered with a cookie",
            "A SYN came, the listener's queue of half-open connections was full, and a SYN cookie was the "
            "answer.",
            "A SYN flood, or more clients at once than the backlog is for; honest ones still get through.",
            "`ss -tn state syn-recv` for the sources; the listener's backlog and "
            "net.ipv4.tcp_max_syn_backlog.",
        ),
        "SyncookiesSent": CounterText(
            TCP_EXT,
            "SYN cookies sent",
            "SYN cookies that were sent as answers.",
            "As TCPReqQFullDoCookies.",
            "SyncookiesRecv tells how many of these clients were real.",
            usual=False,
        ),
        "SyncookiesRecv": CounterText(
            TCP_EXT,
            "SYN cookies that came back",
            "Handshakes that were completed with a SYN cookie: real clients.",
            "Many of SyncookiesSent: a burst of clients; few: a flood.",
            "The listener's backlog, if the clients are real.",
            usual=False,
        ),
        "SyncookiesFailed": CounterText(
            TCP_EXT,
            "SYN cookies that were wrong",
            "Segments to a listener that claimed to complete a handshake and carried no valid cookie.",
            "An ACK flood, or clients that come too late.",
            "`tcpdump` on the listener's port.",
            usual=False,
        ),
        "TCPSynRetrans": CounterText(
            TCP_EXT,
            "SYNs sent again",
            "SYNs, and answers to SYNs, that were sent once more because nothing came back.",
            "Services that this host calls do not answer, not even by a refusal; or spoofed clients.",
            "`ss -tn state syn-sent` shows to whom; a firewall that drops, or a host that is down.",
        ),
        "TCPTimeouts": CounterText(
            TCP_EXT,
            "retransmission timers that ran out",
            "No acknowledgement at all came within the retransmission timeout: worse than a fast "
            "retransmission.",
            "Peers that are gone, or a path that is broken.",
            _LOSS,
            usual=False,
        ),
        "TCPTimeWaitOverflow": CounterText(
            TCP_EXT,
            "TIME_WAIT thrown away",
            "A connection ended, and net.ipv4.tcp_max_tw_buckets was reached: its record was not kept.",
            "Connections end faster than records may be kept; late packets can disturb new connections.",
            "tcpwatchd.limit[time_wait]. Raise net.ipv4.tcp_max_tw_buckets, or reuse connections.",
        ),
        "TW": CounterText(
            TCP_EXT,
            "TIME_WAIT that ended",
            "Records that were kept for their 60 seconds.",
            "More connections that this host ends first.",
            "`ss -tn state time-wait` shows to whom.",
            usual=False,
        ),
        "TCPAbortOnMemory": CounterText(
            TCP_EXT,
            "connections reset for want of memory",
            "A connection was reset because there were too many orphans or too little memory for sockets.",
            "A limit of the kernel has been reached, and clients notice.",
            _MEMORY,
        ),
        "TCPAbortOnTimeout": CounterText(
            TCP_EXT,
            "connections given up",
            "Connections that ended because a peer did not answer any more, after all repeats.",
            "Peers that vanish: hosts or paths that went down, clients that sleep.",
            _LOSS,
            usual=False,
        ),
        "TCPAbortFailed": CounterText(
            TCP_EXT,
            "resets that could not be sent",
            "A reset was due, and there was no memory to send it.",
            "Memory for sockets is exhausted.",
            _MEMORY,
            usual=False,
        ),
        "TCPMemoryPressures": CounterText(
            TCP_EXT,
            "times under memory pressure",
            "How often TCP entered memory pressure: above the second number of net.ipv4.tcp_mem.",
            "Buffers are being cut down, throughput falls; at the third number data is dropped.",
            _MEMORY,
            usual=False,
        ),
        "TCPBacklogDrop": CounterText(
            TCP_EXT,
            "segments dropped, socket busy",
            "Segments that came while the program held the socket's lock, and found its backlog full.",
            "A few connections get more than their program can take.",
            "`ss -tmi` (skmem) of the busiest connections; the receive buffer.",
            usual=False,
        ),
        "PruneCalled": CounterText(
            TCP_EXT,
            "receive buffers overrun",
            "A receive buffer was full and had to be tidied up.",
            "A program reads too slowly, or buffers are small for the path.",
            "`ss -tm`: large Recv-Q; net.ipv4.tcp_rmem.",
            usual=False,
        ),
        "RcvPruned": CounterText(
            TCP_EXT,
            "received data thrown away",
            "Tidying up a receive buffer did not help: data that had arrived was dropped.",
            "As PruneCalled, and worse.",
            "`ss -tm`: large Recv-Q; net.ipv4.tcp_rmem.",
            usual=False,
        ),
        "TCPRcvQDrop": CounterText(
            TCP_EXT,
            "segments dropped, receive queue full",
            "Segments that found the receive queue of their connection full.",
            "A program reads too slowly.",
            "`ss -tm`: large Recv-Q.",
            usual=False,
        ),
    }
)

DEFAULT_COUNTERS = tuple(name for name, text in KERNEL_COUNTERS.items() if text.usual)
