"""Texts of the kernel's counters in Chinese: by the names in KERNEL_COUNTERS."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.template.text_zh import Text

COUNTERS_ZH: Mapping[str, Text] = MappingProxyType(
    {
        "ActiveOpens": Text(
            "本机程序调用了 connect，发出了 SYN。",
            "对外的工作变多，或者连接没有被复用。",
            "`ss -tn state syn-sent state established` 显示对端。检查程序的连接池和 keep-alive。",
        ),
        "PassiveOpens": Text(
            "本机监听套接字完成的握手。",
            "客户端变多，或者客户端不复用连接。",
            "`ss -tn state established` 和服务的访问日志显示客户端。",
        ),
        "AttemptFails": Text(
            "在建立之前就结束的连接：被拒绝、超时或被重置，两个方向都算。",
            "本机要访问的服务宕机或拒绝连接，或者有人在扫描本机端口。",
            "`ss -tn state syn-sent` 显示不应答的对端。如果 SYN_SENT 和 TCPSynRetrans 也在增长，就是本机"
            "发起的连接。",
        ),
        "EstabResets": Text(
            "已建立的连接以重置而不是关闭结束。",
            "程序或对端崩溃，或者关闭时还有未读数据，或者防火墙、负载均衡丢弃了连接。",
            "如果 OutRsts 也在增长，是本机在重置。看相关程序的日志。",
        ),
        "OutSegs": Text(
            "发出的报文段，不含重传。",
            "流量变多。",
            "RetransSegs 占 OutSegs 的百分比就是丢包率。",
        ),
        "InSegs": Text(
            "收到的全部报文段，包括无效的。",
            "流量变多。",
            "与 OutSegs 和 InErrs 对比。",
        ),
        "RetransSegs": Text(
            "因为没有收到确认而重发的报文段。",
            "报文丢失或延迟。超过 OutSegs 的 1% 到 2% 时，连接会变慢。",
            "`ss -ti` 显示每个连接的 retrans 和 rto；`ip -s link` 显示网卡的错误和丢包。",
        ),
        "InErrs": Text(
            "校验和或头部错误的报文段。",
            "本机或路径上的网线、网卡或驱动有问题。",
            "网卡的 `ethtool -S`；关闭校验和卸载可以区分是网卡还是路径的问题。",
        ),
        "OutRsts": Text(
            "本机发出的重置：针对没有监听的端口，以及关闭时还有未读数据的连接。",
            "客户端访问没有运行的服务、端口扫描，或者程序关闭得太早。",
            "`ss -tln` 显示监听端口；`tcpdump 'tcp[tcpflags] & tcp-rst != 0'` 显示端口。",
        ),
        "ListenOverflows": Text(
            "握手已完成，但监听套接字的 accept 队列已满。客户端只能等待或被拒绝。",
            "程序接受连接不够快，或者 backlog 对突发流量来说太短。",
            "`ss -tln`：Recv-Q 是 accept 队列的长度，Send-Q 是上限。程序太慢，或者 backlog（listen 的参数"
            "、net.core.somaxconn）太短。",
        ),
        "ListenDrops": Text(
            "监听套接字因任何原因丢弃的 SYN 和握手：accept 队列已满（ListenOverflows）或内存不足。",
            "与 ListenOverflows 相同；如果后者不增长，就是内存不足。",
            "`ss -tln`：Recv-Q 是 accept 队列的长度，Send-Q 是上限。程序太慢，或者内存不足。",
        ),
        "TCPReqQFullDrop": Text(
            "收到 SYN 时，监听套接字的 SYN 队列已满，而 SYN cookies 是关闭的。",
            "SYN 洪水攻击，或者客户端远多于 backlog 所允许的。",
            "`ss -tn state syn-recv` 显示来源；net.ipv4.tcp_syncookies = 1；监听套接字的 backlog。",
        ),
        "TCPReqQFullDoCookies": Text(
            "收到 SYN 时，监听套接字的 SYN 队列已满，以 SYN cookie 作为应答。",
            "SYN 洪水攻击，或者同时到来的客户端多于 backlog 所允许的。真实的客户端仍然能连接。",
            "`ss -tn state syn-recv` 显示来源；监听套接字的 backlog 和 net.ipv4.tcp_max_syn_backlog。",
        ),
        "SyncookiesSent": Text(
            "作为 SYN 应答发出的 SYN cookie。",
            "与 TCPReqQFullDoCookies 相同。",
            "SyncookiesRecv 显示其中有多少是真实的客户端。",
        ),
        "SyncookiesRecv": Text(
            "用 SYN cookie 完成的握手：真实的客户端。",
            "如果接近 SyncookiesSent，是真实客户端的突发；如果低得多，是洪水攻击。",
            "如果是真实的客户端，给监听套接字更大的 backlog。",
        ),
        "SyncookiesFailed": Text(
            "用无效的 SYN cookie 完成握手的报文段。",
            "ACK 洪水攻击，或者客户端应答得太晚。",
            "在监听端口上运行 `tcpdump`。",
        ),
        "TCPSynRetrans": Text(
            "因为没有收到应答而重发的 SYN 和 SYN-ACK。",
            "本机要访问的服务完全不应答，或者客户端的地址是伪造的。",
            "`ss -tn state syn-sent` 显示对端。防火墙丢弃报文，或者主机宕机。",
        ),
        "TCPTimeouts": Text(
            "在重传超时时间内没有收到确认。这比快速重传更拖慢连接。",
            "对端消失，或者路径中断。",
            "`ss -ti` 显示每个连接的 retrans 和 rto；`ip -s link` 显示网卡的错误和丢包。",
        ),
        "TCPTimeWaitOverflow": Text(
            "连接结束时已达到 net.ipv4.tcp_max_tw_buckets，没有保留它的 TIME_WAIT 记录。",
            "连接结束得比可保留的记录更快；迟到的报文可能干扰新的连接。",
            "tcpwatchd.limit[time_wait]。调大 net.ipv4.tcp_max_tw_buckets，或者复用连接。",
        ),
        "TW": Text(
            "保留满 60 秒后结束的 TIME_WAIT 记录。",
            "本机先关闭的连接变多。",
            "`ss -tn state time-wait` 显示对端。",
        ),
        "TCPAbortOnMemory": Text(
            "因为孤儿连接太多或 TCP 内存太少，连接被重置。",
            "达到了内核的上限。客户端受到影响。",
            "把 `cat /proc/net/sockstat`（TCP：orphan、mem）与 net.ipv4.tcp_max_orphans 和 "
            "net.ipv4.tcp_mem 对比。",
        ),
        "TCPAbortOnTimeout": Text(
            "对端不应答任何重传，连接因此结束。",
            "对端消失：主机或路径故障，客户端休眠。",
            "`ss -ti` 显示每个连接的 retrans 和 rto；`ip -s link` 显示网卡的错误和丢包。",
        ),
        "TCPAbortFailed": Text(
            "需要发送重置，却没有内存来发送。",
            "套接字的内存已耗尽。",
            "把 `cat /proc/net/sockstat`（TCP：orphan、mem）与 net.ipv4.tcp_max_orphans 和 "
            "net.ipv4.tcp_mem 对比。",
        ),
        "TCPMemoryPressures": Text(
            "TCP 内存超过 net.ipv4.tcp_mem 第二个数的次数。",
            "内核缩小缓冲区，吞吐量下降。超过第三个数时会丢弃数据。",
            "把 `cat /proc/net/sockstat`（TCP：orphan、mem）与 net.ipv4.tcp_max_orphans 和 "
            "net.ipv4.tcp_mem 对比。",
        ),
        "TCPBacklogDrop": Text(
            "程序持有套接字的锁时收到报文段，而套接字的 backlog 已满。",
            "少数连接收到的数据多于程序能读取的。",
            "最繁忙的连接的 `ss -tmi`（skmem）；接收缓冲区。",
        ),
        "PruneCalled": Text(
            "接收缓冲区已满，内核对它进行了压缩。",
            "程序读取得太慢，或者缓冲区对路径来说太小。",
            "`ss -tm`：很大的 Recv-Q；net.ipv4.tcp_rmem。",
        ),
        "RcvPruned": Text(
            "压缩之后接收缓冲区仍然是满的，收到的数据被丢弃。",
            "与 PruneCalled 相同，但更严重。",
            "`ss -tm`：很大的 Recv-Q；net.ipv4.tcp_rmem。",
        ),
        "TCPRcvQDrop": Text(
            "因为连接的接收队列已满而丢弃的报文段。",
            "程序读取得太慢。",
            "`ss -tm`：很大的 Recv-Q。",
        ),
    }
)
