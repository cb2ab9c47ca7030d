"""Triggers for peers: those that do not answer, connections that fail, segments that are lost, ports."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.diagnosis.ephemeral_ports import RUNNING_OUT
from tcpwatchd.metrics.trigger import DESTINATION, GONE, PROGRAM, Trigger

_BUSIEST = "/T/tcpwatchd.ports[busiest]"
_PORTS_LAST = f"count({_BUSIEST},<5m>)>1 and min({_BUSIEST},<5m>)>={{$TCPWATCHD.LIMIT.WARN:ports}}"
_PORTS_LOOK = (
    "`ss -tan dst ADDRESS` shows their states. If most are in TIME_WAIT: reuse connections, or set "
    "net.ipv4.tcp_tw_reuse=1. If most are ESTABLISHED: `ss -tnp` as root shows the programs. For more ports: "
    "net.ipv4.ip_local_port_range."
)


def _unanswered(state: str, prefix: str) -> tuple[str, str]:
    """In three of five pushes peers do not answer. What is 0 is not sent: it is counted, not averaged."""
    item = f"/T/tcpwatchd.sockets.unanswered[{state}]"
    return (
        f'count({item},<5m>,"ge","{{$TCPWATCHD.{prefix}.MIN:{state}}}")>=<most of 5m>',
        f'count({item},<5m>,"ge","{{$TCPWATCHD.{prefix}.OK:{state}}}")=0',
    )


_SEGMENTS, _AGAIN = "/T/tcpwatchd.counter[OutSegs]", "/T/tcpwatchd.counter[RetransSegs]"
_SYNS_AGAIN = "/T/tcpwatchd.counter[TCPSynRetrans]"


def _loss(window: str, threshold: str, compare: str = ">") -> str:
    """Of what was sent in a window, so much was sent again. SYNs that nobody answers are no loss: they are
    what no_answer looks at, and a crawler sends many of them.
    """
    again = f"(sum({_AGAIN},{window})-sum({_SYNS_AGAIN},{window}))"
    return f"100*{again}{compare}{{$TCPWATCHD.RETRANS.{threshold}}}*sum({_SEGMENTS},{window})"


PEER_TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {
        "no_answer": Trigger(
            "TCP: Peers do not answer (SYN_SENT)",
            "TCP: Peers do not answer (SYN_SENT): {ITEM.LASTVALUE1}",
            "AVERAGE",
            *_unanswered("syn_sent", "UNANSWERED"),
            "Connection attempts of this host get no answer, not even a refusal, though they were repeated "
            "three times.",
            "programs that need these peers do not work. This host itself works.",
            "`ss -tno state syn-sent` shows the peers. Is a host down, or does a firewall drop packets?",
            "attempts that are answered, however many: crawlers, jobs, a busy day.",
            "when fewer than {$TCPWATCHD.UNANSWERED.OK} attempts were unanswered for 5 minutes; as long as "
            "peers do not answer it stays.",
            shown="{ITEM.LASTVALUE2} unanswered; {ITEM.LASTVALUE1}",
            named_by="tcpwatchd.culprits[syn_sent]",
            tags=PROGRAM,
        ),
        "no_farewell": Trigger(
            "TCP: Peers are gone (FIN_WAIT1)",
            "TCP: Peers are gone: {ITEM.LASTVALUE1} connections wait in FIN_WAIT1",
            "WARNING",
            *_unanswered("fin_wait1", "GONE"),
            "This host has closed connections, and the peers do not acknowledge that, though it was "
            "repeated three times.",
            "the kernel removes them after some minutes. Until then each uses memory as an orphan.",
            "`ss -tno state fin-wait-1` shows the peers. Is a network path down, have clients disappeared?",
            "connections whose peers are only slow; a few clients that vanish, as phones do.",
            "when fewer than {$TCPWATCHD.GONE.OK} were unanswered for 5 minutes.",
            behind=("no_answer",),
        ),
        "no_last_ack": Trigger(
            "TCP: Peers are gone (LAST_ACK)",
            "TCP: Peers are gone: {ITEM.LASTVALUE1} connections wait in LAST_ACK",
            "WARNING",
            *_unanswered("last_ack", "GONE"),
            "Both sides have closed, and the peers do not acknowledge, though it was repeated three times.",
            "the kernel removes them after some minutes. Until then each uses memory as an orphan.",
            "`ss -tno state last-ack` shows the peers. Is a network path down, have clients disappeared?",
            "connections whose peers are only slow; a few clients that vanish, as phones do.",
            "when fewer than {$TCPWATCHD.GONE.OK} were unanswered for 5 minutes.",
            behind=("no_answer", "no_farewell"),
        ),
        "connects_fail": Trigger(
            "TCP: Connection attempts fail",
            "TCP: Connection attempts fail: {ITEM.LASTVALUE1} in a push",
            "WARNING",
            "sum(/T/tcpwatchd.counter[AttemptFails],<15m>)>{$TCPWATCHD.FAILS.MIN} and "
            "sum(/T/tcpwatchd.counter[AttemptFails],<15m>)>0.2*(sum(/T/tcpwatchd.counter[ActiveOpens],<15m>)"
            "+sum(/T/tcpwatchd.counter[PassiveOpens],<15m>)) and "
            "last(/T/tcpwatchd.counter[AttemptFails])>0.01*{$TCPWATCHD.FAILS.MIN}",
            "sum(/T/tcpwatchd.counter[AttemptFails],<15m>)<0.5*{$TCPWATCHD.FAILS.MIN}",
            "A large part of all connection attempts, from this host or to it, is refused or ends before it "
            "is established.",
            "a program tries again and again what cannot work, or somebody scans this host.",
            "`ss -tn state syn-sent` and `ss -tn state syn-recv`, and the logs of clients: which "
            "destination refuses?",
            "failures that are few beside the connections that work.",
            "when half of the threshold was not reached in 15 minutes.",
            behind=("no_answer",),
        ),
        "loss": Trigger(
            "TCP: More than {$TCPWATCHD.RETRANS.WARN}% of segments are sent again",
            "TCP: More than {$TCPWATCHD.RETRANS.WARN}% of segments are sent again",
            "WARNING",
            f"sum({_SEGMENTS},<15m>)>{{$TCPWATCHD.RETRANS.MIN}} and {_loss('<15m>', 'WARN')} and "
            f"{_loss('<5m>:now-<2x5m>', 'WARN')} and {_loss('<5m>', 'WARN')}",
            f"sum({_SEGMENTS},<15m>)<={{$TCPWATCHD.RETRANS.MIN}} or {_loss('<15m>', 'OK', '<')}",
            "Segments are lost, or delayed so long that they are sent again.",
            "connections are slow, but do not fail.",
            "`ss -ti` shows the retransmissions of each connection: of one peer, or of all? `ip -s link` "
            "and `ethtool -S` show errors of this host's interfaces.",
            "hosts that send little; a loss that is over after 10 minutes; SYNs that nobody answers, such as "
            "those of a crawler; peers that are gone altogether.",
            "when the share of 15 minutes is below the recovery threshold.",
            shown="{ITEM.LASTVALUE2} of {ITEM.LASTVALUE1} in the last push",
            behind=GONE,
        ),
        "ports_used_up": Trigger(
            "TCP: Ephemeral ports run out",
            "TCP: Ephemeral ports run out: {ITEM.LASTVALUE1}",
            "HIGH",
            _PORTS_LAST,
            f"max({_BUSIEST},<5m>)<{{$TCPWATCHD.LIMIT.OK:ports}}",
            "For 5 minutes, connections to one destination have used nearly all ephemeral ports of one "
            "address of this host.",
            "at 100% no program of this host can connect to it (`Cannot assign requested address`). Other "
            "destinations still work.",
            _PORTS_LOOK,
            "a peak that is over after a push or two: that is ports_near_limit.",
            "when the use was below the recovery threshold for 5 minutes.",
            named_by="tcpwatchd.ports[destination]",
            tags=DESTINATION,
        ),
        "ports_near_limit": Trigger(
            "TCP: Many ephemeral ports to one destination",
            "TCP: Many ephemeral ports to one destination: {ITEM.LASTVALUE1}",
            "WARNING",
            # The text decides too: a number may be judged with the text of the push before.
            f'find(/T/tcpwatchd.ports[destination],,"like","{RUNNING_OUT}")=1 and '
            f"last({_BUSIEST})>={{$TCPWATCHD.LIMIT.WARN:ports}} and not ({_PORTS_LAST})",
            f"max({_BUSIEST},<5m>)<{{$TCPWATCHD.LIMIT.OK:ports}} or ({_PORTS_LAST})",
            "Connections to one destination use nearly all ephemeral ports of one address of this host.",
            "at 100% no program can connect to that destination. If it lasts, ports_used_up takes over.",
            _PORTS_LOOK,
            "many connections to many destinations: they share the ports.",
            "when the use was below the recovery threshold for 5 minutes, or when it lasts.",
            named_by="tcpwatchd.ports[destination]",
            tags=DESTINATION,
        ),
        "connections_fell": Trigger(
            "TCP: Far fewer connections than usual",
            "TCP: Far fewer connections than usual: {ITEM.LASTVALUE1}",
            "AVERAGE",
            "500*max(/T/tcpwatchd.sockets[established],<5m>)<{$TCPWATCHD.FALL.PERCENT}*"
            "avg(/T/tcpwatchd.sockets[established],1d:now-1h)",
            "400*min(/T/tcpwatchd.sockets[established],<5m>)>{$TCPWATCHD.FALL.PERCENT}*"
            "avg(/T/tcpwatchd.sockets[established],1d:now-1h)",
            "ESTABLISHED is below a fifth of {$TCPWATCHD.FALL.PERCENT}% of the average of the day before.",
            "clients do not reach this host any more, or it does not reach its peers.",
            "Do the services listen (`ss -tln`)? Is the network path up, does the load balancer send "
            "nothing?",
            "falls that are shorter than 5 minutes. It is disabled until you enable it: a host that rests "
            "at night would fire each evening.",
            "when the connections are back, or after about a day.",
            behind=GONE,
            enabled=False,
        ),
    }
)
