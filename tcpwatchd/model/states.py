"""What each of the eleven states means on Linux: the knowledge behind descriptions and `explain`.

Alone knows the words. Checked against RFC 9293 section 3.3.2, tcp(7), Documentation/networking/ip-sysctl
and net/ipv4/{tcp,tcp_timer,tcp_minisocks}.c, because much of what is told about these states is folklore.
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
            "Both sides have agreed to the connection and data can flow. A connection whose peer vanished "
            "without a word stays here until data is sent or keepalive finds out.",
            "More clients, connection pools that grow, or clients that never hang up. It is load, not a "
            "fault, until it nears the open files limit of the program that serves it.",
            "Who they are: `ss -tn state established`. Which program: `ss -tnp state established` as root. "
            "Its room: `prlimit --nofile --pid PID`.",
        ),
        State.SYN_SENT: StateText(
            "SYN-SENT",
            "we call, no answer yet",
            "This host has asked for a connection and waits for the answer. Healthy ones last one round "
            "trip; unanswered ones are repeated for one to two minutes (net.ipv4.tcp_syn_retries).",
            "A server this host calls is down, too slow, or a firewall drops the packets without a word.",
            "Where they go: `ss -tn state syn-sent`. One destination: that server. Many: the network, DNS "
            "or the firewall in between.",
        ),
        State.SYN_RECV: StateText(
            "SYN-RECEIVED",
            "half-open, waiting for the client's ACK",
            "A client has asked, this host has answered, and the client's last word is missing. Healthy "
            "ones last one round trip, so a single look rarely catches one: watch the maximum.",
            "A crowd that stays is a SYN flood, or a path on which our answers are lost; each waits up to "
            "63 seconds. Under SYN cookies no socket exists at all, and only the kernel's counter "
            "SyncookiesSent grows. A full accept queue does not show here either, but in ListenOverflows.",
            "Which port: `ss -tn state syn-recv`. What the kernel dropped: "
            "`nstat -az TcpExtListenOverflows TcpExtListenDrops TcpExtSyncookiesSent`.",
        ),
        State.FIN_WAIT1: StateText(
            "FIN-WAIT-1",
            "we closed, our FIN is not acknowledged",
            "This host has closed first and waits for the other side to acknowledge it, with whatever data "
            "was still to be sent. Healthy ones last one round trip.",
            "Peers that vanished (mobile clients, a dead link) or that do not read: the kernel repeats the "
            "FIN until net.ipv4.tcp_orphan_retries is used up. Each holds memory until then.",
            "To whom: `ss -tno state fin-wait-1`; the timer column shows the repeats. Their bound: "
            "`sysctl net.ipv4.tcp_max_orphans`.",
        ),
        State.FIN_WAIT2: StateText(
            "FIN-WAIT-2",
            "we closed, waiting for the peer to close",
            "Our close is acknowledged and the other side has not closed yet. If our program has closed "
            "the socket, the kernel ends it after net.ipv4.tcp_fin_timeout (60 seconds). If the program "
            "only shut down its sending side and still holds the socket, there is no time limit.",
            "Peers that are slow to close: harmless, the kernel cleans up. A rise without an end is a "
            "program that half-closes connections and forgets them.",
            "The items held and orphaned tell which it is. Held by a program: `ss -tnp state fin-wait-2` "
            "as root shows a process beside each; those without one are the kernel's to clean up.",
        ),
        State.TIME_WAIT: StateText(
            "TIME-WAIT",
            "closed by us, kept 60 s for late packets",
            "This host closed first. The kernel keeps a small record so that late packets cannot disturb "
            "a new connection; on Linux for 60 seconds, which is compiled in and no sysctl changes "
            "(tcp_fin_timeout is about FIN-WAIT-2).",
            "Many short connections that this host ends first: usually normal. It matters in two places: "
            "near net.ipv4.tcp_max_tw_buckets the kernel throws records away, and towards one "
            "destination each holds one local port: 28,232 by default, so 470 new connections a second.",
            "Where to: `ss -tn state time-wait`. Remedy: connections that are reused (keep-alive, pools); "
            "for outgoing ones net.ipv4.tcp_tw_reuse.",
        ),
        State.CLOSE: StateText(
            "CLOSED",
            "a program holds it, no connection",
            "A socket that exists without a connection: just opened, bound but unused, or reset by the "
            "peer while the program still holds it. It is in no table of the kernel, so no /proc/net/tcp "
            "and no ss shows it; counted as allocated sockets less those in use in every network "
            "namespace, for the whole host.",
            "A steady rise is a descriptor leak: a program that does not close sockets whose connection "
            "failed. It ends with that program's open files limit.",
            "Which program: `lsof -nP | grep 'protocol: TCP'` as root lists them with their owners (ss and "
            "netstat cannot).",
        ),
        State.CLOSE_WAIT: StateText(
            "CLOSE-WAIT",
            "the peer closed, our program has not",
            "The other side is finished and this host's kernel has acknowledged that. The socket now waits "
            "for our own program to close it. The kernel has no timeout for this.",
            "A steady rise is always a bug in the program here: it misses the end of the stream, or is "
            "stuck and no longer comes to its sockets. Waiting does not help.",
            "Which program: `ss -tnp state close-wait` as root. Restarting it frees them; the fix is in "
            "its code (close after an empty read) or in what it is stuck on.",
        ),
        State.LAST_ACK: StateText(
            "LAST-ACK",
            "both closed, our FIN is not acknowledged",
            "The other side closed, our program has closed too, and the last acknowledgement is missing. "
            "Healthy ones last one round trip.",
            "Peers or a path that no longer answer at the very end; often the same cause as a crowd in "
            "FIN-WAIT-1. The kernel gives up by itself (net.ipv4.tcp_orphan_retries).",
            "To whom: `ss -tno state last-ack`. One network: its firewall or NAT forgets too early.",
        ),
        State.LISTEN: StateText(
            "LISTEN",
            "sockets that accept connections",
            "A program waits here for clients. One socket a port and address, several where SO_REUSEPORT "
            "shares a port between workers. It is not a connection.",
            "A service was started; a fall means that one has stopped listening.",
            "Who listens: `ss -tlnp` as root. The columns Recv-Q and Send-Q are connections waiting to be "
            "accepted and the most that may wait.",
        ),
        State.CLOSING: StateText(
            "CLOSING",
            "both closed at once, one ACK is missing",
            "Both sides closed at the same moment and our FIN is not acknowledged yet. Rare and brief "
            "when healthy.",
            "A crowd means that acknowledgements are lost: the peer, or the path to it, no longer answers.",
            "To whom: `ss -tno state closing`; then the path: `mtr DESTINATION`.",
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
