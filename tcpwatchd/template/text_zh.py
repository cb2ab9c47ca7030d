"""What there is to say in Chinese of an item or a trigger, and the words around it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Text(NamedTuple):
    """What an item is, what a rise means, and what to look at next."""

    meaning: str
    rise: str = ""
    look: str = ""


class TriggerText(NamedTuple):
    """As the fields of Trigger with these names."""

    meaning: str
    why: str
    todo: str
    silent: str
    ends: str


# As Zabbix's own frontend has them.
SEVERITIES_ZH: Mapping[str, str] = MappingProxyType(
    {"INFO": "信息", "WARNING": "警告", "AVERAGE": "一般严重", "HIGH": "严重", "DISASTER": "灾难"}
)
STOPS_ZH = "。：；"
# Of the parts of the overview, in their order.
TITLES_ZH = (
    "状态（tcpwatchd explain STATE）：",
    "accept 队列（tcpwatchd explain KEY）：",
    "谁持有套接字，连接去往哪里（tcpwatchd explain KEY）：",
    "服务（tcpwatchd explain KEY）：",
    "内核的上限（tcpwatchd explain KEY）：",
    "内核的计数器（tcpwatchd explain NAME）：",
    "报警（tcpwatchd explain ALARM，或者报警的文字）：",
    "守护进程自身的值（tcpwatchd explain KEY）：",
)
TEMPLATE_ZH = (
    "主机的 TCP 套接字状态，由 tcpwatchd 采样并推送。由 `tcpwatchd template --lang zh` 输出；"
    "主机的配置改变之后请重新导入。"
)
SILENT_ZH, ENDS_ZH, BEGINS_WHEN_ZH, ENDS_WHEN_ZH = "不报警：", "结束：", "开始条件：", "结束条件："

# By what stands behind `{$TCPWATCHD.`.
MACROS_ZH: Mapping[str, str] = MappingProxyType(
    {
        "BACKLOG.AGE": "在主机上等待另一个服务器的最旧的值的最大年龄。",
        "FAILS.MIN": "15 分钟内失败的连接请求，不超过此数不报警。",
        "FALL.PERCENT": "下降：少于一天平均值的这个百分比。",
        "GONE.MIN": "一种状态中得不到应答的套接字，达到此数时对端已消失。上下文：fin_wait1、last_ack。",
        "GONE.OK": "恢复阈值，单位是套接字；上下文同上。",
        "LEAK.MANY": "一种状态中旧的套接字，达到此数后半小时的增长就是泄漏；上下文同下。",
        "LEAK.MIN": "一种状态中旧的套接字，不超过此数不报告泄漏。上下文：close_wait、fin_wait2、close。",
        "LEAK.TIME": "泄漏：这段时间的平均值连续增长三次，并且高于前一天。",
        "LIMIT.OK": "恢复阈值，百分比；上下文与警告阈值相同。",
        "LIMIT.WARN": (
            "内核上限的警告阈值，百分比。可用上下文指定一个上限：time_wait、memory、memory_pressure、"
            "files、ports。"
        ),
        "LISTENDROPS.MIN": "5 分钟内监听套接字丢弃的连接，不超过此数不报警。",
        "NODATA": "主机可以沉默多久：五次推送，至少一分钟。",
        "ORPHANS.OK": "恢复阈值，百分比。",
        "ORPHANS.WARN": "孤儿连接的警告阈值，百分比。从 50 开始内核重置其中一部分。",
        "RETRANS.MIN": "15 分钟内的报文段，少于此数不报告丢包。",
        "RETRANS.OK": "恢复阈值，百分比。",
        "RETRANS.WARN": "重传的警告阈值，占发送的报文段的百分比。",
        "SYNQUEUE.MIN": "5 分钟内超出 SYN 队列的 SYN，不超过此数不报警。",
        "TWOVERFLOW.MIN": "5 分钟内没有保留的 TIME_WAIT 记录，不超过此数不报警。",
        "UNANSWERED.MIN": "SYN_SENT 中得不到应答的套接字，达到此数时对端不应答。上下文：syn_sent。",
        "UNANSWERED.OK": "恢复阈值，单位是套接字；上下文同上。",
        "SERVICE.MATCHES": "正则表达式：匹配的服务获得监控项。",
        "SERVICE.NOT_MATCHES": "正则表达式：匹配的服务不获得监控项。",
        "NETNS.MATCHES": "正则表达式：匹配的网络命名空间获得监控项。",
        "NETNS.NOT_MATCHES": "正则表达式：匹配的网络命名空间不获得监控项。",
    }
)
