"""Texts of the daemon's own values in Chinese: by the name in `tcpwatchd.self[NAME]`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.template.text_zh import Text

OWN_VALUES_ZH: Mapping[str, Text] = MappingProxyType(
    {
        "uptime": Text(
            "守护进程启动以来的时间。每次推送都发送。",
            "它一直增长。变小说明守护进程重新启动过。",
            "在主机上：`systemctl status tcpwatchd`，然后 `journalctl -u tcpwatchd` 说明原因。",
        ),
        "heartbeat": Text(
            "随每个请求发送；它的时间戳是发送的时间。值是请求中其他最新的值的年龄：0 或 1，发送积压时更大。",
            "主机在发送等待过的值，最旧的在前。",
            "如果没有它，主机什么都不发送：在主机上 `systemctl status tcpwatchd`，然后 `tcpwatchd backlog`。",
        ),
        "waiting_elsewhere": Text(
            "磁盘上尚未被 zabbix.servers 的另一项接受的最旧的值的年龄。它随心跳发送，保持为 0 时每小时只"
            "发送一次。",
            "另一个 Zabbix server 或 proxy 无法访问，或者不接受值。",
            "主机上的 `tcpwatchd backlog` 显示什么在等待、等待哪个服务器、从何时开始。",
        ),
        "version": Text(
            "正在运行的版本。",
            "升级时改变。",
            "`tcpwatchd --version` 显示已安装的版本；服务重启之前两者不同。",
        ),
        "backend": Text(
            "如何读取套接字：`netlink`（sock_diag，开销小）或 `psutil`（后备：结果正确，但要读取每个进程"
            "的每个描述符）。",
            "变成 psutil 说明内核或服务的沙箱不再允许 netlink。",
            "主机上的 `journalctl -u tcpwatchd` 说明原因。常见原因：缺少模块 tcp_diag，或者单元文件不允许"
            " AF_NETLINK。",
        ),
        "mode": Text(
            "`fast`：ESTABLISHED 和 TIME_WAIT 取自内核的计数器，其他套接字逐个读取。`full`：全部逐个读取。",
            "变成 full 说明这台主机上的计数器不可靠：见 audit_difference。",
            "主机上的 `journalctl -u tcpwatchd` 说明原因。否则是配置里 sampler.mode 为 full。",
        ),
        "audit_difference": Text(
            "内核的计数器与完整读取之间相差的套接字数，已扣除其间的变化；自上次推送以来的最大值。只随有核"
            "对的推送发送（sampler.audit）。",
            "一次：连接的突发。连续三次核对不一致后不再使用计数器，模式变成 full，直到核对一致满一天。",
            "主机上的 `journalctl -u tcpwatchd` 说明原因。请连同内核版本一起报告。",
        ),
        "samples": Text(
            "自上次推送以来完整的采样数。最小、最大和平均值由它们算出，有些状态还用到 counter_samples。",
            "等于 intervals.push 除以 intervals.sample。更少说明有采样被丢弃、错过或省去。",
            "与 samples_dropped、samples_missed 和 samples_spared 对比。",
        ),
        "counter_samples": Text(
            "自上次推送以来，两次完整采样之间只读取计数器和监听套接字的次数。ESTABLISHED、TIME_WAIT、"
            "LISTEN、CLOSE 的最小、最大和平均值，以及 accept 队列，由 samples 和 counter_samples 共同算出"
            "。",
            "大于 0 说明采样开销较大，因此采得较少：见 samples_spared。",
            "tcpwatchd.self[sample_interval] 和 [sample_cpu]；更大的 budget.cpu_percent 允许更多采样。",
        ),
        "samples_dropped": Text(
            "自上次推送以来，因为内核的应答被截断、中断或拒绝而丢弃的采样。不完整的计数看起来会像下降。",
            "套接字变化很多时有几次是无害的。如果全部被丢弃，说明内核不应答，不发送状态的值。",
            "主机上的 `journalctl -u tcpwatchd` 说明原因。",
        ),
        "samples_missed": Text(
            "自上次推送以来，因为守护进程繁忙、停止或挂起而错过的采样时刻。",
            "主机缺少 CPU、曾经挂起，或者一次采样比 intervals.sample 还长。",
            "把 sample_cpu 与 intervals.sample 对比；看主机的负载。",
        ),
        "samples_spared": Text(
            "自上次推送以来，为了不超过 budget.cpu_percent 而没有完整采样的时刻。这时改为读取计数器：见 "
            "counter_samples。",
            "采样开销变大：套接字变多，或者不再使用 netlink 或 fast 模式。",
            "对比 sample_cpu、backend 和 mode；更大的 budget.cpu_percent 采样更多。",
        ),
        "failures": Text(
            "自上次推送以来失败的部分：一次检查、/proc 的一个读取、一个值。它们的值缺失，其他值照常发送。"
            "失败的采样计入 samples_dropped。",
            "一次：读取时进程或命名空间结束了。每次推送都有：tcpwatchd 在这台主机上读不到某些东西。",
            "主机上的 `journalctl -u tcpwatchd` 说明原因。带 traceback 的行是程序错误：请报告。",
        ),
        "sample_interval": Text(
            "intervals.sample，或者为了不超过 budget.cpu_percent 而取的它的倍数。",
            "采样开销变大：套接字变多，或者不再使用 netlink 或 fast 模式。",
            "对比 sample_cpu、backend 和 mode；更大的 budget.cpu_percent 采样更多。",
        ),
        "cpu": Text(
            "自上次推送以来守护进程的 CPU 时间，占一个核的百分比。第一次推送不发送。",
            "套接字变多、intervals.sample 变短，或者正在发送积压。",
            "budget.cpu_percent 限制采样的开销；intervals.sample 更长，开销按比例降低。",
        ),
        "sample_cpu": Text(
            "一次采样的 CPU 时间，包括内核；自上次推送以来的平均值。",
            "随主机的套接字数增长。",
            "full 模式下高几倍，psutil 后端下高很多倍：见这两个监控项。",
        ),
        "rss": Text(
            "守护进程的常驻内存。",
            "它与套接字数无关；持续增长是 tcpwatchd 的程序错误。",
            "重新启动，并报告图形。",
        ),
        "clock_steps": Text(
            "自上次推送以来系统时钟被调整的次数：一秒或更多，或者向后调整到时间戳倒退。",
            "前后的值的时间不一致。时钟向后调整时，两个值可能是同一秒。",
            "`timedatectl`、`chronyc tracking`；主机上的 `journalctl -u tcpwatchd` 说明调整了多少。",
        ),
        "spool_values": Text(
            "磁盘上尚未被服务器接受的值；取各目的地的最大值，不含本次推送。",
            "服务器不应答或不接受值。只要 spool 还有空间，值就不会丢失。",
            "主机上的 `tcpwatchd backlog` 显示什么在等待、等待哪个服务器、从何时开始。",
        ),
        "spool_age": Text(
            "磁盘上最旧的值的年龄。",
            "服务器已经这么久无法访问。超过 spool.max_age 后，最旧的值被丢弃。",
            "主机上的 `tcpwatchd backlog` 显示什么在等待、等待哪个服务器、从何时开始。",
        ),
        "spool_size": Text(
            "spool 已用的字节数。",
            "服务器无法访问时增长。达到 spool.max_size 后，最旧的值被丢弃。",
            "主机上的 `tcpwatchd backlog` 显示什么在等待、等待哪个服务器、从何时开始。",
        ),
        "memory_values": Text(
            "不在磁盘上、也尚未被服务器接受的值，不含本次推送。它们从内存发送（最多 1 MiB）。守护进程被杀"
            "死时会丢失。",
            "spool 的磁盘已满、只读、有故障或没有响应。",
            "主机上的 `journalctl -u tcpwatchd` 说明原因。然后：`df -h`、`df -i`、`dmesg`。",
        ),
        "disk_hang": Text(
            "spool 的磁盘多久没有应答；5 秒内应答则为 0。采样和发送从内存继续。",
            "备份冻结了文件系统、网络磁盘无法访问，或者磁盘有故障。",
            "主机上的 `journalctl -u tcpwatchd` 说明原因。然后：`dmesg`、`mount`、备份的时间。",
        ),
        "trimmed_by_age": Text(
            "自上次推送以来，因为比 spool.max_age 更旧而删除的未送达的值。",
            "长时间中断的数据丢失，最旧的在前。",
            "主机上的 `tcpwatchd backlog` 显示什么在等待、等待哪个服务器、从何时开始。更大的 "
            "spool.max_age 保留更多。",
        ),
        "trimmed_by_size": Text(
            "自上次推送以来，因为 spool 达到 spool.max_size 而删除的未送达的值。",
            "长时间中断的数据丢失，最旧的在前。",
            "主机上的 `tcpwatchd backlog` 显示什么在等待、等待哪个服务器、从何时开始。更大的 "
            "spool.max_size 保留更多。",
        ),
        "trimmed_refused": Text(
            "自上次推送以来删除的、键被拒绝的值：达到 spool 的界限时键仍被拒绝，或者服务器已从配置中删除。",
            "通常是 Zabbix 中缺少监控项已有 spool.max_age 之久。",
            "`tcpwatchd backlog` 列出这些键。创建监控项，或者不发送该统计值（statistics）。",
        ),
        "unspooled": Text(
            "自上次推送以来丢失的值：磁盘不可写（已满、只读、有故障）的时间太长，内存缓冲也满了。",
            "磁盘不可写和服务器无法访问同时持续了几个小时。",
            "主机上的 `journalctl -u tcpwatchd` 说明原因。然后：`df -h`、`df -i`、`mount | grep ro,`。",
        ),
        "damaged": Text(
            "自上次推送以来因 spool 文件损坏而丢失的值；数目未知时为 1。损坏的文件保留为 spool.db.damaged。",
            "磁盘有故障，或者曾经断电。",
            "主机上的 `journalctl -u tcpwatchd` 说明原因。检查磁盘：`dmesg`、SMART 值。",
        ),
        "refused": Text(
            "自上次推送以来被服务器拒绝的值，或者键被拒绝的值。它们一直保存到键被接受。",
            "Zabbix 中缺少监控项、监控项被禁用、类型不是 trapper，或者不允许这个发送方。",
            "主机上的 `tcpwatchd backlog` 列出这些键。通常需要重新导入模板。",
        ),
        "refused_keys": Text(
            "被服务器拒绝的键的数目。每十分钟和重新加载时再试。",
            "Zabbix 中缺少监控项、监控项被禁用、类型不是 trapper，或者不允许这个发送方。",
            "主机上的 `tcpwatchd backlog` 列出这些键。通常需要重新导入模板。",
        ),
        "set_aside": Text(
            "磁盘上键被拒绝的值。它们一直保存到键被接受。",
            "键被拒绝期间每次推送都增长，直到 spool 的界限。",
            "主机上的 `tcpwatchd backlog` 显示什么在等待、等待哪个服务器、从何时开始。",
        ),
    }
)
