"""What each of the eleven states means on Linux. Descriptions and `explain` use these texts.

Checked against RFC 9293 section 3.3.2, tcp(7), Documentation/networking/ip-sysctl and
net/ipv4/{tcp,tcp_timer,tcp_minisocks}.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tcpwatchd.model.sockets import State


def paragraphs(meaning: str, rise: str, look: str) -> tuple[str, str, str]:
    """What there is to say of a thing that can rise."""
    return meaning, f"A rise: {rise}", f"Look next: {look}"


@dataclass(frozen=True)
class StateText:
    """`title` as the RFC writes it; `summary` in a few words; then what it is, what a rise means, and
    what to look at next (each a paragraph; commands stand in backquotes).
    """

    title: str
    summary: str
    meaning: str
    rise: str
    look: str

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """What it is, what a rise means, what to look at next."""
        return paragraphs(self.meaning, self.rise, self.look)


STATE_TEXTS: Mapping[State, StateText] = MappingProxyType(
    {
        State.ESTABLISHED: StateText(
            "ESTABLISHED",
            "open connections",
            "The connection is open and data can be sent. A connection whose peer has disappeared stays in "
            "this state until data is sent or keepalive detects it.",
            "More clients, growing connection pools, or clients that do not close. It is load, not a "
            "fault, until it is near the open files limit of the program.",
            "Peers: `ss -tn state established`. Programs: `ss -tnp state established` as root. Limit: "
            "`prlimit --nofile --pid PID`.",
        ),
        State.SYN_SENT: StateText(
            "SYN-SENT",
            "connection attempt sent, no answer yet",
            "This host has sent a SYN and waits for the answer. Normally this takes one round trip. "
            "Without an answer the SYN is repeated for one to two minutes (net.ipv4.tcp_syn_retries).",
            "A server that this host calls is down or too slow, or a firewall drops the packets.",
            "`ss -tn state syn-sent` shows the destinations. If it is one: check that server. If there are "
            "many: check the network, DNS and firewalls.",
        ),
        State.SYN_RECV: StateText(
            "SYN-RECEIVED",
            "half-open, waiting for the client's ACK",
            "A client has sent a SYN, this host has answered, and the client's ACK is missing. Normally "
            "this takes one round trip, so a single sample rarely shows it: see the maximum.",
            "A SYN flood, or a path on which answers are lost; each socket waits up to 63 seconds. With "
            "SYN cookies no socket exists, and only the counter SyncookiesSent grows. A full accept queue "
            "is not shown here, but by ListenOverflows.",
            "`ss -tn state syn-recv` shows the ports and clients. Dropped by the kernel: `nstat -az "
            "TcpExtListenOverflows TcpExtListenDrops TcpExtSyncookiesSent`.",
        ),
        State.FIN_WAIT1: StateText(
            "FIN-WAIT-1",
            "this host closed, FIN not acknowledged",
            "This host has closed first. It waits until the peer has acknowledged the FIN and the data "
            "before it. Normally this takes one round trip.",
            "Peers have disappeared (mobile clients, a broken link) or do not read. The kernel repeats the "
            "FIN up to net.ipv4.tcp_orphan_retries times. Until then each socket uses memory.",
            "`ss -tno state fin-wait-1` shows the peers; its timer column shows the repeats. Limit: "
            "`sysctl net.ipv4.tcp_max_orphans`.",
        ),
        State.FIN_WAIT2: StateText(
            "FIN-WAIT-2",
            "this host closed, the peer has not",
            "The peer has acknowledged the close of this host and has not closed yet. If the program has "
            "closed the socket, the kernel removes it after net.ipv4.tcp_fin_timeout (60 seconds). If the "
            "program has only shut down its sending side and still holds the socket, there is no time "
            "limit.",
            "Peers close slowly: this is harmless, the kernel removes the sockets. If it rises without "
            "end, a program half-closes connections and does not close them.",
            "The items held and orphaned show which of the two it is. `ss -tnp state fin-wait-2` as root "
            "shows the programs; the kernel removes sockets without a program.",
        ),
        State.TIME_WAIT: StateText(
            "TIME-WAIT",
            "this host closed first, kept 60 s for late packets",
            "This host closed first. The kernel keeps a small record for 60 seconds, so that late packets "
            "cannot disturb a new connection. This time is compiled in (tcp_fin_timeout is for FIN_WAIT2).",
            "Many short connections that this host closes first. This is usually normal. It is a problem "
            "in two cases: at net.ipv4.tcp_max_tw_buckets the kernel keeps no further records, and towards "
            "one destination each record uses one ephemeral port: 28,232 by default, which allows 470 new "
            "connections a second.",
            "`ss -tn state time-wait` shows the peers. Reuse connections (keep-alive, pools); for outgoing "
            "ones set net.ipv4.tcp_tw_reuse.",
        ),
        State.CLOSE: StateText(
            "CLOSED",
            "held by a program, no connection",
            "A socket without a connection: just opened, bound but not used, or reset by the peer while a "
            "program still holds it. It is in no table of the kernel, so /proc/net/tcp and ss do not show "
            "it. Counted for the whole host, as allocated sockets minus sockets in use in all network "
            "namespaces.",
            "A steady rise is a descriptor leak: a program does not close sockets whose connection failed. "
            "At its open files limit the program fails.",
            "`lsof -nP | grep 'protocol: TCP'` as root shows the programs (ss and netstat cannot).",
        ),
        State.CLOSE_WAIT: StateText(
            "CLOSE-WAIT",
            "the peer closed, our program has not",
            "The peer has closed, and the kernel of this host has acknowledged it. The socket waits until "
            "the program of this host closes it. The kernel has no timeout for this.",
            "A steady rise is always a bug in a program of this host: it does not notice the end of the "
            "stream, or it hangs. Waiting does not help.",
            "`ss -tnp state close-wait` as root shows the program. A restart frees the sockets. The fix is "
            "in its code (close after an empty read), or in what it waits for.",
        ),
        State.LAST_ACK: StateText(
            "LAST-ACK",
            "both sides closed, FIN not acknowledged",
            "Both sides have closed, the peer first. The last acknowledgement is missing. Normally this "
            "takes one round trip.",
            "Peers or a path do not answer any more; often with the same cause as a rise of FIN_WAIT1. The "
            "kernel removes the sockets after net.ipv4.tcp_orphan_retries repeats.",
            "`ss -tno state last-ack` shows the peers. If they are in one network, its firewall or NAT "
            "drops connections too early.",
        ),
        State.LISTEN: StateText(
            "LISTEN",
            "sockets that accept connections",
            "A program waits for clients. One socket for each address and port, several with SO_REUSEPORT. "
            "It is not a connection.",
            "A service was started. A fall means that a service has stopped.",
            "`ss -tlnp` as root shows the programs. Recv-Q is the length of the accept queue, Send-Q its "
            "limit.",
        ),
        State.CLOSING: StateText(
            "CLOSING",
            "both sides closed at once, one ACK is missing",
            "Both sides have closed at the same time, and the FIN of this host is not acknowledged yet. "
            "Normally rare and brief.",
            "Acknowledgements are lost: the peer, or the path to it, does not answer any more.",
            "`ss -tno state closing` shows the peers; `mtr DESTINATION` shows the path.",
        ),
    }
)

# The groups a configuration may name, after the course of a connection in RFC 9293 section 3.6. Their
# names must not be those of states.
STATE_GROUPS: Mapping[str, tuple[State, ...]] = MappingProxyType(
    {
        "opening": (State.SYN_SENT, State.SYN_RECV),
        "open": (State.ESTABLISHED,),
        "active_close": (State.FIN_WAIT1, State.FIN_WAIT2, State.CLOSING, State.TIME_WAIT),
        "passive_close": (State.CLOSE_WAIT, State.LAST_ACK),
        "unconnected": (State.LISTEN, State.CLOSE),
    }
)
