"""Triggers for the daemon itself: silence, values that wait or are lost, sockets that are not read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.metrics.self_metrics import ELSEWHERE, HEARTBEAT
from tcpwatchd.metrics.trigger import NODATA_MACRO, Trigger

_JOURNAL = "On the host: `journalctl -u tcpwatchd`, `tcpwatchd backlog`."
_LOST = ("trimmed_by_age", "trimmed_by_size", "trimmed_refused", "unspooled", "damaged")


def _own(name: str) -> str:
    return f"/T/tcpwatchd.self[{name}]"


DAEMON_TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {
        "nodata": Trigger(
            "tcpwatchd: No values from this host",
            f"tcpwatchd on {{HOST.NAME}} sends nothing for {NODATA_MACRO}",
            "AVERAGE",
            # There is no last value of a host that has never sent: then this cannot be judged, and is silent.
            f"nodata(/T/{HEARTBEAT},{NODATA_MACRO})=1 and nodata({_own('uptime')},{NODATA_MACRO})=1 and "
            f"last({_own('uptime')})>=0",
            "",
            "No value has arrived from this host: the daemon is stopped, the host is down, or this server "
            "is not reachable.",
            "values wait on the host's disk and will arrive with their own time stamps, but there is no "
            "alarm until then.",
            "On the host: `systemctl status tcpwatchd`, then `tcpwatchd backlog` and `journalctl -u "
            "tcpwatchd`.",
            "a host that sends old values, however slowly: each request has a heartbeat; a host whose daemon "
            "has never sent.",
            "with the first value that arrives.",
            shown="",
            scope="availability",
        ),
        "backlog": Trigger(
            "tcpwatchd: Values wait for another server",
            "tcpwatchd: values wait for another server for more than {$TCPWATCHD.BACKLOG.AGE}",
            "WARNING",
            f"last(/T/{ELSEWHERE})>{{$TCPWATCHD.BACKLOG.AGE}}",
            "",
            "The oldest value on the host's disk waits too long for another entry of zabbix.servers than "
            "this server.",
            "no value is lost until spool.max_age or spool.max_size is reached.",
            _JOURNAL,
            "values that waited for this server itself, after an outage.",
            "when the other server has the values that are older.",
            scope="availability",
        ),
        "keys_refused": Trigger(
            "tcpwatchd: Keys are refused by a server",
            "tcpwatchd: {ITEM.LASTVALUE1} keys are refused by a server",
            "WARNING",
            f"min({_own('refused_keys')},<15m>)>0",
            f"last({_own('refused_keys')})=0",
            "Items are missing or disabled, are not of type trapper, or do not allow this sender. Their "
            "values are stored on the host's disk until the key is accepted.",
            "no value is lost until spool.max_age.",
            _JOURNAL + " As a rule the template needs a new import: `tcpwatchd template`.",
            "items that Zabbix makes within 15 minutes, such as those of new services.",
            "when every key is accepted.",
            scope="availability",
        ),
        "values_lost": Trigger(
            "tcpwatchd: Values were given up",
            "tcpwatchd: values were given up",
            "AVERAGE",
            "+".join(f"last({_own(name)})" for name in _LOST) + ">0",
            "+".join(f"sum({_own(name)},1d)" for name in _LOST) + "=0",
            "The spool of the host was full, too old or damaged, and undelivered values were removed.",
            "these values are missing in history.",
            _JOURNAL,
            "values that wait, however long.",
            "a day after the last loss, or when it is closed by hand.",
            shown="",
            scope="availability",
        ),
        "no_samples": Trigger(
            "tcpwatchd: The kernel is not read",
            "tcpwatchd: the kernel is not read",
            "AVERAGE",
            f"max({_own('samples')},<5m>)=0 and last({_own('samples_dropped')})>0",
            f"last({_own('samples')})>0",
            "All samples of the last minutes were incomplete and were dropped. The daemon itself runs.",
            "no sockets of this host are counted.",
            "On the host: `journalctl -u tcpwatchd` names the cause; `tcpwatchd sample` takes one sample.",
            "single samples that are dropped.",
            "with the first whole sample.",
            scope="availability",
        ),
        "most_samples_dropped": Trigger(
            "tcpwatchd: Many samples are dropped",
            "tcpwatchd: many samples are dropped: {ITEM.LASTVALUE1} in a push",
            "WARNING",
            f"sum({_own('samples_dropped')},<15m>)>sum({_own('samples')},<15m>) and "
            f"min({_own('samples')},<5m>)>0 and last({_own('samples_dropped')})>0",
            f"sum({_own('samples_dropped')},<15m>)<0.2*sum({_own('samples')},<15m>)",
            "In 15 minutes more samples were incomplete than whole.",
            "minimum and maximum miss what happened between the whole samples. The values that are sent are "
            "right.",
            "On the host: `journalctl -u tcpwatchd` names the cause.",
            "a part of the samples, as while very many sockets change.",
            "when fewer than a fifth are dropped.",
            behind=("no_samples",),
            scope="availability",
        ),
        "psutil": Trigger(
            "tcpwatchd: Sockets are read with psutil",
            "tcpwatchd: sockets are read with psutil, which costs far more",
            "WARNING",
            f'last({_own("backend")})="psutil"',
            "",
            "The kernel or the sandbox of the service does not allow netlink (sock_diag).",
            "a sample costs a hundred times as much, so there are fewer; accept queues, ports and holders "
            "are not told. Counts are right.",
            "On the host: `journalctl -u tcpwatchd` names the cause. Usual: the module tcp_diag is missing, "
            "or AF_NETLINK is not allowed in the unit.",
            "hosts that read with netlink.",
            "when the daemon has started with netlink again.",
            scope="availability",
        ),
    }
)
