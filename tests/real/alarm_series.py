"""SERIES: courses of a host, a value a minute, and the alarms that are due in each: plain rows.

Half of them are life, half are faults. `python -m tests.real.test_alarm_series NAME` runs one row through a
real Zabbix 6.0 server and prints what it told; without a NAME it lists them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tcpwatchd.diagnosis.culprits import few
from tcpwatchd.diagnosis.ephemeral_ports import NOWHERE
from tcpwatchd.kernel.accept_queues import NOBODY

HOUR, DAY = 60, 1440
Course = Callable[[int], "float | str | None"]
"""A value for each minute; None: nothing is sent."""


@dataclass(frozen=True)
class Due:
    """A problem: which trigger, from when to when it may begin, and to end (None: it stays)."""

    trigger: str
    begins: tuple[int, int]
    ends: tuple[int, int] | None = None


@dataclass(frozen=True)
class Series:
    """`courses` by key without `tcpwatchd.`; what is not there is as on a host that is well. `macros` are set
    on the host, `enabled` are triggers that are disabled by default. The minutes in `paced` are sent one by
    one: whether another problem is open is judged when a value is judged, not by its stamp.
    """

    name: str
    minutes: int
    courses: Mapping[str, Course]
    due: tuple[Due, ...] = ()
    macros: Mapping[str, str] = field(default_factory=dict)
    enabled: tuple[str, ...] = ()
    paced: tuple[range, ...] = ()


def always(value: float | str) -> Course:
    return lambda _: value


def nothing(_minute: int) -> None:
    """Is not sent."""
    return


def step(at: int, before: float | str, after: float | str) -> Course:
    return lambda minute: before if minute < at else after


def during(begin: int, end: int, value: float | str | Course, otherwise: float | str = 0) -> Course:
    def course(minute: int) -> float | str | None:
        if not begin <= minute < end:
            return otherwise
        return value(minute) if callable(value) else value

    return course


def ramp(begin: int, end: int, low: float, high: float) -> Course:
    return lambda minute: low + (high - low) * min(1.0, max(0.0, (minute - begin) / (end - begin)))


def noisy(course: Course, percent: float, seed: int = 1) -> Course:
    """Evenly up to `percent` above and below; the same at each run."""

    def told(minute: int) -> float | str | None:
        value = course(minute)
        luck = random.Random(1000 * seed + minute)  # noqa: S311 - to be repeated, not to hide
        return (
            value * (1 + luck.uniform(-percent, percent) / 100) if isinstance(value, (float, int)) else value
        )

    return told


def daily(low: float, high: float, begin: int = 8 * HOUR, end: int = 20 * HOUR) -> Course:
    """Low at night, high in the middle of the day."""

    def course(minute: int) -> float:
        of_day = minute % DAY
        if not begin <= of_day < end:
            return low
        return low + (high - low) * math.sin(math.pi * (of_day - begin) / (end - begin))

    return course


def added(*courses: Course) -> Course:
    return lambda minute: sum(value for one in courses if isinstance(value := one(minute), (float, int)))


def leak(an_hour: float, begin: int, end: int) -> Course:
    return during(begin, end, lambda minute: an_hour * (minute - begin) / HOUR)


OLD, UNANSWERED, SOCKETS = "sockets.old", "sockets.unanswered", "sockets"
BASE = noisy(always(200), 15)
FULL = "0.0.0.0:80 (129 of 129, full)"
RUNNING_OUT = "192.0.2.7:80 from 192.0.2.1 (25748 of 28232 ports, running out)"


def hung(begin: int, end: int) -> Mapping[str, Course]:
    """A program that does not accept."""
    return {
        "listeners[full]": during(begin, end, 1),
        "listeners[nearly_full]": during(begin, end, 1),
        "listeners[fullest_address]": during(begin, end, FULL, NOBODY),
    }


def no_peers(begin: int, end: int) -> Mapping[str, Course]:
    """The network to all peers is cut."""
    return {
        f"{UNANSWERED}[syn_sent]": during(begin, end, 250),
        f"{UNANSWERED}[fin_wait1]": during(begin + 1, end, 400),
        f"{UNANSWERED}[last_ack]": during(begin + 1, end, 300),
        f"{SOCKETS}[syn_sent]": during(begin, end, 260, 3),
        "counter[RetransSegs]": during(begin, end, 9000, 50),
        "counter[AttemptFails]": during(begin + 2, end, 3000, 3),
        "limit[orphans]": during(begin + 3, end, 45, 5),
        "limit[memory_pressure]": during(begin + 10, end, 90, 20),
        f"{SOCKETS}[established]": during(begin + 5, end, 4, 5000),
    }


LIFE = (
    Series("deploy: 40 to 130 old ones, constant", 12 * HOUR, {
        f"{SOCKETS}[close_wait]": step(300, 40, 130), f"{OLD}[close_wait]": step(310, 40, 130)}),
    Series("traffic has doubled", 6 * HOUR, {f"{SOCKETS}[close_wait]": step(200, 100, 200)}),
    Series("150 to 151", 6 * HOUR, {f"{OLD}[close_wait]": step(200, 150, 151)}),
    Series("unconnected, 140 to 141", 6 * HOUR, {
        f"{SOCKETS}[close]": step(200, 140, 141), f"{OLD}[close]": step(210, 140, 141)}),
    Series("a host that sleeps at night", 2 * DAY, {
        f"{SOCKETS}[close_wait]": daily(0, 300), f"{OLD}[close_wait]": daily(0, 60)}),
    Series("Monday after a weekend", 2 * DAY, {
        f"{SOCKETS}[close_wait]": during(DAY + 400, 2 * DAY, ramp(DAY + 400, DAY + 600, 0, 400)),
        f"{OLD}[close_wait]": during(DAY + 400, 2 * DAY, ramp(DAY + 400, DAY + 500, 0, 150))}),
    Series("a constant pool of old ones", 2 * DAY, {f"{OLD}[close_wait]": BASE}),
    Series("a saw of old ones", DAY, {
        f"{OLD}[close_wait]": lambda minute: 300 + 200 * (minute // 20 % 2)}),
    Series("old ones below the threshold rise", DAY, {f"{OLD}[fin_wait2]": ramp(0, DAY, 0, 99)}),
    Series("a nightly crawler", 6 * HOUR, {
        f"{SOCKETS}[syn_sent]": during(120, 140, 300, 2), f"{UNANSWERED}[syn_sent]": during(120, 140, 9)}),
    Series("a weekly job that calls dead hosts twice", 4 * HOUR, {
        f"{UNANSWERED}[syn_sent]": lambda minute: 300 if minute in (100, 101) else 0}),
    Series("FIN_WAIT1 of the evening", 8 * HOUR, {
        f"{SOCKETS}[fin_wait1]": daily(5, 900, 60, 400),
        f"{UNANSWERED}[fin_wait1]": noisy(daily(0, 60, 60, 400), 20)}),
    Series("LAST_ACK at lunch", 8 * HOUR, {
        f"{SOCKETS}[last_ack]": daily(5, 600, 60, 200), f"{UNANSWERED}[last_ack]": daily(0, 20, 60, 200)}),
    Series("real work for the host", 6 * HOUR, {
        f"{SOCKETS}[syn_sent]": step(200, 5, 200), f"{SOCKETS}[fin_wait1]": step(200, 5, 300),
        f"{UNANSWERED}[syn_sent]": step(200, 0, 6), "counter[OutSegs]": step(200, 50000, 900000),
        "counter[RetransSegs]": step(200, 50, 9000)}),
    Series("phones that vanish", DAY, {f"{UNANSWERED}[fin_wait1]": noisy(always(60), 30)}),
    Series("a queue nearly full once", 3 * HOUR, {
        "listeners[nearly_full]": during(100, 102, 1),
        "listeners[fullest_address]": during(100, 102, "0.0.0.0:80 (110 of 129)", NOBODY)}),
    Series("few drops, by a daemon that cannot see who holds sockets", 3 * HOUR, {
        "counter[ListenDrops]": always(5), "counter[ListenOverflows]": always(5),
        f"{OLD}[close]": nothing, "culprits[close]": nothing}),
    Series("failures beside many connections", 3 * HOUR, {
        "counter[AttemptFails]": always(1500), "counter[PassiveOpens]": always(20000)}),
    Series("little is sent, all of it again", 3 * HOUR, {
        "counter[OutSegs]": always(300), "counter[RetransSegs]": always(250)}),
    Series("a crawler that gives up on dead hosts", 4 * HOUR, {
        "counter[OutSegs]": always(9000), "counter[RetransSegs]": during(60, 180, 600, 5),
        "counter[TCPSynRetrans]": during(60, 180, 590, 2), f"{UNANSWERED}[syn_sent]": during(60, 180, 9)}),
    Series("loss for five minutes", 3 * HOUR, {"counter[RetransSegs]": during(100, 105, 9000, 50)}),
    Series("TIME_WAIT below its limit", 6 * HOUR, {"limit[time_wait]": noisy(always(70), 10)}),
    Series("TIME_WAIT low by choice", 6 * HOUR, {"limit[time_wait]": always(99.5)},
        macros={"{$TCPWATCHD.LIMIT.WARN:time_wait}": "101"}),
    Series("orphans for five minutes", 3 * HOUR, {"limit[orphans]": during(100, 105, 48, 5)}),
    Series("files in one push", 3 * HOUR, {"limit[files]": during(100, 101, 85, 20)}),
    Series("TIME_WAIT records dropped now and then", 3 * HOUR, {
        "counter[TCPTimeWaitOverflow]": lambda minute: 8 if minute % 10 == 0 else 0}),
    Series("a third of the samples dropped", 3 * HOUR, {
        "self[samples]": always(40), "self[samples_dropped]": always(20)}),
    Series("keys refused while items are made", 3 * HOUR, {"self[refused_keys]": during(100, 110, 12)}),
    Series("this server was away", 3 * HOUR, {"self[spool_age]": ramp(100, 115, 0, 900)}),
    Series("fewer listeners", 6 * HOUR, {f"{SOCKETS}[listen]": step(200, 12, 3)}),
    Series("fewer connections", 6 * HOUR, {f"{SOCKETS}[established]": step(200, 5000, 4)}),
    Series("a cookie now and then", 3 * HOUR, {
        "counter[TCPReqQFullDoCookies]": lambda minute: 3 if minute % 7 == 0 else 0}),
    Series("an upgrade of ten minutes", 3 * HOUR, {
        key: (lambda minute: None if 100 <= minute < 110 else 3)
        for key in (f"{SOCKETS}[close_wait]", f"{SOCKETS}[established]", "self[uptime]")}),
    Series("ports at 75 %", 3 * HOUR, {"ports[busiest]": noisy(always(75), 5)}),
)  # fmt: skip

FAULTS = (
    Series("leak of 20 an hour over a base", 30 * HOUR, {
        f"{OLD}[close_wait]": added(BASE, leak(20, 2 * HOUR, 28 * HOUR)),
        "culprits[close_wait]": always("java[4211] 400 (390 for 10m)")},
        (Due("close_wait_leak", (5 * HOUR, 14 * HOUR), (28 * HOUR, 28 * HOUR + 5)),)),
    Series("leak of 100 an hour for 60 hours", 62 * HOUR, {
        f"{OLD}[close_wait]": added(BASE, leak(100, HOUR, 61 * HOUR)),
        "culprits[close_wait]": always("java[4211] 400 (390 for 10m)")},
        (Due("close_wait_leak", (5 * HOUR, 11 * HOUR), (61 * HOUR, 61 * HOUR + 5)),)),
    Series("leak of 600 a minute", 5 * HOUR, {f"{OLD}[close_wait]": leak(36000, 60, 240)},
        (Due("close_wait_leak", (60, 120), (240, 242)),)),
    Series("leak with pauses at night", 3 * DAY, {
        f"{OLD}[close_wait]": lambda minute: 600 * (minute // DAY)
        + 50 * min(12, max(0, minute % DAY - 480) / 60)},
        (Due("close_wait_leak", (10 * HOUR, 18 * HOUR)),)),
    Series("leak of FIN_WAIT2", 16 * HOUR, {f"{OLD}[fin_wait2]": leak(90, 60, 14 * HOUR)},
        (Due("fin_wait2_leak", (4 * HOUR, 10 * HOUR), (14 * HOUR, 14 * HOUR + 2)),)),
    Series("leak of unconnected sockets", 16 * HOUR, {
        f"{OLD}[close]": leak(90, 60, 14 * HOUR), f"{SOCKETS}[close]": leak(90, 50, 14 * HOUR)},
        (Due("descriptor_leak", (4 * HOUR, 10 * HOUR), (14 * HOUR, 14 * HOUR + 2)),)),
    Series("a leak whose program is not told", 16 * HOUR, {
        f"{OLD}[close_wait]": leak(90, 60, 14 * HOUR), "culprits[close_wait]": nothing},
        (Due("close_wait_leak", (4 * HOUR, 10 * HOUR), (14 * HOUR, 14 * HOUR + 2)),)),
    Series("peers away for two days", 50 * HOUR, {
        f"{UNANSWERED}[syn_sent]": during(HOUR, 49 * HOUR, 300),
        f"{SOCKETS}[syn_sent]": during(HOUR, 49 * HOUR, 300, 2)},
        (Due("no_answer", (60, 65), (49 * HOUR, 49 * HOUR + 6)),)),
    Series("a pool of 40 hangs for a day", 26 * HOUR, {f"{UNANSWERED}[syn_sent]": during(60, 25 * HOUR, 40)},
        (Due("no_answer", (60, 65), (25 * HOUR, 25 * HOUR + 6)),)),
    Series("waves of 300 in three of five pushes", 4 * HOUR, {
        f"{UNANSWERED}[syn_sent]": lambda minute: 300 if 60 <= minute < 180 and minute % 5 < 3 else 0},
        (Due("no_answer", (60, 66), (180, 190)),)),
    Series("clients are gone, FIN_WAIT1", 4 * HOUR, {f"{UNANSWERED}[fin_wait1]": during(60, 180, 400)},
        (Due("no_farewell", (60, 65), (180, 186)),)),
    Series("clients are gone, LAST_ACK", 4 * HOUR, {f"{UNANSWERED}[last_ack]": during(60, 180, 400)},
        (Due("no_last_ack", (60, 65), (180, 186)),)),
    Series("the network to all peers is cut", 4 * HOUR, no_peers(60, 90),
        (Due("no_answer", (60, 65), (90, 96)),), paced=(range(58, 108),)),
    Series("bursts overflow the accept queue", 4 * HOUR, {
        "counter[ListenOverflows]": during(60, 180, 300), "counter[ListenDrops]": during(60, 180, 300)},
        (Due("connections_dropped", (60, 62), (180, 186)),)),
    Series("a program hangs", 4 * HOUR, {
        **hung(60, 180), "counter[TCPReqQFullDoCookies]": during(61, 180, 500),
        "counter[ListenDrops]": during(60, 180, 900), f"{OLD}[close_wait]": leak(600, 70, 180)},
        (Due("accept_queue_full_once", (60, 60), (62, 63)), Due("accept_queue_full", (62, 63), (184, 186))),
        paced=(range(58, 66), range(170, 190))),
    Series("full in one push, as at a restart", 3 * HOUR, hung(60, 61),
        (Due("accept_queue_full_once", (60, 60), (65, 66)),)),
    Series("nearly full for long", 3 * HOUR, {
        "listeners[nearly_full]": during(60, 120, 1),
        "listeners[fullest_address]": during(60, 120, "0.0.0.0:80 (110 of 129)", NOBODY)},
        (Due("accept_queue_nearly_full", (63, 66), (124, 126)),)),
    Series("TIME_WAIT records are not kept", 3 * HOUR, {
        "counter[TCPTimeWaitOverflow]": during(60, 120, 1000)},
        (Due("time_wait_overflow", (60, 61), (124, 126)),)),
    Series("TIME_WAIT at its limit", 3 * HOUR, {
        "limit[time_wait]": during(60, 120, 100, 20), "counter[TCPTimeWaitOverflow]": during(61, 120, 500)},
        (Due("time_wait_limit", (60, 60), (120, 120)),), paced=(range(58, 66), range(119, 128))),
    Series("attempts fail", 4 * HOUR, {"counter[AttemptFails]": during(60, 180, 3000, 3)},
        (Due("connects_fail", (62, 70), (184, 196)),)),
    Series("listeners fell", 30 * HOUR, {f"{SOCKETS}[listen]": during(25 * HOUR, 28 * HOUR, 3, 12)},
        (Due("listeners_fell", (25 * HOUR + 4, 25 * HOUR + 6), (28 * HOUR + 4, 28 * HOUR + 6)),),
        enabled=("listeners_fell",)),
    Series("connections fell", 30 * HOUR, {f"{SOCKETS}[established]": during(25 * HOUR, 28 * HOUR, 4, 5000)},
        (Due("connections_fell", (25 * HOUR + 4, 25 * HOUR + 6), (28 * HOUR + 4, 28 * HOUR + 6)),),
        enabled=("connections_fell",)),
    Series("most samples are dropped", 3 * HOUR, {
        "self[samples]": during(60, 120, 20, 60), "self[samples_dropped]": during(60, 120, 40)},
        (Due("most_samples_dropped", (65, 76), (120, 135)),)),
    Series("no sample", 3 * HOUR, {
        "self[samples]": during(60, 120, 0, 60), "self[samples_dropped]": during(60, 120, 60)},
        (Due("no_samples", (63, 66), (120, 120)),), paced=(range(60, 72), range(119, 136))),
    Series("netlink is lost", 3 * HOUR, {"self[backend]": during(60, 120, "psutil", "netlink")},
        (Due("psutil", (60, 60), (120, 120)),)),
    Series("the other server is away", 3 * HOUR, {
        "self[waiting_elsewhere]": during(60, 120, lambda minute: 60 * (minute - 60))},
        (Due("backlog", (75, 77), (120, 120)),)),
    Series("values are lost", 30 * HOUR, {
        "self[trimmed_by_size]": lambda minute: 54 if minute == 60 else 0,
        **{
            f"self[{name}]": always(0)
            for name in ("trimmed_by_age", "trimmed_refused", "unspooled", "damaged")
        }},
        (Due("values_lost", (60, 60), (60 + DAY, 122 + DAY)),)),
    Series("keys are refused", 3 * HOUR, {"self[refused_keys]": during(60, 120, 4)},
        (Due("keys_refused", (70, 76), (120, 120)),)),
    Series("loss for an hour", 4 * HOUR, {"counter[RetransSegs]": during(60, 120, 6000, 50)},
        (Due("loss", (65, 76), (120, 136)),)),
    Series("ports at 81 % in one push", 3 * HOUR, {
        "ports[busiest]": during(60, 61, 81, 10), "ports[destination]": during(60, 61, RUNNING_OUT, NOWHERE)},
        (Due("ports_near_limit", (60, 60), (65, 66)),)),
    Series("ports run out", 3 * HOUR, {
        "ports[busiest]": during(60, 120, 91.2, 10),
        "ports[destination]": during(60, 120, RUNNING_OUT, NOWHERE)},
        (Due("ports_near_limit", (60, 60), (64, 66)), Due("ports_used_up", (64, 66), (124, 126)))),
    Series("orphans near their limit", 3 * HOUR, {"limit[orphans]": during(60, 120, 45, 5)},
        (Due("orphans_limit", (69, 71), (129, 131)),)),
    Series("memory near pressure", 3 * HOUR, {"limit[memory_pressure]": during(60, 120, 85, 20)},
        (Due("memory_pressure_limit", (60, 60), (120, 120)),)),
    Series("memory near its maximum", 3 * HOUR, {"limit[memory]": during(60, 120, 85, 20)},
        (Due("memory_limit", (62, 64), (122, 124)),)),
    Series("files near their limit", 3 * HOUR, {"limit[files]": during(60, 120, 85, 20)},
        (Due("files_limit", (62, 64), (122, 124)),)),
    Series("reset for want of memory", 3 * HOUR, {"counter[TCPAbortOnMemory]": during(60, 62, 2)},
        (Due("reset_for_memory", (60, 60), (65, 67)),)),
    Series("SYNs are dropped", 3 * HOUR, {
        "counter[TCPReqQFullDrop]": during(60, 120, 500),
        "counter[TCPReqQFullDoCookies]": during(60, 120, 500)},
        (Due("syn_dropped", (60, 60), (124, 126)),), paced=(range(58, 64), range(119, 128))),
    Series("SYN cookies are sent", 3 * HOUR, {"counter[TCPReqQFullDoCookies]": during(60, 120, 500)},
        (Due("syn_cookies", (60, 60), (124, 126)),)),
)  # fmt: skip

SERIES: Mapping[str, Series] = {one.name: one for one in (*LIFE, *FAULTS)}
USUAL_TEXTS = {
    **{f"culprits[{state}]": few(50) for state in ("close_wait", "fin_wait2", "syn_sent", "close")},
    "ports[destination]": NOWHERE,
    "listeners[fullest_address]": NOBODY,
    "self[backend]": "netlink",
}
