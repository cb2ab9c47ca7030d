"""TRIGGERS: one row for each trigger: when it begins and ends, its severity and why, and what to do."""

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
            "A program does not accept connections as fast as they arrive, and its accept queue is full.",
            "clients cannot connect, or wait for seconds.",
            "`ss -tlnp` as root shows the program (Recv-Q above Send-Q). Does it hang, is it overloaded, "
            "does it wait for a database? If it works normally, its backlog is too short: the argument of "
            "listen(), and net.core.somaxconn.",
        ),
        "accept_queue_nearly_full": Trigger(
            "TCP accept queue nearly full: {ITEM.LASTVALUE2}",
            "WARNING",
            "min(/T/tcpwatchd.listeners[nearly_full],5m)>0 and "
            f'find(/T/tcpwatchd.listeners[fullest_address],,"like","{NOBODY}")=0',
            "max(/T/tcpwatchd.listeners[nearly_full],5m)=0",
            "In each push of the last 5 minutes an accept queue was filled to 80% or more.",
            "no client is rejected yet.",
            "`ss -tlnp` as root: Recv-Q is the length of the accept queue, Send-Q its limit. The program "
            "needs more workers, or a longer backlog.",
            shown="{ITEM.LASTVALUE2}",
            silenced_by="accept_queue_full",
        ),
        "syn_dropped": Trigger(
            "TCP SYN queue full: SYNs are dropped",
            "HIGH",
            "sum(/T/tcpwatchd.counter[TCPReqQFullDrop],5m)>{$TCPWATCHD.SYNQUEUE.MIN}",
            "sum(/T/tcpwatchd.counter[TCPReqQFullDrop],5m)=0",
            "The SYN queue of a listener is full, and SYN cookies are off.",
            "real clients are rejected too.",
            "`ss -tn state syn-recv` shows the sources. Against a flood: net.ipv4.tcp_syncookies=1. For "
            "real clients: a longer backlog, net.ipv4.tcp_max_syn_backlog.",
        ),
        "syn_cookies": Trigger(
            "TCP SYN flood, or a backlog too short: SYN cookies are sent",
            "WARNING",
            "sum(/T/tcpwatchd.counter[TCPReqQFullDoCookies],5m)>{$TCPWATCHD.SYNQUEUE.MIN}",
            "sum(/T/tcpwatchd.counter[TCPReqQFullDoCookies],5m)=0",
            "The SYN queue of a listener is full; SYNs are answered with SYN cookies.",
            "real clients still connect, at worst without window scaling.",
            "`ss -tn state syn-recv` shows the sources: a few addresses many times, or many addresses? For "
            "real clients: a longer backlog, net.ipv4.tcp_max_syn_backlog.",
            silenced_by="syn_dropped",
        ),
        "close_wait_leak": Trigger(
            "TCP CLOSE_WAIT leak: {ITEM.LASTVALUE1}",
            "AVERAGE",
            *leak("tcpwatchd.sockets[close_wait]"),
            "A program of this host does not close connections that its peers have closed: their number "
            "only rises.",
            "after hours or days the program has no descriptor left (`Too many open files`).",
            "`ss -tnp state close-wait` as root shows the program. A restart helps at once; a timeout or a "
            "close() in its code helps permanently. No sysctl helps.",
            named_by="tcpwatchd.culprits[close_wait]",
        ),
        "fin_wait2_leak": Trigger(
            "TCP FIN_WAIT2 leak: {ITEM.LASTVALUE1}",
            "WARNING",
            *leak("tcpwatchd.sockets.held[fin_wait2]"),
            "A program shuts down its sending side of more and more connections and does not close them. "
            "The kernel removes only orphaned ones.",
            "the program runs out of descriptors, as with CLOSE_WAIT, but the peer can end the connections "
            "too.",
            "`ss -tnp state fin-wait-2` as root shows the program. It should close the sockets.",
            named_by="tcpwatchd.culprits[fin_wait2]",
        ),
        "descriptor_leak": Trigger(
            "TCP descriptor leak, sockets without a connection: {ITEM.LASTVALUE1}",
            "AVERAGE",
            *leak("tcpwatchd.sockets[close]"),
            "Programs hold sockets without a connection: opened and not used, or reset by the peer and not "
            "closed. netstat and ss do not show them.",
            "the program runs out of descriptors.",
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
            "Connections to one destination use nearly all ephemeral ports of one address of this host.",
            "at 100% no program of this host can connect to it (`Cannot assign requested address`). Other "
            "destinations still work.",
            "`ss -tan dst ADDRESS` shows their states. If most are in TIME_WAIT: reuse connections, or set "
            "net.ipv4.tcp_tw_reuse=1. If most are ESTABLISHED: `ss -tnp` as root shows the programs. For "
            "more ports: net.ipv4.ip_local_port_range.",
        ),
        "time_wait_limit": Trigger(
            "TCP TIME_WAIT at {ITEM.LASTVALUE1} of tcp_max_tw_buckets",
            "WARNING",
            *near("time_wait"),
            "The number of TIME_WAIT records is near the kernel's limit.",
            "beyond the limit the kernel keeps no records, and late packets may disturb new connections. "
            "Services continue.",
            "`ss -tn state time-wait` shows the peers. Raise net.ipv4.tcp_max_tw_buckets, or reuse "
            "connections.",
        ),
        "orphans_limit": Trigger(
            "TCP orphans at {ITEM.LASTVALUE1} of tcp_max_orphans",
            "WARNING",
            *near("orphans", "ORPHANS"),
            "Programs have closed connections whose peers do not answer.",
            "from half of the limit on the kernel resets those whose peers do not answer, at the limit all.",
            "`ss -tno state fin-wait-1 state last-ack` shows the peers; net.ipv4.tcp_orphan_retries.",
        ),
        "memory_pressure_limit": Trigger(
            "TCP memory at {ITEM.LASTVALUE1} of where pressure begins",
            "WARNING",
            *near("memory_pressure"),
            "The buffers of all connections use nearly as much memory as TCP may use without pressure.",
            "above it windows become smaller and transfers slower. No data is lost.",
            "`ss -tm` shows the connections with the largest buffers. Does a program not read its data? "
            "See net.ipv4.tcp_mem (in pages).",
            silenced_by="memory_limit",
        ),
        "memory_limit": Trigger(
            "TCP memory at {ITEM.LASTVALUE1} of its maximum",
            "HIGH",
            *near("memory"),
            "The buffers of all connections use nearly as much memory as TCP may use.",
            "at the maximum the kernel drops data and resets connections of all services of the host.",
            "`ss -tm` shows the connections with the largest buffers; net.ipv4.tcp_mem, in pages.",
        ),
        "files_limit": Trigger(
            "Open files at {ITEM.LASTVALUE1} of fs.file-max",
            "HIGH",
            *near("files"),
            "The number of open files and sockets of the host is near its limit.",
            "at the limit only root can open files and sockets.",
            "`lsof -n | awk '{print $1, $2}' | sort | uniq -c | sort -n | tail` as root shows who holds "
            "them.",
        ),
        "reset_for_memory": Trigger(
            "TCP connections reset for want of memory",
            "HIGH",
            "sum(/T/tcpwatchd.counter[TCPAbortOnMemory],5m)>0",
            "",
            "The kernel has reset connections because there were too many orphans or too little TCP memory.",
            "clients have lost connections.",
            "tcpwatchd.limit[orphans] and tcpwatchd.limit[memory] show the cause; `ss -tno state "
            "fin-wait-1` and `ss -tm` show the connections.",
        ),
        "no_answer": Trigger(
            "TCP peers do not answer, SYN_SENT: {ITEM.LASTVALUE1}",
            "AVERAGE",
            *crowd("tcpwatchd.sockets[syn_sent]"),
            "Connection attempts of this host get no answer, not even a refusal; many more than usual.",
            "programs that need these peers do not work. This host itself works.",
            "`ss -tn state syn-sent` shows the peers. Is a host down, or does a firewall drop packets?",
            named_by="tcpwatchd.culprits[syn_sent]",
        ),
        "no_farewell": Trigger(
            "TCP peers are gone: {ITEM.LASTVALUE1} connections wait in FIN_WAIT1",
            "WARNING",
            *crowd("tcpwatchd.sockets[fin_wait1]"),
            "This host has closed connections, and the peers do not acknowledge; many more than usual.",
            "the kernel removes them after some minutes. Until then each uses memory as an orphan.",
            "`ss -tno state fin-wait-1` shows the peers. Is a network path down, have clients disappeared?",
        ),
        "no_last_ack": Trigger(
            "TCP peers are gone: {ITEM.LASTVALUE1} connections wait in LAST_ACK",
            "WARNING",
            *crowd("tcpwatchd.sockets[last_ack]"),
            "Both sides have closed, and the peers do not acknowledge; many more than usual.",
            "the kernel removes them after some minutes. Until then each uses memory as an orphan.",
            "`ss -tno state last-ack` shows the peers. Is a network path down, have clients disappeared?",
        ),
        "loss": Trigger(
            "TCP loss: more than {$TCPWATCHD.RETRANS.WARN}% of segments are sent again",
            "WARNING",
            "sum(/T/tcpwatchd.counter[OutSegs],15m)>{$TCPWATCHD.RETRANS.MIN} and "
            "100*sum(/T/tcpwatchd.counter[RetransSegs],15m)>{$TCPWATCHD.RETRANS.WARN}*sum(/T/tcpwatchd.counter[OutSegs],15m)",
            "sum(/T/tcpwatchd.counter[OutSegs],15m)<={$TCPWATCHD.RETRANS.MIN} or "
            "100*sum(/T/tcpwatchd.counter[RetransSegs],15m)<{$TCPWATCHD.RETRANS.OK}*sum(/T/tcpwatchd.counter[OutSegs],15m)",
            "Segments are lost, or delayed so long that they are sent again.",
            "connections are slow, but do not fail.",
            "`ss -ti` shows the retransmissions of each connection: of one peer, or of all? `ip -s link` "
            "and `ethtool -S` show errors of this host's interfaces.",
            shown="{ITEM.LASTVALUE2} of {ITEM.LASTVALUE1} in the last push",
        ),
        "nodata": Trigger(
            f"tcpwatchd on {{HOST.NAME}} sends nothing for {NODATA_MACRO}",
            "AVERAGE",
            f"nodata(/T/tcpwatchd.self[uptime],{NODATA_MACRO})=1",
            "",
            "No value has arrived from this host: the daemon is stopped, the host is down, or this server "
            "is not reachable.",
            "values wait on the host's disk and will arrive with their own time stamps, but there is no "
            "alarm until then.",
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
            "The oldest value on the host's disk waits too long: for this server, or for another one of "
            "zabbix.servers.",
            "no value is lost until spool.max_age or spool.max_size is reached.",
            _JOURNAL,
            scope="availability",
        ),
        "keys_refused": Trigger(
            "tcpwatchd: {ITEM.LASTVALUE1} keys are refused by a server",
            "WARNING",
            "min(/T/tcpwatchd.self[refused_keys],15m)>0",
            "last(/T/tcpwatchd.self[refused_keys])=0",
            "Items are missing or disabled, are not of type trapper, or do not allow this sender. Their "
            "values are stored on the host's disk until the key is accepted.",
            "no value is lost until spool.max_age.",
            _JOURNAL + " As a rule the template needs a new import: `tcpwatchd template`.",
            scope="availability",
        ),
        "values_lost": Trigger(
            "tcpwatchd: values were given up",
            "AVERAGE",
            "(last(/T/tcpwatchd.self[trimmed_by_age])+last(/T/tcpwatchd.self[trimmed_by_size])+last(/T/tcpwatchd.self[trimmed_refused])+last(/T/tcpwatchd.self[unspooled])+last(/T/tcpwatchd.self[damaged]))>0",
            "",
            "The spool of the host was full, too old or damaged, and undelivered values were removed.",
            "these values are missing in history.",
            _JOURNAL,
            shown="",
            scope="availability",
        ),
        "no_samples": Trigger(
            "tcpwatchd: the kernel is not read",
            "AVERAGE",
            "max(/T/tcpwatchd.self[samples],5m)=0 and last(/T/tcpwatchd.self[samples_dropped])>0",
            "last(/T/tcpwatchd.self[samples])>0",
            "All samples of the last minutes were incomplete and were dropped. The daemon itself runs.",
            "no sockets of this host are counted.",
            "On the host: `journalctl -u tcpwatchd` names the cause; `tcpwatchd sample` takes one sample.",
            scope="availability",
        ),
    }
)


def applicable(keys: frozenset[str]) -> Mapping[str, Trigger]:
    """Those whose items are all there."""
    return {name: trigger.naming(keys) for name, trigger in TRIGGERS.items() if trigger.keys <= keys}
