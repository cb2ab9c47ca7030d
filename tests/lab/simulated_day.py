"""A day of a busy web server, minute by minute, as the daemon would have sent it: for pictures."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tcpwatchd.config.config import parse
from tcpwatchd.daemon.change_filter import ChangeFilter
from tcpwatchd.metrics.catalogue import selected
from tcpwatchd.metrics.metric import ValueType
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp

MINUTES = 1440
LEAK_FROM, FULL, DOWN = MINUTES - 300, range(MINUTES - 40, MINUTES - 28), range(700, 740)
SERVICES = ("443", "80", "8080", "5432", "6379")


@dataclass(frozen=True)
class Host:
    """`busy` scales its traffic; a program of it `leaks`, its accept queue is full in the minutes `full`."""

    name: str
    busy: float = 1.0
    leaks: bool = False
    full: range = range(0)
    version: str = "0.1.0"
    seed: int = 1


def values_of(
    host: Host,
    now_clock: int,
    minutes: int = MINUTES,
    services: Sequence[str] = SERVICES,
    unchanged_s: float | None = 600.0,
) -> Iterator[tuple[Value, ...]]:
    """What its daemon sends in the last of these minutes, push by push. It was down for forty of them."""
    metrics = {metric.key: metric for metric in selected(parse("", "defaults"))}
    change_filter, luck = ChangeFilter(unchanged_s), random.Random(host.seed)  # noqa: S311 - no secret
    before: dict[str, float] = {}
    for minute in range(MINUTES - minutes, MINUTES):
        if minute in DOWN:
            continue
        stamp = Stamp(now_clock - 60 * (MINUTES - 1 - minute), 1)
        now = {key: _as_counted(key, number) for key, number in _numbers(host, minute, luck)}
        values = []
        for key, metric in metrics.items():
            if key == "tcpwatchd.self[audit_difference]" and minute % 60:
                continue  # as often as audits that agree
            text = _text(key, now, before, metric.value_type)
            if text is not None:
                values.append(Value(key, text, stamp))
        values += _of_services(host, services, minute, luck, stamp)
        before = {key: number for key, number in now.items() if isinstance(number, float)}
        yield change_filter.changed(tuple(values))


def _as_counted(key: str, number: float | str) -> float | str:
    """Sockets are counted, and utilization is said to a hundredth."""
    if isinstance(number, str) or key.startswith(("self[", "peak[")):
        return number
    return (
        round(number, 2)
        if key.startswith(("limit[", "ports[busiest", "listeners[fullest]"))
        else float(round(number))
    )


def _text(
    key: str, now: Mapping[str, float | str], before: Mapping[str, float], kind: ValueType
) -> str | None:
    part, _, rest = key.removeprefix("tcpwatchd.").partition("[")
    name = rest.rstrip("]")
    number: float | str | None
    if part == "sockets.delta":
        state = f"sockets[{name}]"
        number = _float(now.get(state, 0.0)) - before.get(state, 0.0) if before else None
    elif part == "sockets.max":
        number = 1.15 * _float(now.get(f"sockets[{name}]", 0.0)) + _float(now.get(f"peak[{name}]", 0.0))
    elif part == "culprits":
        number = now.get(f"{part}[{name}]", "nobody: 0 sockets")
    else:
        number = now.get(f"{part}[{name}]", "" if kind is ValueType.CHAR else 0.0)
    if number is None or isinstance(number, str):
        return number
    return f"{number:.6f}".rstrip("0").rstrip(".") if kind is ValueType.FLOAT else str(round(number))


def _float(number: float | str) -> float:
    return number if isinstance(number, float) else 0.0


def _numbers(host: Host, minute: int, luck: random.Random) -> Iterator[tuple[str, float | str]]:
    day = 0.55 - 0.45 * math.cos(2 * math.pi * (minute - 120) / MINUTES)

    def about(number: float, spread: float = 0.05) -> float:
        return number * host.busy * day * luck.uniform(1 - spread, 1 + spread)

    leak = max(0.0, 1.5 * (minute - LEAK_FROM)) if host.leaks else 0.0
    is_full = minute in host.full
    established, time_wait = about(1200), about(2600)
    states: dict[str, float | str] = {
        "sockets[established]": established,
        "sockets[time_wait]": time_wait,
        "sockets[close_wait]": float(round(about(6, 0.5)) + round(leak)),
        "sockets.old[close_wait]": float(round(leak)),
        "sockets[fin_wait2]": about(40, 0.2),
        "sockets[fin_wait1]": about(3, 0.9),
        "sockets[last_ack]": about(2, 0.9),
        "sockets[syn_recv]": about(4, 0.9),
        "sockets[syn_sent]": about(3, 0.9),
        "peak[syn_recv]": about(25, 0.6),
        "peak[syn_sent]": about(12, 0.6),
        "sockets[listen]": 14.0,
        "sockets.orphaned[fin_wait2]": about(38, 0.2),
        "ports[busiest]": about(22, 0.1),
        "ports[used]": about(6200, 0.1),
        "ports[usable]": 28232.0,
        "ports[destination]": f"10.0.0.{host.seed % 200 + 5}:5432 ({round(about(22))}%)",
        "listeners[fullest]": 100.0 if is_full else about(3, 0.9),
        "listeners[full]": float(is_full),
        "listeners[nearly_full]": float(is_full),
        "listeners[fullest_address]": "0.0.0.0:443 (129 of 128, full)"
        if is_full
        else "0.0.0.0:443 (2 of 128)",
        "limit[time_wait]": 100 * time_wait / 131072,
        "limit[orphans]": about(0.2),
        "limit[memory_pressure]": about(9),
        "limit[memory]": about(6),
        "limit[files]": about(4, 0.02),
        "limit.used[memory]": about(90e6),
        "limit.used[orphans]": about(60, 0.2),
    }
    yield from states.items()
    others: dict[str, float | str] = {
        "counter[ActiveOpens]": about(9000),
        "counter[PassiveOpens]": about(16000),
        "counter[AttemptFails]": about(20, 0.9),
        "counter[OutSegs]": about(4e6),
        "counter[RetransSegs]": about(4000, 0.4),
        "counter[TCPSynRetrans]": about(300, 0.5),
        "counter[ListenOverflows]": about(700, 0.3) if is_full else 0.0,
        "counter[ListenDrops]": about(900, 0.3) if is_full else 0.0,
        "self[uptime]": 60.0 * (minute + 3000),
        "self[samples]": 60.0,
        "self[cpu]": 0.35 + luck.uniform(-0.03, 0.03),
        "self[sample_cpu]": 0.0018 + luck.uniform(-0.0002, 0.0002),
        "self[rss]": 21.3e6,
        "self[version]": host.version,
        "self[mode]": "fast",
        "self[backend]": "netlink",
    }
    yield from others.items()
    if leak > 50:
        yield "culprits[close_wait]", f"java[4211] {round(leak)} ({round(0.9 * leak)} for 10m), nginx[88] 5"
    yield "culprits[fin_wait2]", "nobody: few sockets"


def _of_services(
    host: Host, services: Sequence[str], minute: int, luck: random.Random, stamp: Stamp
) -> list[Value]:
    if not services:
        return []
    day = 0.55 - 0.45 * math.cos(2 * math.pi * (minute - 120) / MINUTES)
    found = "[" + ", ".join(f'{{"{{#SERVICE}}": "{name}"}}' for name in services) + "]"
    values = [Value("tcpwatchd.services.discovery", found, stamp)]
    for nth, name in enumerate(services):
        share = host.busy * day / (nth + 1)
        leak = max(0, round(1.5 * (minute - LEAK_FROM))) if host.leaks and name == "8080" else 0
        for state, number in {
            "established": 500 * share * luck.uniform(0.95, 1.05),
            "time_wait": 900 * share * luck.uniform(0.9, 1.1),
            "close_wait": leak,
            "listen": 1,
        }.items():
            values.append(Value(f"tcpwatchd.service[{name},{state}]", str(round(number)), stamp))
    return values
