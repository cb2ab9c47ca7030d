"""TRIGGERS: one row an alarm: when it begins and ends, how bad that is and why, and what to do next.

Alone knows which alarms there are. Their thresholds and shapes are in `trigger`; must not know how a template
is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.diagnosis.ephemeral_ports import RUNNING_OUT
from tcpwatchd.kernel.accept_queues import FULL, NOBODY
from tcpwatchd.metrics.trigger import NODATA_MACRO, Trigger, crowd, leak, near

_JOURNAL = "On the host: `journalctl -u tcpwatchd`, `tcpwatchd backlog`."

TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {
        "accept_queue_full": Trigger(
            "TCP accept queue full: {ITEM.LASTVALUE1}",
            "HIGH",
            f'find(/T/tcpwatchd.listeners[fullest_address],,"like","{FULL})")=1',
            "max(/T/tcpwatchd.listeners[full],5m)=0",
            "A program does not accept connections as fast as they come, and its queue is full.",
            "clients get no connection at this moment, or wait for seconds.",
            "`ss -tlnp` as root shows the program (Recv-Q above Send-Q): is it alive, busy, waiting for a "
            "database? If it is well, its backlog is too short: what it gives to listen(), and "
            "net.core.somaxconn.",
        ),
        "accept_queue_nearly_full": Trigger(
            "TCP accept queue nearly full: {ITEM.LASTVALUE2}",
            "WARNING",
            "min(/T/tcpwatchd.listeners[nearly_full],5m)>0 and "
            f'find(/T/tcpwatchd.listeners[fullest_address],,"like","{NOBODY}")=0',
            "max(/T/tcpwatchd.listeners[nearly_full],5m)=0",
            "For five minutes a listener's accept queue has been filled to 80% or more, again and again.",
            "nobody is turned away yet.",
            "`ss -tlnp` as root: Recv-Q is what waits, Send-Q the backlog. Give the program more workers, or "
            "a longer backlog.",
            shown="{ITEM.LASTVALUE2}",
            silenced_by="accept_queue_full",
        ),
        "syn_dropped": Trigger(
            "TCP SYN queue full: SYNs are dropped",
            "HIGH",
            "sum(/T/tcpwatchd.counter[TCPReqQFullDrop],5m)>{$TCPWATCHD.SYNQUEUE.MIN}",
            "sum(/T/tcpwatchd.counter[TCPReqQFullDrop],5m)=0",
            "More connections are half-open than a listener may have, and SYN cookies are off.",
            "honest clients are turned away together with the others.",
            "`ss -tn state syn-recv` shows the sources. Against a flood: net.ipv4.tcp_syncookies=1. Real "
            "clients: a longer backlog, net.ipv4.tcp_max_syn_backlog.",
        ),
        "syn_cookies": Trigger(
            "TCP SYN flood, or a backlog too short: SYN cookies are sent",
            "WARNING",
            "sum(/T/tcpwatchd.counter[TCPReqQFullDoCookies],5m)>{$TCPWATCHD.SYNQUEUE.MIN}",
            "sum(/T/tcpwatchd.counter[TCPReqQFullDoCookies],5m)=0",
            "More connections are half-open than a listener may have; SYNs are answered by cookies.",
            "honest clients still get through, without window scaling in the worst case.",
            "`ss -tn state syn-recv` shows the sources: few clients many times, or many once? Real clients: "
            "a longer backlog, net.ipv4.tcp_max_syn_backlog.",
            silenced_by="syn_dropped",
        ),
        "close_wait_leak": Trigger(
            "TCP CLOSE_WAIT leak: {ITEM.LASTVALUE1}",
            "AVERAGE",
            *leak("tcpwatchd.sockets[close_wait]"),
            "Peers have closed, and a program of this host does not: their number only rises.",
            "it ends with that program out of descriptors (`Too many open files`), hours or days from now.",
            "`ss -tnp state close-wait` as root shows the program. Restarting it helps at once, a timeout or "
            "a close() in its code for good; no sysctl does.",
            named_by="tcpwatchd.culprits[close_wait]",
        ),
        "fin_wait2_leak": Trigger(
            "TCP FIN_WAIT2 leak: {ITEM.LASTVALUE1}",
            "WARNING",
            *leak("tcpwatchd.sockets.held[fin_wait2]"),
            "A program has shut down its sending side of ever more connections and holds them; the kernel "
            "ends only those that no program holds.",
            "as with CLOSE_WAIT descriptors run out, but the peer can end it too.",
            "`ss -tnp state fin-wait-2` as root shows the program. It should close what it has shut down.",
            named_by="tcpwatchd.culprits[fin_wait2]",
        ),
        "descriptor_leak": Trigger(
            "TCP descriptor leak, sockets without a connection: {ITEM.LASTVALUE1}",
            "AVERAGE",
            *leak("tcpwatchd.sockets[close]"),
            "Programs hold sockets that are not connected: opened and forgotten, or reset by the peer and "
            "not closed. netstat and ss show none of them.",
            "it ends with that program out of descriptors.",
            "As root: `ls /proc/[0-9]*/fd -l | grep -c socket`, or `lsof -p PID | grep \"can't identify "
            'protocol"`, shows whose they are.',
            named_by="tcpwatchd.culprits[close]",
        ),
        "ports_used_up": Trigger(
            "TCP ephemeral ports run out: {ITEM.LASTVALUE1}",
            "HIGH",
            f'find(/T/tcpwatchd.ports[destination],,"like","{RUNNING_OUT}")=1 and '
            "last(/T/tcpwatchd.ports[busiest])>={$TCPWATCHD.LIMIT.WARN}",
            "last(/T/tcpwatchd.ports[busiest])<{$TCPWATCHD.LIMIT.OK}",
            "Connections to one destination take nearly all local ports that one address of this host has "
            "for it.",
            "at 100% nothing on this host can connect to it (`Cannot assign requested address`), while all "
            "other destinations work.",
            "`ss -tan dst ADDRESS` shows in which state they are. TIME_WAIT: keep connections open and reuse "
            "them, or net.ipv4.tcp_tw_reuse=1. ESTABLISHED: `ss -tnp` as root shows who holds them. More "
            "room: net.ipv4.ip_local_port_range.",
        ),
        "time_wait_limit": Trigger(
            "TCP TIME_WAIT at {ITEM.LASTVALUE1} of tcp_max_tw_buckets",
            "WARNING",
            *near("time_wait"),
            "Nearly as many records of ended connections as the kernel keeps.",
            "beyond it records are thrown away, and late packets may disturb new connections; service goes "
            "on.",
            "`ss -tn state time-wait` shows to whom. Raise net.ipv4.tcp_max_tw_buckets, or reuse "
            "connections.",
        ),
        "orphans_limit": Trigger(
            "TCP orphans at {ITEM.LASTVALUE1} of tcp_max_orphans",
            "WARNING",
            *near("orphans", "ORPHANS"),
            "Connections that their programs have closed wait for peers that do not answer.",
            "from half of the limit on the kernel resets those of silent peers, at the limit all.",
            "`ss -tno state fin-wait-1 state last-ack` shows the peers; net.ipv4.tcp_orphan_retries.",
        ),
        "memory_pressure_limit": Trigger(
            "TCP memory at {ITEM.LASTVALUE1} of where pressure begins",
            "WARNING",
            *near("memory_pressure"),
            "Buffers of all connections take nearly as much memory as TCP may have in peace.",
            "beyond it windows shrink and transfers slow down; nothing is lost.",
            "`ss -tm` shows the connections with the largest buffers: readers that do not read? "
            "net.ipv4.tcp_mem, in pages.",
            silenced_by="memory_limit",
        ),
        "memory_limit": Trigger(
            "TCP memory at {ITEM.LASTVALUE1} of its maximum",
            "HIGH",
            *near("memory"),
            "Buffers of all connections take nearly as much memory as TCP may have at all.",
            "at the maximum data is dropped and connections are reset, on all services of the host.",
            "`ss -tm` shows the connections with the largest buffers; net.ipv4.tcp_mem, in pages.",
        ),
        "files_limit": Trigger(
            "Open files at {ITEM.LASTVALUE1} of fs.file-max",
            "HIGH",
            *near("files"),
            "The host has nearly as many files and sockets open as it may.",
            "at the limit no program but root's opens anything any more.",
            "`lsof -n | awk '{print $1, $2}' | sort | uniq -c | sort -n | tail` as root shows who holds "
            "them.",
        ),
        "reset_for_memory": Trigger(
            "TCP connections reset for want of memory",
            "HIGH",
            "sum(/T/tcpwatchd.counter[TCPAbortOnMemory],5m)>0",
            "",
            "The kernel has reset connections, because there were too many orphans or too little memory.",
            "it is no warning any more: clients have lost connections.",
            "tcpwatchd.limit[orphans] and tcpwatchd.limit[memory] tell which; `ss -tno state fin-wait-1` and "
            "`ss -tm` show the connections.",
        ),
        "no_answer": Trigger(
            "TCP peers do not answer, SYN_SENT: {ITEM.LASTVALUE1}",
            "AVERAGE",
            *crowd("tcpwatchd.sockets[syn_sent]"),
            "Programs of this host call, and nothing comes back, not even a refusal; far more than is usual "
            "here.",
            "what needs those peers stands still, while this host itself is well.",
            "`ss -tn state syn-sent` shows whom: a host that is down, or a firewall that drops.",
            named_by="tcpwatchd.culprits[syn_sent]",
        ),
        "no_farewell": Trigger(
            "TCP peers are gone: {ITEM.LASTVALUE1} connections wait in FIN_WAIT1",
            "WARNING",
            *crowd("tcpwatchd.sockets[fin_wait1]"),
            "This host has closed connections, and the peers acknowledge nothing; far more than is usual "
            "here.",
            "the kernel gives up after minutes by itself; until then each holds memory as an orphan.",
            "`ss -tno state fin-wait-1` shows the peers: a network path that broke, clients that vanished.",
        ),
        "no_last_ack": Trigger(
            "TCP peers are gone: {ITEM.LASTVALUE1} connections wait in LAST_ACK",
            "WARNING",
            *crowd("tcpwatchd.sockets[last_ack]"),
            "Both sides have closed, and the peers do not acknowledge the last of it; far more than is usual "
            "here.",
            "the kernel gives up after minutes by itself; until then each holds memory as an orphan.",
            "`ss -tno state last-ack` shows the peers: a network path that broke, clients that vanished.",
        ),
        "loss": Trigger(
            "TCP loss: more than {$TCPWATCHD.RETRANS.WARN}% of segments are sent again",
            "WARNING",
            "sum(/T/tcpwatchd.counter[OutSegs],15m)>{$TCPWATCHD.RETRANS.MIN} and "
            "100*sum(/T/tcpwatchd.counter[RetransSegs],15m)>{$TCPWATCHD.RETRANS.WARN}*sum(/T/tcpwatchd.counter[OutSegs],15m)",
            "sum(/T/tcpwatchd.counter[OutSegs],15m)<={$TCPWATCHD.RETRANS.MIN} or "
            "100*sum(/T/tcpwatchd.counter[RetransSegs],15m)<{$TCPWATCHD.RETRANS.OK}*sum(/T/tcpwatchd.counter[OutSegs],15m)",
            "Segments get lost on the way, or are delayed so long that they seem to.",
            "connections are slow, none fails for that alone.",
            "`ss -ti` shows retrans of each connection: is it one peer, or all? `ip -s link` and `ethtool "
            "-S` show errors of this host's own interfaces.",
            shown="{ITEM.LASTVALUE2} of {ITEM.LASTVALUE1} in the last push",
        ),
        "nodata": Trigger(
            f"tcpwatchd on {{HOST.NAME}} sends nothing for {NODATA_MACRO}",
            "AVERAGE",
            f"nodata(/T/tcpwatchd.self[uptime],{NODATA_MACRO})=1",
            "",
            "Nothing has arrived from this host: the daemon is stopped, the host is down, or the path to "
            "this server is broken.",
            "what was sampled meanwhile waits on the host's disk and comes with its own time stamps, but "
            "nobody is warned until then.",
            "On the host: `systemctl status tcpwatchd`, then `tcpwatchd backlog` and `journalctl -u "
            "tcpwatchd`.",
            shown="",
            scope="availability",
        ),
        "backlog": Trigger(
            "tcpwatchd: values wait for more than {$TCPWATCHD.BACKLOG.AGE}",
            "WARNING",
            "last(/T/tcpwatchd.self[spool_age])>{$TCPWATCHD.BACKLOG.AGE}",
            "",
            "The oldest value on the host's disk has been waiting for so long: for this server, or for "
            "another one of zabbix.servers.",
            "nothing is lost while spool.max_age and spool.max_size have room.",
            _JOURNAL,
            scope="availability",
        ),
        "keys_refused": Trigger(
            "tcpwatchd: {ITEM.LASTVALUE1} keys are refused by a server",
            "WARNING",
            "min(/T/tcpwatchd.self[refused_keys],15m)>0",
            "last(/T/tcpwatchd.self[refused_keys])=0",
            "Items are missing or disabled, are not of type trapper, or do not allow this sender; their "
            "values wait on the host's disk until they are taken.",
            "nothing is lost until spool.max_age.",
            _JOURNAL + " As a rule the template needs a new import: `tcpwatchd template`.",
            scope="availability",
        ),
        "values_lost": Trigger(
            "tcpwatchd: values were given up",
            "AVERAGE",
            "(last(/T/tcpwatchd.self[trimmed_by_age])+last(/T/tcpwatchd.self[trimmed_by_size])+last(/T/tcpwatchd.self[trimmed_refused])+last(/T/tcpwatchd.self[unspooled])+last(/T/tcpwatchd.self[damaged]))>0",
            "",
            "The spool on the host was full, too old or damaged, and values were removed undelivered.",
            "there is a gap in the graphs that nothing fills.",
            _JOURNAL,
            shown="",
            scope="availability",
        ),
        "no_samples": Trigger(
            "tcpwatchd: the kernel is not read",
            "AVERAGE",
            "max(/T/tcpwatchd.self[samples],5m)=0 and last(/T/tcpwatchd.self[samples_dropped])>0",
            "last(/T/tcpwatchd.self[samples])>0",
            "Every sample of the last minutes was less than whole and was dropped; the daemon itself runs.",
            "of this host nothing is known but that.",
            "On the host: `journalctl -u tcpwatchd` names the cause, `tcpwatchd sample` tries it by hand.",
            scope="availability",
        ),
    }
)


def applicable(keys: frozenset[str]) -> Mapping[str, Trigger]:
    """Those whose items are all there."""
    return {name: trigger.naming(keys) for name, trigger in TRIGGERS.items() if trigger.keys <= keys}
