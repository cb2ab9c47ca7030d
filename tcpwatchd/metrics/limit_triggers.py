"""Triggers for limits of the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.metrics.trigger import GONE, Trigger, near

_ENDS = "when the use falls below the recovery threshold"
_CONTEXT = (
    "a limit that is low by choice: give its threshold a context, as {{$TCPWATCHD.LIMIT.WARN:{limit}}}=101."
)

LIMIT_TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {
        "time_wait_limit": Trigger(
            "TCP: TIME_WAIT near tcp_max_tw_buckets",
            "TCP: TIME_WAIT at {ITEM.LASTVALUE1} of tcp_max_tw_buckets",
            "WARNING",
            *near("time_wait"),
            "The number of TIME_WAIT records is near the kernel's limit.",
            "beyond the limit the kernel keeps no records, and late packets may disturb new connections. "
            "Services continue.",
            "`ss -tn state time-wait` shows the peers. Raise net.ipv4.tcp_max_tw_buckets, or reuse "
            "connections.",
            _CONTEXT.format(limit="time_wait"),
            _ENDS + ".",
        ),
        "time_wait_overflow": Trigger(
            "TCP: TIME_WAIT records are not kept",
            "TCP: TIME_WAIT records are not kept: {ITEM.LASTVALUE1} in a push",
            "WARNING",
            "sum(/T/tcpwatchd.counter[TCPTimeWaitOverflow],<5m>)>{$TCPWATCHD.TWOVERFLOW.MIN} and "
            "last(/T/tcpwatchd.counter[TCPTimeWaitOverflow])>0",
            "sum(/T/tcpwatchd.counter[TCPTimeWaitOverflow],<5m>)=0",
            "The kernel ends connections without a TIME_WAIT record, because there are tcp_max_tw_buckets "
            "of them or memory is short.",
            "late packets may disturb new connections. Services continue.",
            "Raise net.ipv4.tcp_max_tw_buckets, or reuse connections; tcpwatchd.limit[time_wait] shows the "
            "use.",
            "a few records; it is not repeated while time_wait_limit says the same.",
            "when every record was kept for 5 minutes.",
            behind=("time_wait_limit",),
        ),
        "orphans_limit": Trigger(
            "TCP: Orphans near tcp_max_orphans",
            "TCP: Orphans at {ITEM.LASTVALUE1} of tcp_max_orphans",
            "WARNING",
            *near("orphans", "ORPHANS", "<10m>"),
            "For 10 minutes, programs have closed connections whose peers do not answer.",
            "from half of the limit on the kernel resets those whose peers do not answer, at the limit all.",
            "`ss -tno state fin-wait-1 state last-ack` shows the peers; net.ipv4.tcp_orphan_retries.",
            "a peak that is over within 10 minutes.",
            _ENDS + " for 10 minutes.",
            behind=GONE,
        ),
        "memory_pressure_limit": Trigger(
            "TCP: Memory near the begin of pressure",
            "TCP: Memory at {ITEM.LASTVALUE1} of where pressure begins",
            "WARNING",
            *near("memory_pressure"),
            "The buffers of all connections use nearly as much memory as TCP may use without pressure.",
            "above it windows become smaller and transfers slower. No data is lost.",
            "`ss -tm` shows the connections with the largest buffers. Does a program not read its data? "
            "See net.ipv4.tcp_mem (in pages).",
            _CONTEXT.format(limit="memory_pressure"),
            _ENDS + ".",
            behind=("memory_limit", *GONE),
        ),
        "memory_limit": Trigger(
            "TCP: Memory near its maximum",
            "TCP: Memory at {ITEM.LASTVALUE1} of its maximum",
            "HIGH",
            *near("memory", window="<3m>"),
            "For 3 minutes the buffers of all connections have used nearly as much memory as TCP may use.",
            "at the maximum the kernel drops data and resets connections of all services of the host.",
            "`ss -tm` shows the connections with the largest buffers; net.ipv4.tcp_mem, in pages.",
            "a peak that is shorter than 3 minutes: memory_pressure_limit has warned before.",
            _ENDS + " for 3 minutes.",
        ),
        "files_limit": Trigger(
            "Open files near fs.file-max",
            "Open files at {ITEM.LASTVALUE1} of fs.file-max",
            "HIGH",
            *near("files", window="<3m>"),
            "For 3 minutes the number of open files and sockets of the host was near its limit.",
            "at the limit only root can open files and sockets.",
            "`lsof -n | awk '{print $1, $2}' | sort | uniq -c | sort -n | tail` as root shows who holds "
            "them.",
            "a peak that is shorter than 3 minutes.",
            _ENDS + " for 3 minutes.",
        ),
        "reset_for_memory": Trigger(
            "TCP: Connections reset for want of memory",
            "TCP: Connections reset for want of memory: {ITEM.LASTVALUE1} in a push",
            "HIGH",
            "sum(/T/tcpwatchd.counter[TCPAbortOnMemory],<5m>)>0",
            "",
            "The kernel has reset connections because there were too many orphans or too little TCP memory.",
            "clients have lost connections.",
            "tcpwatchd.limit[orphans] and tcpwatchd.limit[memory] show the cause; `ss -tno state "
            "fin-wait-1` and `ss -tm` show the connections.",
            "use near a limit without a reset.",
            "when no connection was reset for 5 minutes.",
        ),
    }
)
