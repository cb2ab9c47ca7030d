"""Triggers for listeners: full accept queues and SYN queues, and connections that are dropped."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.kernel.accept_queues import FULL
from tcpwatchd.metrics.trigger import LISTENER, Trigger

_FULL, _NEARLY = "/T/tcpwatchd.listeners[full]", "/T/tcpwatchd.listeners[nearly_full]"
_LASTS = f'count({_FULL},<5m>,"gt","0")'
_ADDRESS = "tcpwatchd.listeners[fullest_address]"
_ACCEPT = ("accept_queue_full", "accept_queue_full_once")
_LOOK = (
    "`ss -tlnp` as root shows the program (Recv-Q above Send-Q). Does it hang, is it overloaded, does it "
    "wait for a database? If it works normally, its backlog is too short: the argument of listen(), and "
    "net.core.somaxconn."
)


def _sum(counter: str) -> str:
    return f"sum(/T/tcpwatchd.counter[{counter}],<5m>)"


LISTENER_TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {
        "accept_queue_full": Trigger(
            "TCP: Accept queue full",
            "TCP: Accept queue full: {ITEM.LASTVALUE1}",
            "HIGH",
            f"{_LASTS}>=<most of 5m>",
            f"{_LASTS}=0",
            "A program does not accept connections as fast as they arrive: its accept queue was full in "
            "three of five pushes.",
            "clients cannot connect, or wait for seconds.",
            _LOOK,
            "a queue that is full once, as at a restart: that is accept_queue_full_once.",
            "when no accept queue was full for 5 minutes.",
            named_by=_ADDRESS,
            tags=LISTENER,
        ),
        "accept_queue_full_once": Trigger(
            "TCP: Accept queue full for a moment",
            "TCP: Accept queue full for a moment: {ITEM.LASTVALUE1}",
            "WARNING",
            # The text decides too: a number may be judged with the text of the push before.
            f'find(/T/{_ADDRESS},,"like","{FULL})")=1 and last({_FULL})>0 and {_LASTS}<<most of 5m>',
            f"{_LASTS}=0 or {_LASTS}>=<most of 5m>",
            "The accept queue of a listener was full at a sample.",
            "some clients had to try again. If it lasts, accept_queue_full takes over.",
            _LOOK,
            "queues that are nearly full.",
            "when no accept queue was full for 5 minutes, or when it lasts.",
            named_by=_ADDRESS,
            tags=LISTENER,
        ),
        "accept_queue_nearly_full": Trigger(
            "TCP: Accept queue nearly full",
            "TCP: Accept queue nearly full: {ITEM.LASTVALUE1}",
            "WARNING",
            f'count({_NEARLY},<5m>,"eq","0")=0 and last({_NEARLY})>0 and last({_FULL})=0',
            f'count({_NEARLY},<5m>,"gt","0")=0',
            "In each push of the last 5 minutes an accept queue was filled to 80% or more.",
            "no client is rejected yet.",
            "`ss -tlnp` as root: Recv-Q is the length of the accept queue, Send-Q its limit. The program "
            "needs more workers, or a longer backlog.",
            "a queue that fills for a moment and empties again.",
            "when no accept queue was filled to 80% for 5 minutes.",
            behind=_ACCEPT,
            named_by=_ADDRESS,
            tags=LISTENER,
        ),
        "syn_dropped": Trigger(
            "TCP: SYN queue full, SYNs are dropped",
            "TCP: SYN queue full, {ITEM.LASTVALUE1} SYNs dropped in a push",
            "HIGH",
            f"{_sum('TCPReqQFullDrop')}>{{$TCPWATCHD.SYNQUEUE.MIN}}",
            f"{_sum('TCPReqQFullDrop')}=0",
            "The SYN queue of a listener is full, and SYN cookies are off.",
            "real clients are rejected too.",
            "`ss -tn state syn-recv` shows the sources. Against a flood: net.ipv4.tcp_syncookies=1. For "
            "real clients: a longer backlog, net.ipv4.tcp_max_syn_backlog.",
            "a few SYNs in excess; a listener whose accept queue is full.",
            "when no SYN was dropped for 5 minutes.",
            behind=_ACCEPT,
        ),
        "syn_cookies": Trigger(
            "TCP: SYN flood, or a backlog too short: SYN cookies are sent",
            "TCP: SYN flood, or a backlog too short: {ITEM.LASTVALUE1} SYN cookies in a push",
            "WARNING",
            f"{_sum('TCPReqQFullDoCookies')}>{{$TCPWATCHD.SYNQUEUE.MIN}} and "
            "last(/T/tcpwatchd.counter[TCPReqQFullDoCookies])>0",
            f"{_sum('TCPReqQFullDoCookies')}=0",
            "The SYN queue of a listener is full; SYNs are answered with SYN cookies.",
            "real clients still connect, at worst without window scaling.",
            "`ss -tn state syn-recv` shows the sources: a few addresses many times, or many addresses? For "
            "real clients: a longer backlog, net.ipv4.tcp_max_syn_backlog.",
            "a few SYNs in excess; a listener whose accept queue is full.",
            "when no SYN cookie was sent for 5 minutes.",
            behind=("syn_dropped", *_ACCEPT),
        ),
        "connections_dropped": Trigger(
            "TCP: Listeners drop connections",
            "TCP: Listeners drop connections: {ITEM.LASTVALUE1} in a push",
            "AVERAGE",
            f"{_sum('ListenDrops')}>{{$TCPWATCHD.LISTENDROPS.MIN}} and "
            'count(/T/tcpwatchd.counter[ListenDrops],<5m>,"gt","0")>1 and '
            "last(/T/tcpwatchd.counter[ListenDrops])>0",
            f"{_sum('ListenDrops')}<0.1*{{$TCPWATCHD.LISTENDROPS.MIN}}",
            "The kernel drops connections that arrive, in bursts that are shorter than the interval of "
            "samples: no accept queue is seen full.",
            "some clients wait for a second or more, until they try again.",
            "Which listener? `ss -tln` for Send-Q: the smallest backlogs are the first to overflow. A "
            "longer backlog (listen() and net.core.somaxconn) takes a burst.",
            "a few drops; a listener whose accept queue or SYN queue is seen full.",
            "when less than a tenth of the threshold was dropped in 5 minutes.",
            behind=("syn_dropped", "syn_cookies", *_ACCEPT),
        ),
        "listeners_fell": Trigger(
            "TCP: Fewer listeners than usual",
            "TCP: Fewer listeners than usual: {ITEM.LASTVALUE1}",
            "AVERAGE",
            "100*max(/T/tcpwatchd.sockets[listen],<5m>)<{$TCPWATCHD.FALL.PERCENT}*"
            "avg(/T/tcpwatchd.sockets[listen],1d:now-1h)",
            "100*min(/T/tcpwatchd.sockets[listen],<5m>)>1.2*{$TCPWATCHD.FALL.PERCENT}*"
            "avg(/T/tcpwatchd.sockets[listen],1d:now-1h)",
            "Programs that listened the day before do not listen any more.",
            "their services are down.",
            "`ss -tlnp` as root shows what listens; `systemctl --failed` what has ended.",
            "a restart that takes less than 5 minutes. It is disabled until you enable it: on hosts where "
            "services come and go it would fire each time.",
            "when they listen again, or after about a day, when the smaller number is the usual one.",
            enabled=False,
        ),
    }
)
