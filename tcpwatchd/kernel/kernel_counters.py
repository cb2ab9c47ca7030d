"""KERNEL_COUNTERS: one row for each counter of the kernel that can be sent, with its texts.

Sources: include/uapi/linux/snmp.h and where the kernel counts (net/ipv4/tcp*.c); RFC 4022 for the group Tcp.
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
_QUEUE = "`ss -tln`: Recv-Q is the length of the accept queue, Send-Q its limit. The program is too slow, or "
_LOSS = "`ss -ti` shows retrans and rto of each connection; `ip -s link` errors and drops of the interfaces."
_MEMORY = "`cat /proc/net/sockstat` (TCP: orphan, mem) against net.ipv4.tcp_max_orphans and net.ipv4.tcp_mem."

KERNEL_COUNTERS: Mapping[str, CounterText] = MappingProxyType(
    {
        "ActiveOpens": CounterText(
            TCP,
            "Outgoing connections (active opens)",
            "Programs of this host called connect, and a SYN was sent.",
            "More outgoing work, or connections that are not reused.",
            "`ss -tn state syn-sent state established` shows the peers. Check connection pools and "
            "keep-alive of the programs.",
        ),
        "PassiveOpens": CounterText(
            TCP,
            "Incoming connections (passive opens)",
            "Handshakes that a listening socket of this host completed.",
            "More clients, or clients do not reuse connections.",
            "`ss -tn state established` and the listener's access log show the clients.",
        ),
        "AttemptFails": CounterText(
            TCP,
            "Failed connection attempts",
            "Connections that ended before they were established: refused, timed out or reset, in either "
            "direction.",
            "A service that this host calls is down or refuses connections, or the ports of this host are "
            "scanned.",
            "`ss -tn state syn-sent` shows peers that do not answer. If SYN_SENT and TCPSynRetrans rise "
            "too, the attempts are outgoing.",
        ),
        "EstabResets": CounterText(
            TCP,
            "Established connections reset",
            "Established connections that ended with a reset instead of a close.",
            "Programs or peers crash or close with unread data, or a firewall or load balancer drops "
            "connections.",
            "If OutRsts rises too, this host resets. Read the logs of the affected programs.",
            usual=False,
        ),
        "OutSegs": CounterText(
            TCP,
            "Segments sent",
            "Segments sent, without retransmissions.",
            "More traffic.",
            "RetransSegs in per cent of OutSegs shows the packet loss.",
        ),
        "InSegs": CounterText(
            TCP,
            "Segments received",
            "All segments received, including invalid ones.",
            "More traffic.",
            "Compare with OutSegs and InErrs.",
            usual=False,
        ),
        "RetransSegs": CounterText(
            TCP,
            "Segments retransmitted",
            "Segments that were sent again because no acknowledgement was received.",
            "Packets are lost or delayed. Above 1 to 2% of OutSegs, connections become slow.",
            _LOSS,
        ),
        "InErrs": CounterText(
            TCP,
            "Invalid segments received",
            "Segments with a wrong checksum or header.",
            "A defective cable, network card or driver, on this host or on the path.",
            "`ethtool -S` of the interface; switch off checksum offloading to tell card and path apart.",
            usual=False,
        ),
        "OutRsts": CounterText(
            TCP,
            "Resets sent",
            "Resets that this host sent: for ports without a listener, and for connections that were "
            "closed with unread data.",
            "Clients call a service that is not running, a port scan, or programs that close too early.",
            "`ss -tln` shows the listeners; `tcpdump 'tcp[tcpflags] & tcp-rst != 0'` for the ports.",
            usual=False,
        ),
        "ListenOverflows": CounterText(
            TCP_EXT,
            "Connections dropped, accept queue full",
            "A handshake was complete, but the accept queue of its listener was full. The client waits or is "
            "refused.",
            "A program does not accept connections fast enough, or its backlog is too short for bursts.",
            _QUEUE + "its backlog (listen, net.core.somaxconn) too short.",
        ),
        "ListenDrops": CounterText(
            TCP_EXT,
            "Connections dropped at listeners",
            "SYNs and handshakes that a listener dropped for any reason: a full accept queue "
            "(ListenOverflows) or too little memory.",
            "As for ListenOverflows; if that does not rise, memory is short.",
            _QUEUE + "memory is short.",
        ),
        "TCPReqQFullDrop": CounterText(
            TCP_EXT,
            "SYNs dropped, SYN queue full",
            "A SYN was received while the listener's SYN queue was full and SYN cookies are off.",
            "A SYN flood, or many more clients than the backlog allows.",
            "`ss -tn state syn-recv` shows the sources; net.ipv4.tcp_syncookies = 1; the listener's backlog.",
        ),
        "TCPReqQFullDoCookies": CounterText(
            TCP_EXT,
            "SYNs answered with a SYN cookie",
            "A SYN was received while the listener's SYN queue was full. A SYN cookie was sent as the "
            "answer.",
            "A SYN flood, or more clients at the same time than the backlog allows. Real clients still "
            "connect.",
            "`ss -tn state syn-recv` shows the sources; the listener's backlog and "
            "net.ipv4.tcp_max_syn_backlog.",
        ),
        "SyncookiesSent": CounterText(
            TCP_EXT,
            "SYN cookies sent",
            "SYN cookies sent as answers to SYNs.",
            "As TCPReqQFullDoCookies.",
            "SyncookiesRecv shows how many of these clients were real.",
            usual=False,
        ),
        "SyncookiesRecv": CounterText(
            TCP_EXT,
            "SYN cookies received",
            "Handshakes that were completed with a SYN cookie: real clients.",
            "If it is near SyncookiesSent, there is a burst of real clients; if it is much lower, a flood.",
            "If the clients are real, use a larger backlog for the listener.",
            usual=False,
        ),
        "SyncookiesFailed": CounterText(
            TCP_EXT,
            "Invalid SYN cookies received",
            "Segments that completed a handshake with an invalid SYN cookie.",
            "An ACK flood, or clients that answer too late.",
            "`tcpdump` on the listener's port.",
            usual=False,
        ),
        "TCPSynRetrans": CounterText(
            TCP_EXT,
            "SYNs retransmitted",
            "SYNs and SYN-ACKs that were sent again because no answer was received.",
            "Services that this host calls do not answer at all, or clients have spoofed addresses.",
            "`ss -tn state syn-sent` shows the peers. A firewall drops packets, or a host is down.",
        ),
        "TCPTimeouts": CounterText(
            TCP_EXT,
            "Retransmission timeouts",
            "No acknowledgement was received within the retransmission timeout. This delays a connection "
            "more than a fast retransmission.",
            "Peers have disappeared, or a path is interrupted.",
            _LOSS,
            usual=False,
        ),
        "TCPTimeWaitOverflow": CounterText(
            TCP_EXT,
            "TIME_WAIT records not kept",
            "A connection ended while net.ipv4.tcp_max_tw_buckets was reached. Its TIME_WAIT record was "
            "not kept.",
            "Connections end faster than records may be kept; late packets can disturb new connections.",
            "tcpwatchd.limit[time_wait]. Raise net.ipv4.tcp_max_tw_buckets, or reuse connections.",
        ),
        "TW": CounterText(
            TCP_EXT,
            "TIME_WAIT records ended",
            "Records that were kept for their 60 seconds.",
            "More connections that this host closes first.",
            "`ss -tn state time-wait` shows the peers.",
            usual=False,
        ),
        "TCPAbortOnMemory": CounterText(
            TCP_EXT,
            "Connections reset, TCP memory exhausted",
            "A connection was reset because there were too many orphans or too little TCP memory.",
            "A limit of the kernel was reached. Clients are affected.",
            _MEMORY,
        ),
        "TCPAbortOnTimeout": CounterText(
            TCP_EXT,
            "Connections aborted, peer did not answer",
            "Connections that ended because the peer did not answer any retransmission.",
            "Peers have disappeared: hosts or paths are down, clients are suspended.",
            _LOSS,
            usual=False,
        ),
        "TCPAbortFailed": CounterText(
            TCP_EXT,
            "Resets that could not be sent",
            "A reset was due, and there was no memory to send it.",
            "Memory for sockets is exhausted.",
            _MEMORY,
            usual=False,
        ),
        "TCPMemoryPressures": CounterText(
            TCP_EXT,
            "TCP memory pressure events",
            "How often TCP memory rose above the second number of net.ipv4.tcp_mem.",
            "The kernel reduces buffers, so throughput falls. Above the third number it drops data.",
            _MEMORY,
            usual=False,
        ),
        "TCPBacklogDrop": CounterText(
            TCP_EXT,
            "Segments dropped, socket backlog full",
            "Segments that were received while the program held the socket's lock and the socket's backlog "
            "was full.",
            "A few connections receive more than their program can read.",
            "`ss -tmi` (skmem) of the busiest connections; the receive buffer.",
            usual=False,
        ),
        "PruneCalled": CounterText(
            TCP_EXT,
            "Receive buffers pruned",
            "A receive buffer was full, and the kernel compacted it.",
            "A program reads too slowly, or buffers are too small for the path.",
            "`ss -tm`: large Recv-Q; net.ipv4.tcp_rmem.",
            usual=False,
        ),
        "RcvPruned": CounterText(
            TCP_EXT,
            "Received data dropped, buffer full",
            "A receive buffer was still full after compaction. Received data was dropped.",
            "As for PruneCalled, but more severe.",
            "`ss -tm`: large Recv-Q; net.ipv4.tcp_rmem.",
            usual=False,
        ),
        "TCPRcvQDrop": CounterText(
            TCP_EXT,
            "Segments dropped, receive queue full",
            "Segments that were dropped because the receive queue of the connection was full.",
            "A program reads too slowly.",
            "`ss -tm`: large Recv-Q.",
            usual=False,
        ),
    }
)

DEFAULT_COUNTERS = tuple(name for name, text in KERNEL_COUNTERS.items() if text.usual)
