"""Every trigger in a real Zabbix 6.0 server: it fires on what it is for, alone, and clears when that is over.

Two hours are pushed in their stead, minute by minute, with the stamps that they would have had: the server
judges each value at its own time. Needs Debian 12 and root.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tcpwatchd.diagnosis.culprits import DEFAULT_CULPRITS, few
from tcpwatchd.diagnosis.ephemeral_ports import NOWHERE
from tcpwatchd.kernel.kernel_limits import KERNEL_LIMITS
from tcpwatchd.metrics.catalogue import CATALOGUE, UPTIME
from tcpwatchd.metrics.trigger import MACROS, NODATA_MACRO, Trigger
from tcpwatchd.metrics.triggers import TRIGGERS, applicable
from tcpwatchd.model.batch import Batch, Delivered, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.template.render import TEMPLATE_NAME
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.host_in_stand import HostInStand
from tests.lab.processes import Service, wait_for
from tests.lab.zabbix_stand import Stand

MINUTES = 150
BEGINS, ENDS = 100, 125  # of these minutes, what the trigger is for


AS_IMPORTED = applicable(frozenset(CATALOGUE))
# What a host that is well shows of the items that triggers look at.
_WELL: Mapping[str, str] = {
    **{key: "3" for trigger in AS_IMPORTED.values() for key in trigger.keys},
    **{f"tcpwatchd.culprits[{state.parameter}]": few(50) for state in DEFAULT_CULPRITS},
    "tcpwatchd.ports[destination]": NOWHERE,
    **{f"tcpwatchd.limit[{name}]": "20" for name in KERNEL_LIMITS},
    "tcpwatchd.listeners[fullest_address]": "nobody waits",
    "tcpwatchd.listeners[full]": "0",
    "tcpwatchd.listeners[nearly_full]": "0",
    "tcpwatchd.counter[OutSegs]": "50000",
    "tcpwatchd.counter[RetransSegs]": "50",
    "tcpwatchd.counter[TCPReqQFullDrop]": "0",
    "tcpwatchd.counter[TCPReqQFullDoCookies]": "0",
    "tcpwatchd.counter[TCPAbortOnMemory]": "0",
    "tcpwatchd.self[samples]": "60",
    "tcpwatchd.self[samples_dropped]": "0",
    "tcpwatchd.self[spool_age]": "0",
    "tcpwatchd.self[refused_keys]": "0",
    **{
        f"tcpwatchd.self[{name}]": "0"
        for name in ("trimmed_by_age", "trimmed_by_size", "trimmed_refused", "unspooled", "damaged")
    },
}
# In the order of a push, which is the catalogue's: an alarm shows the text that came before its number.
WELL: Mapping[str, str] = {key: _WELL[key] for key in CATALOGUE if key in _WELL}


def during(value: str) -> Callable[[int], str | None]:
    """Another value while it lasts."""
    return lambda minute: value if BEGINS <= minute < ENDS else None


def rising(minute: int) -> str | None:
    """A leak: from early on, more and more; then the program is restarted."""
    return str(5 * minute) if 10 <= minute < ENDS else None


CASES: Mapping[str, Mapping[str, Callable[[int], str | None]]] = {
    "accept_queue_full": {
        "tcpwatchd.listeners[full]": during("1"),
        "tcpwatchd.listeners[nearly_full]": during("1"),  # it silences the other one
        "tcpwatchd.listeners[fullest_address]": during("0.0.0.0:80 (129 of 129, full)"),
    },
    "accept_queue_nearly_full": {
        "tcpwatchd.listeners[nearly_full]": during("1"),
        "tcpwatchd.listeners[fullest_address]": during("0.0.0.0:80 (110 of 129)"),
    },
    "syn_dropped": {
        "tcpwatchd.counter[TCPReqQFullDrop]": during("500"),
        "tcpwatchd.counter[TCPReqQFullDoCookies]": during("500"),
    },
    "syn_cookies": {"tcpwatchd.counter[TCPReqQFullDoCookies]": during("500")},
    "close_wait_leak": {
        "tcpwatchd.sockets[close_wait]": rising,
        "tcpwatchd.culprits[close_wait]": lambda minute: f"java[4211] {5 * minute} (50 for 10m)",
    },
    "fin_wait2_leak": {"tcpwatchd.sockets.held[fin_wait2]": rising},
    "descriptor_leak": {"tcpwatchd.sockets[close]": rising},
    "ports_used_up": {
        "tcpwatchd.ports[busiest]": during("91.2"),
        "tcpwatchd.ports[destination]": during(
            "192.0.2.7:80 from 192.0.2.1 (25748 of 28232 ports, running out)"
        ),
    },
    "time_wait_limit": {"tcpwatchd.limit[time_wait]": during("85.5")},
    "orphans_limit": {"tcpwatchd.limit[orphans]": during("45")},
    "memory_pressure_limit": {"tcpwatchd.limit[memory_pressure]": during("85")},
    "memory_limit": {
        "tcpwatchd.limit[memory]": during("85"),
        "tcpwatchd.limit[memory_pressure]": during("127"),
    },
    "files_limit": {"tcpwatchd.limit[files]": during("85")},
    "reset_for_memory": {"tcpwatchd.counter[TCPAbortOnMemory]": during("2")},
    "no_answer": {"tcpwatchd.sockets[syn_sent]": during("400")},
    "no_farewell": {"tcpwatchd.sockets[fin_wait1]": during("400")},
    "no_last_ack": {"tcpwatchd.sockets[last_ack]": during("400")},
    "loss": {"tcpwatchd.counter[RetransSegs]": during("4000")},
    "backlog": {"tcpwatchd.self[spool_age]": during("1000")},
    "keys_refused": {"tcpwatchd.self[refused_keys]": during("4")},
    "values_lost": {"tcpwatchd.self[trimmed_by_size]": during("54")},
    "no_samples": {"tcpwatchd.self[samples]": during("0"), "tcpwatchd.self[samples_dropped]": during("60")},
}
# What moves like a leak or a crowd and is none, in all its states at once.
HARMLESS: Mapping[str, Callable[[int], str | None]] = {
    "tcpwatchd.sockets[close_wait]": lambda minute: str(300 + 200 * (minute // 20 % 2)),
    "tcpwatchd.sockets.held[fin_wait2]": lambda minute: str(min(99, minute)),
    "tcpwatchd.sockets[close]": lambda _minute: "5000",
    "tcpwatchd.sockets[syn_sent]": lambda minute: str(400 if minute % 10 == 0 else 10),
    "tcpwatchd.sockets[last_ack]": lambda _minute: "1000",
    "tcpwatchd.counter[RetransSegs]": lambda minute: str(400 if minute % 15 == 0 else 100),
    "tcpwatchd.limit[time_wait]": lambda minute: str(60 + minute % 20),
}


@dataclass(frozen=True)
class Told:
    """An event of a trigger: its name, and whether the problem began or ended."""

    trigger: str
    began: bool
    title: str


def courses(changes: Mapping[str, Callable[[int], str | None]], now: int) -> list[Value]:
    """Two and a half hours of a host until now; what `changes` leave out is as on a host that is well."""
    values = []
    for minute in range(MINUTES):
        for key, usual in WELL.items():
            text = changes[key](minute) if key in changes else None
            stamp = Stamp(now - 60 * (MINUTES - 1 - minute), 1)
            values.append(Value(key, usual if text is None else text, stamp))
    return values


def push(stand: Stand, host: str, values: list[Value]) -> None:
    sender = Sender(parse_nodes(f"127.0.0.1:{stand.server_port}"), 30.0, Clock())
    whole = 25 * len(WELL)  # as the daemon does, no push is cut in two
    for begin in range(0, len(values), whole):
        outcome = sender.deliver(Batch(host, tuple(values[begin : begin + whole]), 0))
        assert isinstance(outcome, Delivered)
        assert not outcome.refused


def events(stand: Stand, host: str) -> list[Told]:
    """In the order in which they happened; without the alarm for silence, which is of the clock."""
    triggers = stand.api("trigger.get", {"host": host, "output": ["triggerid", "uuid", "description"]})
    names = {trigger.title: name for name, trigger in TRIGGERS.items()}
    by_id = {one["triggerid"]: names[one["description"]] for one in triggers}
    found = stand.api(
        "event.get",
        {
            "objectids": list(by_id),
            "sortfield": ["clock", "eventid"],
            "output": ["objectid", "value", "name"],
        },
    )
    told = [Told(by_id[one["objectid"]], one["value"] == "1", one["name"]) for one in found]
    return [one for one in told if one.trigger != "nodata"]


@pytest.fixture(scope="module")
def pushed(stand: Stand) -> Stand:
    """One host for each trigger, and one that is harmless."""
    hosts = {**CASES, "harmless": HARMLESS}
    for host in hosts:
        stand.create_host(host, TEMPLATE_NAME)
    stand.wait_until_known(list(hosts)[-1])
    now = int(time.time())
    for host, changes in hosts.items():
        push(stand, host, courses(changes, now))
    return stand


def once_more(stand: Stand, name: str) -> list[Told]:
    """The same course on another host."""
    host = f"{name}-again"
    stand.create_host(host, TEMPLATE_NAME)
    stand.wait_until_known(host)
    push(stand, host, courses(CASES[name], int(time.time())))
    last = "tcpwatchd.counter[RetransSegs]"
    wait_for(lambda: len(stand.history(host, last)) == MINUTES, "all was judged", 60)
    time.sleep(2)
    return events(stand, host)


def test_every_trigger_but_that_for_silence_has_a_case() -> None:
    assert set(CASES) == set(TRIGGERS) - {"nodata"}


@pytest.mark.parametrize("name", list(CASES))
def test_it_fires_on_what_it_is_for_alone_and_clears(pushed: Stand, name: str) -> None:
    wait_for(lambda: len(events(pushed, name)) >= 2, f"{name} has fired and cleared", 60)
    told = events(pushed, name)
    if len(told) > 2 and {one.trigger for one in told} == {name}:
        # Two hours in a few seconds: once in hundreds of courses the server has judged a minute without the
        # ones before it, and the alarm came twice. If it is ours, it comes twice again.
        told = once_more(pushed, name)
    assert [(one.trigger, one.began) for one in told] == [(name, True), (name, False)]
    assert "{" not in told[0].title, "a macro that Zabbix does not know"


def test_the_address_stands_in_the_alarm(pushed: Stand) -> None:
    told = events(pushed, "accept_queue_full")
    assert told[0].title == "TCP accept queue full: 0.0.0.0:80 (129 of 129, full)"


def test_the_program_stands_in_the_alarm(pushed: Stand) -> None:
    told = events(pushed, "close_wait_leak")
    assert re.fullmatch(r"TCP CLOSE_WAIT leak: java\[4211\] \d+ \(50 for 10m\)", told[0].title)


def test_what_is_harmless_raises_nothing(pushed: Stand) -> None:
    last = "tcpwatchd.counter[RetransSegs]"
    wait_for(lambda: len(pushed.history("harmless", last)) == MINUTES, "all was judged", 60)
    time.sleep(2)
    assert events(pushed, "harmless") == []


def test_zabbix_has_taken_every_trigger_as_it_is_written(pushed: Stand) -> None:
    found = pushed.api(
        "trigger.get",
        {
            "host": "harmless",
            "output": ["description", "priority", "comments", "opdata", "error", "state"],
            "selectDependencies": ["description"],
        },
    )
    severities = ["NOT_CLASSIFIED", "INFO", "WARNING", "AVERAGE", "HIGH", "DISASTER"]

    def as_taken(trigger: Trigger) -> tuple[str, str, list[str]]:
        silenced = [TRIGGERS[trigger.silenced_by].title] if trigger.silenced_by else []
        return trigger.severity, trigger.shown, silenced

    assert {
        one["description"]: (
            severities[int(one["priority"])],
            one["opdata"],
            [other["description"] for other in one["dependencies"]],
        )
        for one in found
    } == {trigger.title: as_taken(trigger) for trigger in TRIGGERS.values()}
    (taken,) = pushed.api("template.get", {"filter": {"host": [TEMPLATE_NAME]}, "selectMacros": ["macro"]})
    assert {one["macro"] for one in taken["macros"]} == {*MACROS, NODATA_MACRO}


def test_a_program_that_does_not_accept_is_named_by_its_address(stand: Stand, tmp_path: Path) -> None:
    """The whole way: a real queue, the kernel, the daemon, the server's problem."""
    host = HostInStand(stand, "real-queue", tmp_path, f"127.0.0.1:{stand.server_port}")
    host.create()
    with ExitStack() as held, Service(tmp_path, host.yaml(push="500ms")) as service:
        service.ready()
        wait_for(lambda: stand.history(host.name, UPTIME), "values in history")
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(2)
        for _ in range(3):
            held.enter_context(socket.create_connection(listener.getsockname()))
        wait_for(lambda: stand.problems(host.name), "a problem")
        (problem,) = stand.problems(host.name)
        port = listener.getsockname()[1]
        assert problem["name"] == f"TCP accept queue full: 127.0.0.1:{port} (3 of 3, full)"
        service.stop()
