"""Sends a series of values to a real server with its own stamps, and says what its alarms told of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tcpwatchd.config.config import parse
from tcpwatchd.daemon.change_filter import ChangeFilter
from tcpwatchd.kernel.kernel_limits import KERNEL_LIMITS
from tcpwatchd.metrics.catalogue import CATALOGUE, UPTIME
from tcpwatchd.metrics.triggers import TRIGGERS, applicable
from tcpwatchd.metrics.unchanged import Unchanged, unchanged
from tcpwatchd.model.batch import Batch, Delivered, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.template.render import TEMPLATE_NAME
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.processes import wait_for
from tests.lab.zabbix_stand import Stand
from tests.real.alarm_series import HOUR, USUAL_TEXTS, Series

# Of longer ones only the values that they are about are sent.
WHOLE_MINUTES = 6 * HOUR
MINUTES_AT_ONCE = 60
_AT_ONCE = 8  # hosts
LAST = UPTIME

# What a host that is well sends of the items that triggers look at.
_ZEROS = [
    key
    for key in CATALOGUE
    if unchanged(key) is Unchanged.ZERO_LEFT_OUT_LATER and not key.startswith("tcpwatchd.counter[")
]
_NUMBERS = {
    **{key: 3.0 for trigger in applicable(frozenset(CATALOGUE)).values() for key in trigger.keys},
    **{f"tcpwatchd.limit[{name}]": 20.0 for name in KERNEL_LIMITS},
    **dict.fromkeys(_ZEROS, 0.0),
    "tcpwatchd.listeners[full]": 0.0,
    "tcpwatchd.listeners[nearly_full]": 0.0,
    "tcpwatchd.counter[OutSegs]": 50000.0,
    "tcpwatchd.counter[RetransSegs]": 50.0,
    "tcpwatchd.self[samples]": 60.0,
    "tcpwatchd.self[refused_keys]": 0.0,
    "tcpwatchd.self[waiting_elsewhere]": 0.0,
    "tcpwatchd.ports[busiest]": 5.0,
    "tcpwatchd.sockets[established]": 5000.0,
    "tcpwatchd.sockets[listen]": 12.0,
}
_COUNTERS = (
    "ListenDrops", "ListenOverflows", "TCPReqQFullDrop", "TCPReqQFullDoCookies", "TCPAbortOnMemory",
    "TCPTimeWaitOverflow",
)  # fmt: skip
WELL: Mapping[str, float | str] = {
    **_NUMBERS,
    **{f"tcpwatchd.counter[{name}]": 0.0 for name in _COUNTERS},
    **{f"tcpwatchd.{key}": text for key, text in USUAL_TEXTS.items()},
}


def text_of(key: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.6f}" if CATALOGUE[key].value_type.value == "FLOAT" else str(round(value))


def values_of(series: Series, now_clock: int) -> Iterator[tuple[Value, ...]]:
    """What a daemon sends of it, push by push; the last push is now."""
    courses = {f"tcpwatchd.{key}": course for key, course in series.courses.items()}
    usual = WELL if series.minutes <= WHOLE_MINUTES else {}
    keys = [key for key in CATALOGUE if key in courses or key in usual or key == LAST]
    change_filter = ChangeFilter(parse("", "defaults").unchanged_s)
    for minute in range(series.minutes):
        stamp = Stamp(now_clock - 60 * (series.minutes - 1 - minute), 1)
        told = ((key, courses[key](minute) if key in courses else WELL.get(key, 60 * minute)) for key in keys)
        yield change_filter.changed(
            tuple(Value(key, text_of(key, value), stamp) for key, value in told if value is not None)
        )


def push(stand: Stand, host: str, series: Series, now_clock: int) -> None:
    """Sends all of it, and returns when its last values are in history.

    Each request waits until the one before is judged: a server whose preprocessing has much to do may take
    two of them in the wrong order, as each comes by a trapper process of its own.
    """
    (item,) = stand.api("item.get", {"host": host, "filter": {"key_": LAST}, "output": ["itemid"]})
    sender = Sender(parse_nodes(f"127.0.0.1:{stand.server_port}"), 60.0, Clock())
    waiting: list[Value] = []
    for minute, values in enumerate(values_of(series, now_clock)):
        waiting += values
        paced = any(minute in minutes or minute + 1 in minutes for minutes in series.paced)
        if paced or minute % MINUTES_AT_ONCE == 0 or minute == series.minutes - 1:
            outcome = sender.deliver(Batch(host, tuple(waiting), 0))
            assert isinstance(outcome, Delivered), outcome
            assert not outcome.refused
            waiting = []
            wait_for(partial(arrived, stand, item["itemid"], values[-1].stamp.clock), series.name, 240, 0.2)


def ready(stand: Stand, hosts: Mapping[str, Series]) -> None:
    """The hosts with their macros, and with the triggers enabled that they ask for."""
    for host, series in hosts.items():
        hostid = stand.create_host(host, TEMPLATE_NAME)
        for macro, value in series.macros.items():
            stand.api("usermacro.create", {"hostid": hostid, "macro": macro, "value": value})
        for name in series.enabled:
            (trigger,) = stand.api(
                "trigger.get", {"hostids": hostid, "filter": {"description": TRIGGERS[name].title}}
            )
            stand.api("trigger.update", {"triggerid": trigger["triggerid"], "status": 0})
    stand.wait_until_known(list(hosts)[-1])


Told = tuple[str, bool, int]
"""A trigger, whether a problem of it began or ended, and the minute of the series."""


def told(stand: Stand, host: str, series: Series, now_clock: int) -> list[Told]:
    triggers = stand.api("trigger.get", {"host": host, "output": ["triggerid", "description"]})
    names = {trigger.title: name for name, trigger in TRIGGERS.items()}
    by_id = {one["triggerid"]: names[one["description"]] for one in triggers}
    found = stand.api(
        "event.get",
        {
            "objectids": list(by_id),
            "sortfield": ["clock", "eventid"],
            "output": ["objectid", "value", "clock"],
        },
    )
    began = now_clock - 60 * (series.minutes - 1)
    return [
        (by_id[one["objectid"]], one["value"] == "1", (int(one["clock"]) - began) // 60)
        for one in found
        if by_id[one["objectid"]] != "nodata"  # by the clock of the server, not by stamps
    ]


def arrived(stand: Stand, itemid: str, clock: int) -> bool:
    """Whether the values of this second are in history; triggers are judged before they get there."""
    asked = {"history": 3, "itemids": itemid, "sortfield": "clock", "sortorder": "DESC", "limit": 1}
    found = stand.api("history.get", {**asked, "output": ["clock"]})
    return bool(found) and int(found[0]["clock"]) >= clock


def replay(stand: Stand, hosts: Mapping[str, str], series: Mapping[str, Series], now_clock: int) -> None:
    """Pushes all of them, and returns when they are judged. A few at the same time: of very many values at
    once, those of one push are judged apart.
    """
    longest_first = sorted(hosts, key=lambda name: (not series[name].paced, -series[name].minutes))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for one in [pool.submit(push, stand, hosts[name], series[name], now_clock) for name in longest_first]:
            one.result()
    time.sleep(3)
