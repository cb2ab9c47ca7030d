"""STATE_TEXTS_ZH: the texts of `states` in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import StateText

RISE, LOOK, KEYS = "增多意味着：", "下一步：", "监控项："
COLON = "："

STATE_TEXTS_ZH: Mapping[State, StateText] = MappingProxyType(
    {
        State.ESTABLISHED: StateText(
            "ESTABLISHED",
            "已建立的连接",
            "双方都可以收发数据。对端若不声不响地消失，连接会一直停留在这里，直到发送数据或 keepalive 发现为止。",
            "客户端变多、连接池变大，或者客户端从不断开。这是负载而不是故障，直到接近服务程序的打开文件数上限。",
            "看对端：`ss -tn state established`。看程序：以 root 运行 `ss -tnp state established`。"
            "看上限：`prlimit --nofile --pid PID`。",
        ),
        State.SYN_SENT: StateText(
            "SYN-SENT",
            "本机发起连接，尚无应答",
            "本机已请求建立连接，正在等待应答。正常情况下只持续一个往返时间；得不到应答时会重发一到两分钟"
            "（net.ipv4.tcp_syn_retries）。",
            "本机要访问的服务器宕机、太慢，或者防火墙悄悄丢弃了报文。",
            "看目的地：`ss -tn state syn-sent`。只有一个目的地：是那台服务器的问题。有许多：查网络、DNS 或中间的防火墙。",
        ),
        State.SYN_RECV: StateText(
            "SYN-RECEIVED",
            "半连接，等待客户端的 ACK",
            "客户端已请求，本机已应答，还缺客户端的最后一个 ACK。正常情况下只持续一个往返时间，单次查看很难碰到，"
            "所以要看最大值。",
            "长时间大量存在，说明是 SYN 洪水攻击，或者我们的应答在路上丢失；每个最多等待 63 秒。启用 SYN cookies 时"
            "根本没有套接字，只有内核计数器 SyncookiesSent 增长。全连接队列满了也不会在这里显示，而是在 ListenOverflows。",
            "看端口：`ss -tn state syn-recv`。看内核丢弃了什么："
            "`nstat -az TcpExtListenOverflows TcpExtListenDrops TcpExtSyncookiesSent`。",
        ),
        State.FIN_WAIT1: StateText(
            "FIN-WAIT-1",
            "本机先关闭，FIN 未被确认",
            "本机先关闭了连接，正在等对端确认（以及尚未发完的数据被确认）。正常情况下只持续一个往返时间。",
            "对端消失（移动客户端、断掉的链路）或者不再读取数据：内核重发 FIN，直到 net.ipv4.tcp_orphan_retries 用完。"
            "在此之前每个都占用内存。",
            "看对端：`ss -tno state fin-wait-1`，timer 一列是重发情况。上限：`sysctl net.ipv4.tcp_max_orphans`。",
        ),
        State.FIN_WAIT2: StateText(
            "FIN-WAIT-2",
            "本机先关闭，等待对端关闭",
            "我们的关闭已被确认，对端还没有关闭。如果程序已经 close 了套接字，内核会在 net.ipv4.tcp_fin_timeout（60 秒）"
            "之后结束它。如果程序只是 shutdown 了发送方向而仍持有套接字，则没有时间限制。",
            "对端关闭得慢：无害，内核会清理，不会因此崩溃。无止境地增多，说明有程序半关闭之后忘了关闭。",
            "监控项 held 与 orphaned 可以区分两者。被程序持有的：以 root 运行 `ss -tnp state fin-wait-2` 会显示进程；"
            "不显示进程的由内核清理。",
        ),
        State.TIME_WAIT: StateText(
            "TIME-WAIT",
            "本机先关闭，为迟到的报文保留 60 秒",
            "本机先关闭了连接。内核保留一条小记录，以免迟到的报文干扰新连接；Linux 上固定为 60 秒，编译时写死，"
            "任何 sysctl 都不能改变（tcp_fin_timeout 管的是 FIN-WAIT-2）。",
            "有许多由本机先结束的短连接，通常正常。只有两处要紧：接近 net.ipv4.tcp_max_tw_buckets 时内核会丢弃记录；"
            "对同一个目的地，每条占用一个本地端口，默认共 28,232 个，即每秒约 470 个新连接。",
            "看对端：`ss -tn state time-wait`。办法：复用连接（keep-alive、连接池）；对外连接可用 net.ipv4.tcp_tw_reuse。",
        ),
        State.CLOSE: StateText(
            "CLOSED",
            "程序持有套接字，但没有连接",
            "存在却没有连接的套接字：刚打开、绑定了未使用，或者被对端复位而程序仍未关闭。它不在内核的任何表里，"
            "/proc/net/tcp 和 ss 都看不到；这里用全机已分配的套接字减去各网络命名空间在用的来计算。",
            "持续增多就是描述符泄漏：程序没有关闭连接失败的套接字。最终会达到该程序的打开文件数上限。",
            "看程序：以 root 运行 `lsof -nP | grep 'protocol: TCP'`（ss 和 netstat 看不到）。",
        ),
        State.CLOSE_WAIT: StateText(
            "CLOSE-WAIT",
            "对端已关闭，本机程序没有关闭",
            "对端已经结束，本机内核也已确认。现在等待本机的程序来关闭，内核对此没有超时。",
            "持续增多一定是本机程序的缺陷：没有发现流已结束，或者卡住了而不再处理它的套接字。等待无济于事。",
            "看程序：以 root 运行 `ss -tnp state close-wait`。重启程序可以释放；根本办法在代码里（读到空之后要 close），"
            "或者解决它卡住的原因。",
        ),
        State.LAST_ACK: StateText(
            "LAST-ACK",
            "双方都已关闭，FIN 未被确认",
            "对端先关闭，本机程序也关闭了，还缺最后一个确认。正常情况下只持续一个往返时间。",
            "对端或路径在最后一步不再应答；往往与 FIN-WAIT-1 的堆积同因。内核会自行放弃（net.ipv4.tcp_orphan_retries）。",
            "看对端：`ss -tno state last-ack`。若集中在一个网络：那里的防火墙或 NAT 过早遗忘了连接。",
        ),
        State.LISTEN: StateText(
            "LISTEN",
            "接受连接的套接字",
            "程序在此等待客户端。每个端口和地址一个；SO_REUSEPORT 让多个工作进程共用端口时有多个。它不是连接。",
            "有服务启动；减少则说明有服务停止了监听。",
            "看谁在监听：以 root 运行 `ss -tlnp`。Recv-Q 与 Send-Q 两列是等待被接受的连接数和上限。",
        ),
        State.CLOSING: StateText(
            "CLOSING",
            "双方同时关闭，还缺一个 ACK",
            "双方在同一时刻关闭，我们的 FIN 还没有被确认。正常情况下少见而短暂。",
            "堆积说明确认报文丢失：对端或到它的路径不再应答。",
            "看对端：`ss -tno state closing`；再看路径：`mtr DESTINATION`。",
        ),
    }
)
