"""Texts of states, limits, accept queues, ports, holders and discovered objects in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.template.text_zh import Text

_QUEUE_RISE = (
    "程序接受连接不如到来得快：它繁忙、挂起，或者 backlog 太短。到 100% 时内核丢弃连接，并计入 "
    "ListenOverflows；SYN_RECV 不显示这一点。"
)
_QUEUE_LOOK = (
    "以 root 运行 `ss -tlnp`：Recv-Q 是 accept 队列的长度，Send-Q 是上限，并列出程序。它还在工作吗？它的 "
    "backlog 是 listen() 的参数和 net.core.somaxconn 中较小的一个。"
)
_PORTS_RISE = (
    "程序到一个目的地打开了许多连接：没有连接池，或者打开得比结束得快。TIME_WAIT 中的端口还要占用 60 秒。"
    "到 100% 时 connect() 失败：`Cannot assign requested address`。"
)
_PORTS_LOOK = (
    "`ss -tan dst ADDRESS` 显示状态。如果多为 TIME_WAIT：复用连接（keep-alive、连接池），或者设置 "
    "net.ipv4.tcp_tw_reuse=1。如果多为 ESTABLISHED：以 root 运行 `ss -tnp` 显示程序。要更多端口：更宽的 "
    "net.ipv4.ip_local_port_range，或者任一方的第二个地址。"
)
_HOLDER_RISE = "套接字远多于其他程序、而且多数是旧的，就是泄漏。"
_HOLDER_LOOK = (
    "该程序的日志，以及它的打开文件数上限：`ls /proc/PID/fd | wc -l`、`grep files /proc/PID/limits`。重新"
    "启动立即见效；代码里的超时或 close() 长久见效。"
)
_HOLDERS = (
    "从 culprits.threshold 个套接字开始，每隔 intervals.culprits 查找一次。守护进程有 CAP_SYS_PTRACE 和 "
    "CAP_DAC_READ_SEARCH 时列出程序，否则列出用户和端口。括号里是旧的套接字数：泄漏时多数是旧的，突发时没"
    "有旧的。波浪号表示数目是从抽样估计的。"
)

# By the rest of the key, behind `tcpwatchd.`.
FOUND_ZH: Mapping[str, Text] = MappingProxyType(
    {
        "listeners[fullest]": Text(
            "最满的 accept 队列占其上限的百分比；自上次推送以来的最大值。",
            _QUEUE_RISE,
            _QUEUE_LOOK,
        ),
        "listeners[fullest_address]": Text(
            "accept 队列最满的监听套接字的地址和端口、队列长度和上限；然后是其他队列已满的监听套接字。",
            _QUEUE_RISE,
            _QUEUE_LOOK,
        ),
        "listeners[nearly_full]": Text(
            "accept 队列用到 80% 或更多的监听套接字的数目；自上次推送以来的最大值。",
            _QUEUE_RISE,
            _QUEUE_LOOK,
        ),
        "listeners[full]": Text(
            "accept 队列已满的监听套接字的数目；自上次推送以来的最大值。",
            _QUEUE_RISE,
            _QUEUE_LOOK,
        ),
        "ports[destination]": Text(
            "从本机一个地址出发、连接最多的目的地（地址和端口），以及已用和可用的临时端口数。",
            _PORTS_RISE,
            _PORTS_LOOK,
        ),
        "ports[busiest]": Text(
            "从本机一个地址到一个目的地（地址和端口）已用的临时端口，占可用端口的百分比。取最繁忙的目的地。",
            _PORTS_RISE,
            _PORTS_LOOK,
        ),
        "ports[used]": Text(
            "到最繁忙的目的地的连接，包括 TIME_WAIT。",
            _PORTS_RISE,
            _PORTS_LOOK,
        ),
        "ports[usable]": Text(
            "临时端口的数目：net.ipv4.ip_local_port_range，不含 ip_local_reserved_ports。",
            _PORTS_RISE,
            _PORTS_LOOK,
        ),
        "culprits[close_wait]": Text(
            "不关闭对端已关闭的连接的程序。" + _HOLDERS,
            _HOLDER_RISE,
            _HOLDER_LOOK,
        ),
        "culprits[fin_wait2]": Text(
            "关闭了发送方向、仍持有套接字的程序。" + _HOLDERS,
            _HOLDER_RISE,
            _HOLDER_LOOK,
        ),
        "culprits[syn_sent]": Text(
            "连接请求得不到应答的程序。" + _HOLDERS,
            _HOLDER_RISE,
            _HOLDER_LOOK,
        ),
        "culprits[established]": Text(
            "连接最多的程序。" + _HOLDERS,
            _HOLDER_RISE,
            _HOLDER_LOOK,
        ),
        "culprits[close]": Text(
            "持有没有连接的套接字的程序。要看到它们需要两项 capability。" + _HOLDERS,
            _HOLDER_RISE,
            _HOLDER_LOOK,
        ),
    }
)

# By the names in KERNEL_LIMITS.
LIMITS_ZH: Mapping[str, Text] = MappingProxyType(
    {
        "time_wait": Text(
            "已结束的连接的记录（TIME_WAIT 和孤儿 FIN_WAIT2），与 net.ipv4.tcp_max_tw_buckets 相比。",
            "达到上限后内核不再保留更多记录，并计入 TCPTimeWaitOverflow。",
            "调大 net.ipv4.tcp_max_tw_buckets（一条记录约 250 字节），或者复用连接。",
        ),
        "orphans": Text(
            "整个主机上不再被程序持有、又尚未结束的连接（多为 FIN_WAIT1 和 LAST_ACK），与 "
            "net.ipv4.tcp_max_orphans 相比。",
            "达到上限后内核重置它们，并计入 TCPAbortOnMemory。对端不应答的，从上限的一半开始就会被重置。",
            "`ss -tno state fin-wait-1 state last-ack` 显示对端；net.ipv4.tcp_orphan_retries。",
        ),
        "memory_pressure": Text(
            "主机上全部 TCP 缓冲区的内存，与 net.ipv4.tcp_mem 的第二个数相比。",
            "达到之后内核缩小缓冲区，吞吐量下降，并计入 TCPMemoryPressures。",
            "`ss -tm` 显示缓冲区最大的连接；net.ipv4.tcp_mem、tcp_rmem 和 tcp_wmem。",
        ),
        "memory": Text(
            "主机上全部 TCP 缓冲区的内存，与 net.ipv4.tcp_mem 的第三个数相比。",
            "达到之后不能再收发数据。内核日志写着 `out of memory -- consider tuning tcp_mem`。",
            "`ss -tm` 显示缓冲区最大的连接；net.ipv4.tcp_mem、tcp_rmem 和 tcp_wmem。",
        ),
        "files": Text(
            "整个主机打开的文件，包括套接字，与 fs.file-max 相比。",
            "达到之后只有 root 能打开文件或套接字。",
            "以 root 运行 `lsof -n | awk '{print $1, $2}' | sort | uniq -c | sort -n | tail` 显示打开文件"
            "最多的进程。",
        ),
    }
)

# By the names of statistics; without a rise, that of the state is meant.
STATISTICS_ZH: Mapping[str, Text] = MappingProxyType(
    {
        "value": Text(
            "处于该状态的套接字数。",
            "",
            "",
        ),
        "delta": Text(
            "自上次推送以来的变化；变少时为负。第一次推送和中断之后不发送。",
            "",
            "",
        ),
        "min": Text(
            "自上次推送以来全部采样的最小值。",
            "",
            "",
        ),
        "max": Text(
            "自上次推送以来全部采样的最大值。它能显示两次推送之间短暂的状态和突发。",
            "",
            "",
        ),
        "avg": Text(
            "自上次推送以来全部采样的平均值。",
            "",
            "",
        ),
        "ipv4": Text(
            "处于该状态的 IPv4 套接字。只有完整读取才能区分地址族。选择这个统计值时，每次推送的采样都是完"
            "整读取，只要 budget.cpu_percent 允许。",
            "",
            "",
        ),
        "ipv6": Text(
            "处于该状态的 IPv6 套接字，包括对端是 IPv4 的。与 ipv4 一样需要完整读取。",
            "",
            "",
        ),
        "held": Text(
            "仍被程序持有的套接字。程序关闭了发送方向并在等待，没有时间限制。",
            "程序半关闭连接（shutdown）后没有关闭它们，或者对端关闭得慢。",
            "以 root 运行 `ss -tnp state fin-wait-2` 显示进程。程序应当设置时间限制，或者关闭套接字。",
        ),
        "orphaned": Text(
            "不再被任何程序持有的套接字。内核在 net.ipv4.tcp_fin_timeout 之后清理它们。",
            "对端关闭得慢或已消失。这是无害的：内核会清理这些套接字。",
            "`ss -tn state fin-wait-2` 显示对端。内存不足时缩短 net.ipv4.tcp_fin_timeout。",
        ),
        "unanswered": Text(
            "报文段已重发三次或更多、仍无应答的套接字；自上次推送以来全部采样的最大值。默认情况下要经过 "
            "7 秒。psutil 后端不发送。",
            "对端不应答：主机宕机，或者防火墙丢弃报文。较慢的对端不计入。",
            "`ss -tno` 显示这些套接字的对端；`timer` 的最后一个数是重发的次数。",
        ),
        "old": Text(
            "处于该状态的时间超过 culprits.age 的套接字；FIN_WAIT2 只计被程序持有的。超过 50,000 个时从其"
            "中一部分估计。守护进程运行满这段时间之前不发送。CLOSE 从 culprits.threshold 个套接字开始统计"
            "，并且需要 CAP_SYS_PTRACE 和 CAP_DAC_READ_SEARCH。",
            "程序保留了本应关闭的套接字。如果数目连续增长几个小时，就是泄漏。",
            "tcpwatchd.culprits 列出程序。套接字随程序结束：重新启动立即见效，代码里的 close() 长久见效。",
        ),
    }
)

# What stands before the text of a thing, and what is said of discovered objects.
OTHERS_ZH: Mapping[str, Text] = MappingProxyType(
    {
        "counter": Text(
            "自上次推送以来的增量；第一次推送不发送。",
            "",
            "",
        ),
        "limit": Text(
            "已用量占上限的百分比。",
            "",
            "",
        ),
        "limit.used": Text(
            "已用的数目。",
            "",
            "",
        ),
        "limit.max": Text(
            "上限。",
            "",
            "",
        ),
        "service": Text(
            "该服务处于这个状态的套接字。",
            "",
            "",
        ),
        "service.large": Text(
            "主机的连接超过 8,192 个时，较大的服务的数目由抽样估计，误差一般在 5% 以内。",
            "",
            "",
        ),
        "service.delta": Text(
            "自上次推送以来的变化。",
            "",
            "",
        ),
        "rule.services": Text(
            "单独统计的服务：配置中的 `services` 和 `discover`。",
            "",
            "",
        ),
        "rule.namespaces": Text(
            "除主机自身之外的网络命名空间，例如容器的。仅当配置中 `namespaces` 打开时。名称是容器、单元或"
            "进程的名称（如果知道）。宏 {#POD}（UID）和 {#CONTAINER}（12 位）是监控项的标记，其他情况下为空。",
            "",
            "",
        ),
        "namespace.established": Text(
            "内核的计数器 CurrEstab，有些内核中它包括 CLOSE_WAIT。",
            "客户端变多，或者对外的连接变多。",
            "",
        ),
        "namespace.time_wait": Text(
            "已结束的连接的记录，包括孤儿 FIN_WAIT2。",
            "这个命名空间的程序先关闭的许多短连接。",
            "",
        ),
        "namespace.in_use": Text(
            "除 TIME_WAIT 之外所有状态的套接字。",
            "连接变多，或者程序不关闭它们。",
            "",
        ),
        "namespace.listen_overflows": Text(
            "自上次推送以来，因为 accept 队列已满而丢弃的连接。",
            "这个命名空间的程序接受连接不够快。",
            "",
        ),
        "namespace.look": Text(
            "`nsenter -t PID -n ss -tan`，PID 是该命名空间中某个进程的。",
            "",
            "",
        ),
    }
)
