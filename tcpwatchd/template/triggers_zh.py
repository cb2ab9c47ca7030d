"""Texts of the triggers in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.template.text_zh import TriggerText

TRIGGERS_ZH: Mapping[str, TriggerText] = MappingProxyType(
    {
        "accept_queue_full": TriggerText(
            "程序接受连接不如到来得快：五次推送中有三次 accept 队列是满的。",
            "客户端无法连接，或者要等几秒。",
            "以 root 运行 `ss -tlnp` 显示程序（Recv-Q 大于 Send-Q）。它挂起、过载，还是在等数据库？如果它"
            "工作正常，就是 backlog 太短：listen() 的参数和 net.core.somaxconn。",
            "只满一次的队列，例如重新启动时：那是 accept_queue_full_once。",
            "5 分钟内没有 accept 队列是满的。",
        ),
        "accept_queue_full_once": TriggerText(
            "某次采样时监听套接字的 accept 队列是满的。",
            "有些客户端需要重试。如果持续下去，由 accept_queue_full 报告。",
            "以 root 运行 `ss -tlnp` 显示程序（Recv-Q 大于 Send-Q）。它挂起、过载，还是在等数据库？如果它"
            "工作正常，就是 backlog 太短：listen() 的参数和 net.core.somaxconn。",
            "接近满的队列。",
            "5 分钟内没有 accept 队列是满的，或者持续下去（由另一个报警接替）。",
        ),
        "accept_queue_nearly_full": TriggerText(
            "最近 5 分钟的每次推送中，都有 accept 队列用到 80% 或更多。",
            "还没有客户端被拒绝。",
            "以 root 运行 `ss -tlnp`：Recv-Q 是 accept 队列的长度，Send-Q 是上限。程序需要更多工作进程，"
            "或者更长的 backlog。",
            "一时变满又变空的队列。",
            "5 分钟内没有 accept 队列用到 80%。",
        ),
        "syn_dropped": TriggerText(
            "监听套接字的 SYN 队列已满，而 SYN cookies 是关闭的。",
            "真实的客户端也被拒绝。",
            "`ss -tn state syn-recv` 显示来源。对付洪水攻击：net.ipv4.tcp_syncookies=1。对真实的客户端："
            "更长的 backlog、net.ipv4.tcp_max_syn_backlog。",
            "少量多余的 SYN；accept 队列已满的监听套接字。",
            "5 分钟内没有丢弃 SYN。",
        ),
        "syn_cookies": TriggerText(
            "监听套接字的 SYN 队列已满；以 SYN cookie 应答 SYN。",
            "真实的客户端仍能连接，最坏情况是没有窗口扩大选项。",
            "`ss -tn state syn-recv` 显示来源：少数地址很多次，还是很多地址？对真实的客户端：更长的 "
            "backlog、net.ipv4.tcp_max_syn_backlog。",
            "少量多余的 SYN；accept 队列已满的监听套接字。",
            "5 分钟内没有发送 SYN cookie。",
        ),
        "connections_dropped": TriggerText(
            "内核丢弃到来的连接，突发比采样间隔更短：看不到满的 accept 队列。",
            "有些客户端要等一秒或更久才重试成功。",
            "是哪个监听套接字？看 `ss -tln` 的 Send-Q：backlog 最小的最先溢出。更长的 backlog（listen() "
            "和 net.core.somaxconn）能承受突发。",
            "少量丢弃；能看到 accept 队列或 SYN 队列已满的监听套接字。",
            "5 分钟内丢弃的少于阈值的十分之一。",
        ),
        "listeners_fell": TriggerText(
            "前一天在监听的程序不再监听。",
            "它们的服务已停止。",
            "以 root 运行 `ss -tlnp` 显示谁在监听；`systemctl --failed` 显示什么已结束。",
            "不到 5 分钟的重新启动。默认禁用，需要时启用：服务来来去去的主机上它每次都会报警。",
            "它们重新监听，或者约一天之后，较小的数目成为常态。",
        ),
        "close_wait_leak": TriggerText(
            "本机的程序不关闭对端已经关闭的连接：其中旧的越来越多。",
            "几小时或几天后程序没有描述符可用（`Too many open files`）。",
            "以 root 运行 `ss -tnp state close-wait` 显示程序。重新启动立即见效；代码里的超时或 close() "
            "长久见效。没有 sysctl 能帮忙。",
            "新的套接字，不论多少：突发、繁忙的一天、早晨。数目不变的、或者只增加过一次的旧套接字，例如部"
            "署之后。",
            "程序重新启动或关闭了套接字：数目降到一半，或者低于阈值。一天没有增长时也会结束。",
        ),
        "fin_wait2_leak": TriggerText(
            "程序对越来越多的连接关闭了发送方向，却不关闭连接。内核只清理孤儿连接。",
            "程序会用完描述符，与 CLOSE_WAIT 一样，但对端也可以结束这些连接。",
            "以 root 运行 `ss -tnp state fin-wait-2` 显示程序。它应当关闭套接字。",
            "新的套接字，不论多少：突发、繁忙的一天、早晨。数目不变的、或者只增加过一次的旧套接字，例如部"
            "署之后。",
            "程序重新启动或关闭了套接字：数目降到一半，或者低于阈值。一天没有增长时也会结束。",
        ),
        "descriptor_leak": TriggerText(
            "程序持有没有连接的套接字：打开后没有使用，或者被对端重置后没有关闭。netstat 和 ss 不显示它们。",
            "程序会用完描述符。",
            "以 root 运行 `ls /proc/[0-9]*/fd -l | grep -c socket`，或 `lsof -p PID | grep \"can't "
            'identify protocol"`，显示它们属于谁。',
            "新的套接字，不论多少：突发、繁忙的一天、早晨。数目不变的、或者只增加过一次的旧套接字，例如部"
            "署之后。需要 CAP_SYS_PTRACE 和 CAP_DAC_READ_SEARCH：没有它们就无法知道哪些套接字是旧的。",
            "程序重新启动或关闭了套接字：数目降到一半，或者低于阈值。一天没有增长时也会结束。",
        ),
        "no_answer": TriggerText(
            "本机发起的连接得不到应答，连拒绝也没有，而且已重发三次。",
            "需要这些对端的程序无法工作。本机自身正常。",
            "`ss -tno state syn-sent` 显示对端。主机宕机，还是防火墙丢弃了报文？",
            "能得到应答的连接请求，不论多少：爬虫、任务、繁忙的一天。",
            "5 分钟内得不到应答的少于 {$TCPWATCHD.UNANSWERED.OK}；只要对端不应答就一直保持。",
        ),
        "no_farewell": TriggerText(
            "本机已关闭连接，对端不确认，而且已重发三次。",
            "内核几分钟后清理它们。在此之前每个都作为孤儿占用内存。",
            "`ss -tno state fin-wait-1` 显示对端。网络路径中断，还是客户端消失了？",
            "只是较慢的对端；少数消失的客户端，例如手机。",
            "5 分钟内得不到应答的少于 {$TCPWATCHD.GONE.OK}。",
        ),
        "no_last_ack": TriggerText(
            "双方都已关闭，对端不确认，而且已重发三次。",
            "内核几分钟后清理它们。在此之前每个都作为孤儿占用内存。",
            "`ss -tno state last-ack` 显示对端。网络路径中断，还是客户端消失了？",
            "只是较慢的对端；少数消失的客户端，例如手机。",
            "5 分钟内得不到应答的少于 {$TCPWATCHD.GONE.OK}。",
        ),
        "connects_fail": TriggerText(
            "全部连接请求中有很大一部分被拒绝，或者在建立之前就结束，不论是本机发起的还是到本机的。",
            "有程序反复尝试不可能成功的事，或者有人在扫描本机。",
            "`ss -tn state syn-sent`、`ss -tn state syn-recv` 和客户端的日志：是哪个目的地在拒绝？",
            "与成功的连接相比很少的失败。",
            "15 分钟内没有达到阈值的一半。",
        ),
        "loss": TriggerText(
            "报文段丢失，或者延迟到需要重发。",
            "连接变慢，但不会失败。",
            "`ss -ti` 显示每个连接的重传：只有一个对端，还是全部？`ip -s link` 和 `ethtool -S` 显示本机网"
            "卡的错误。",
            "发送很少的主机；10 分钟内结束的丢包；无人应答的 SYN，例如爬虫发出的；完全消失的对端。",
            "15 分钟的比例低于恢复阈值。",
        ),
        "ports_used_up": TriggerText(
            "5 分钟以来，到同一个目的地的连接几乎用完了本机一个地址的全部临时端口。",
            "到 100% 时本机没有程序能再连接它（`Cannot assign requested address`）。其他目的地仍然正常。",
            "`ss -tan dst ADDRESS` 显示状态。如果多为 TIME_WAIT：复用连接，或者设置 "
            "net.ipv4.tcp_tw_reuse=1。如果多为 ESTABLISHED：以 root 运行 `ss -tnp` 显示程序。要更多端口："
            "net.ipv4.ip_local_port_range。",
            "一两次推送后就结束的高峰：那是 ports_near_limit。",
            "5 分钟内使用率低于恢复阈值。",
        ),
        "ports_near_limit": TriggerText(
            "到同一个目的地的连接几乎用完了本机一个地址的全部临时端口。",
            "到 100% 时没有程序能再连接该目的地。如果持续下去，由 ports_used_up 报告。",
            "`ss -tan dst ADDRESS` 显示状态。如果多为 TIME_WAIT：复用连接，或者设置 "
            "net.ipv4.tcp_tw_reuse=1。如果多为 ESTABLISHED：以 root 运行 `ss -tnp` 显示程序。要更多端口："
            "net.ipv4.ip_local_port_range。",
            "到许多目的地的许多连接：它们共用端口。",
            "5 分钟内使用率低于恢复阈值，或者持续下去（由另一个报警接替）。",
        ),
        "connections_fell": TriggerText(
            "ESTABLISHED 低于前一天平均值的 {$TCPWATCHD.FALL.PERCENT}% 的五分之一。",
            "客户端不再能到达本机，或者本机不能到达它的对端。",
            "服务还在监听吗（`ss -tln`）？网络路径正常吗，负载均衡是否不再转发？",
            "不到 5 分钟的下降。默认禁用，需要时启用：夜间空闲的主机每天晚上都会报警。",
            "连接恢复，或者约一天之后。",
        ),
        "time_wait_limit": TriggerText(
            "TIME_WAIT 记录的数目接近内核的上限。",
            "超过上限后内核不保留记录，迟到的报文可能干扰新的连接。服务继续运行。",
            "`ss -tn state time-wait` 显示对端。调大 net.ipv4.tcp_max_tw_buckets，或者复用连接。",
            "有意设得很低的上限：给阈值加上上下文，例如 {$TCPWATCHD.LIMIT.WARN:time_wait}=101。",
            "使用率低于恢复阈值。",
        ),
        "time_wait_overflow": TriggerText(
            "内核结束连接时没有保留 TIME_WAIT 记录，因为已有 tcp_max_tw_buckets 条，或者内存不足。",
            "迟到的报文可能干扰新的连接。服务继续运行。",
            "调大 net.ipv4.tcp_max_tw_buckets，或者复用连接；tcpwatchd.limit[time_wait] 显示使用率。",
            "少量记录；time_wait_limit 已经说明同一件事时不重复。",
            "5 分钟内每条记录都得到保留。",
        ),
        "orphans_limit": TriggerText(
            "10 分钟以来，程序关闭了连接，而对端不应答。",
            "从上限的一半开始，内核重置对端不应答的连接；达到上限时全部重置。",
            "`ss -tno state fin-wait-1 state last-ack` 显示对端；net.ipv4.tcp_orphan_retries。",
            "10 分钟内结束的高峰。",
            "10 分钟内使用率低于恢复阈值。",
        ),
        "memory_pressure_limit": TriggerText(
            "全部连接的缓冲区几乎用完了 TCP 在没有压力时可用的内存。",
            "超过之后窗口变小，传输变慢。数据不会丢失。",
            "`ss -tm` 显示缓冲区最大的连接。有程序不读取数据吗？见 net.ipv4.tcp_mem（单位是页）。",
            "有意设得很低的上限：给阈值加上上下文，例如 {$TCPWATCHD.LIMIT.WARN:memory_pressure}=101。",
            "使用率低于恢复阈值。",
        ),
        "memory_limit": TriggerText(
            "3 分钟以来，全部连接的缓冲区几乎用完了 TCP 可用的内存。",
            "达到最大值后内核丢弃数据，并重置主机上所有服务的连接。",
            "`ss -tm` 显示缓冲区最大的连接；net.ipv4.tcp_mem，单位是页。",
            "不到 3 分钟的高峰：memory_pressure_limit 之前已经警告过。",
            "3 分钟内使用率低于恢复阈值。",
        ),
        "files_limit": TriggerText(
            "3 分钟以来，主机打开的文件和套接字的数目接近上限。",
            "达到上限后只有 root 能打开文件和套接字。",
            "以 root 运行 `lsof -n | awk '{print $1, $2}' | sort | uniq -c | sort -n | tail` 显示谁持有它"
            "们。",
            "不到 3 分钟的高峰。",
            "3 分钟内使用率低于恢复阈值。",
        ),
        "reset_for_memory": TriggerText(
            "因为孤儿连接太多或 TCP 内存太少，内核重置了连接。",
            "客户端的连接已断开。",
            "tcpwatchd.limit[orphans] 和 tcpwatchd.limit[memory] 说明原因；`ss -tno state fin-wait-1` 和 "
            "`ss -tm` 显示连接。",
            "接近上限但没有重置。",
            "5 分钟内没有连接被重置。",
        ),
        "nodata": TriggerText(
            "这台主机没有值到来：守护进程停止、主机宕机，或者无法访问这个服务器。",
            "值在主机的磁盘上等待，会带着自己的时间戳到来，但在那之前没有报警。",
            "在主机上：`systemctl status tcpwatchd`，然后 `tcpwatchd backlog` 和 `journalctl -u tcpwatchd`。",
            "发送旧值的主机，不论多慢：每个请求都有心跳；守护进程从未发送过的主机。",
            "第一个值到来。",
        ),
        "backlog": TriggerText(
            "主机磁盘上最旧的值等待 zabbix.servers 的另一项（不是这个服务器）太久了。",
            "达到 spool.max_age 或 spool.max_size 之前不会丢失值。",
            "在主机上：`journalctl -u tcpwatchd`、`tcpwatchd backlog`。",
            "中断之后等待这个服务器自身的值。",
            "另一个服务器收到了较旧的值。",
        ),
        "keys_refused": TriggerText(
            "监控项缺少、被禁用、类型不是 trapper，或者不允许这个发送方。它们的值保存在主机的磁盘上，直到"
            "键被接受。",
            "达到 spool.max_age 之前不会丢失值。",
            "在主机上：`journalctl -u tcpwatchd`、`tcpwatchd backlog`。通常需要重新导入模板：`tcpwatchd "
            "template`。",
            "Zabbix 在 15 分钟内创建的监控项，例如新的服务的。",
            "每个键都被接受。",
        ),
        "values_lost": TriggerText(
            "主机的 spool 已满、太旧或损坏，未送达的值被删除。",
            "历史中缺少这些值。",
            "在主机上：`journalctl -u tcpwatchd`、`tcpwatchd backlog`。",
            "等待中的值，不论多久。",
            "最后一次丢失一天之后，或者手工关闭。",
        ),
        "no_samples": TriggerText(
            "最近几分钟的采样全部不完整，都被丢弃。守护进程自身在运行。",
            "这台主机的套接字没有被统计。",
            "在主机上：`journalctl -u tcpwatchd` 说明原因；`tcpwatchd sample` 采样一次。",
            "个别被丢弃的采样。",
            "第一次完整的采样。",
        ),
        "most_samples_dropped": TriggerText(
            "15 分钟内不完整的采样多于完整的。",
            "最小值和最大值缺少完整采样之间发生的事。发送的值是正确的。",
            "在主机上：`journalctl -u tcpwatchd` 说明原因。",
            "一部分采样，例如套接字变化很多时。",
            "丢弃的少于五分之一。",
        ),
        "psutil": TriggerText(
            "内核或服务的沙箱不允许 netlink（sock_diag）。",
            "一次采样的开销大一百倍，因此采样更少；没有 accept 队列、端口和持有者。计数是正确的。",
            "在主机上：`journalctl -u tcpwatchd` 说明原因。常见原因：缺少模块 tcp_diag，或者单元文件不允"
            "许 AF_NETLINK。",
            "用 netlink 读取的主机。",
            "守护进程重新以 netlink 启动。",
        ),
        "service_gone": TriggerText(
            "曾经有监听套接字的服务已有 5 分钟没有监听套接字。",
            "它的客户端被拒绝。",
            "以 root 运行 `ss -tlnp` 显示谁在监听；`systemctl --failed` 显示什么已结束。",
            "不到 5 分钟的重新启动；从未监听过的服务，例如按对端地址统计的。",
            "重新有程序监听。",
        ),
    }
)
