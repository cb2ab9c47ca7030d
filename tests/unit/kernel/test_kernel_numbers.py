"""Counters and limits of the kernel: their text on various kernels, and what becomes of it push by push."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tcpwatchd.config.config import parse
from tcpwatchd.daemon.open_window import OpenWindow
from tcpwatchd.kernel.counters import read_kernel_counters, read_limits
from tcpwatchd.kernel.kernel_counters import DEFAULT_COUNTERS, KERNEL_COUNTERS
from tcpwatchd.kernel.kernel_limits import FILES, KERNEL_LIMITS, limits
from tcpwatchd.kernel.procnet import kernel_counters
from tcpwatchd.model.errors import ConfigError
from tcpwatchd.model.sockets import State
from tcpwatchd.model.window import Limit
from tcpwatchd.template.explain import explain
from tests.lab.fakes import snapshot
from tests.lab.sample_stand import Stand
from tests.lab.socket_lab import Lab, Variant

SNMP = """\
Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens CurrEstab RetransSegs
Tcp: 1 200 120000 -1 11 22 3 44
Udp: InDatagrams
Udp: 5
"""
NETSTAT = """\
TcpExt: SyncookiesSent ListenOverflows ListenDrops
TcpExt: 7 8 9
IpExt: InNoRoutes
IpExt: 0
"""
SYSCTLS = {
    "net/sockstat": "sockets: used 9\nTCP: inuse 5 orphan 6 tw 100 alloc 10 mem 30\nUDP: inuse 0 mem 0\n",
    "sys/fs/file-nr": "1024\t0\t9223372036854775807\n",
    "sys/net/ipv4/tcp_max_tw_buckets": "400\n",
    "sys/net/ipv4/tcp_max_orphans": "60\n",
    "sys/net/ipv4/tcp_mem": "10\t40\t120\n",
}


# --- counters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("snmp", "netstat", "expected"),
    [
        (SNMP, NETSTAT, {"ActiveOpens": 11, "RetransSegs": 44, "ListenOverflows": 8, "ListenDrops": 9}),
        # a newer kernel has more of them, in another order
        (
            "Tcp: New RetransSegs ActiveOpens\nTcp: 1 44 11\n",
            "TcpExt: ListenDrops Newer ListenOverflows\nTcpExt: 9 1 8\n",
            {"ActiveOpens": 11, "RetransSegs": 44, "ListenOverflows": 8, "ListenDrops": 9},
        ),
        # one that lacks a file, or whose lines do not fit together
        (SNMP, "", {"ActiveOpens": 11, "RetransSegs": 44}),
        ("Tcp: ActiveOpens\nTcp: 11 12\n", NETSTAT, {"ListenOverflows": 8, "ListenDrops": 9}),
        ("Tcp: ActiveOpens\nTcp: many\n", NETSTAT, {"ListenOverflows": 8, "ListenDrops": 9}),
    ],
)
def test_what_a_kernel_has_is_counted_by_its_name(snmp: str, netstat: str, expected: dict[str, int]) -> None:
    found = kernel_counters(snmp, netstat)
    known = {name: found[name] for name in found.keys() & KERNEL_COUNTERS.keys()}
    assert {name: known[name] for name in known.keys() & expected.keys()} == expected
    assert known.keys() - expected.keys() <= {"PassiveOpens", "SyncookiesSent"}


def test_an_increase_is_against_the_push_before_and_none_is_invented() -> None:
    window = OpenWindow(gap_s=10.0)

    def push(at_s: float, **counters: int) -> dict[str, int]:
        window.add(snapshot(at_s))
        window.count(counters)
        return dict(window.close().increases)

    assert push(0, TW=100, InErrs=5) == {}
    assert push(1, TW=103, InErrs=5) == {"TW": 3, "InErrs": 0}
    assert push(2, TW=1, InErrs=6, OutRsts=7) == {"InErrs": 1}, "TW went back, OutRsts is new"
    assert push(900, TW=5, InErrs=6, OutRsts=9) == {"TW": 4, "InErrs": 0, "OutRsts": 2}, "a night asleep"


def test_what_could_not_be_read_once_is_made_up_for() -> None:
    window = OpenWindow(gap_s=10.0)
    told = []
    for at_s, counters in (
        (0, {"TW": 100, "InErrs": 1}),
        (1, {}),
        (2, {"InErrs": 3}),
        (3, {"TW": 107, "InErrs": 3}),
    ):
        window.add(snapshot(at_s))
        window.count(counters)
        told.append(dict(window.close().increases))
    assert told == [{}, {}, {"InErrs": 2}, {"TW": 7, "InErrs": 0}]


def test_a_push_that_has_to_wait_loses_no_increase() -> None:
    window = OpenWindow(gap_s=10.0)
    window.add(snapshot(0))
    window.count({"TW": 100})
    window.close()
    for count in (104, 109):
        window.add(snapshot(1))
        window.count({"TW": count})
        assert window.so_far().increases == {"TW": count - 100}
    assert window.close().increases == {"TW": 9}


def test_counters_that_are_asked_for_are_sent_from_the_second_push_on(
    sample_stand: Callable[..., Stand],
) -> None:
    it = sample_stand(yaml="{intervals: {sample: 1s, push: 1s}, counters: [ListenOverflows, TW]}")
    it.counters = {"ListenOverflows": 5, "OutRsts": 1}
    it.steps(1)
    it.counters = {"ListenOverflows": 8, "OutRsts": 2}
    it.steps(1)
    sent = [[key for key in it.texts(push) if "counter[" in key] for push in (0, 1)]
    assert sent == [[], ["tcpwatchd.counter[ListenOverflows]"]]
    assert it.texts()["tcpwatchd.counter[ListenOverflows]"] == "3"


def test_a_configuration_names_counters_that_are_known() -> None:
    assert parse("counters: []", "t").counters == ()
    assert parse("counters: [TW, ActiveOpens]", "t").counters == ("ActiveOpens", "TW")
    assert set(DEFAULT_COUNTERS) < set(KERNEL_COUNTERS)
    for wrong in ("counters: ListenDrops", "counters: [listendrops]", "counters: [[]]"):
        with pytest.raises(ConfigError) as refused:
            parse(wrong, "t")
        (line,) = refused.value.lines()
        assert re.match(
            r"t:1: counters(\[0\])?: .*(is not one of ActiveOpens|write for example \[Active)", line
        )


def test_this_kernel_counts_what_happens(lab: Lab) -> None:
    """A listener whose accept queue is full: the next handshakes are counted as lost."""

    def overflow() -> dict[str, int]:
        before = read_kernel_counters()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            asking = [socket.socket() for _ in range(4)]
            for one in asking:
                one.setblocking(False)
                one.connect_ex(listener.getsockname())
            for one in asking:
                one.close()
        after = read_kernel_counters()
        return {name: after[name] - before[name] for name in after}

    increases = lab.call(overflow)
    assert increases["ActiveOpens"] == 4
    assert increases["ListenOverflows"] > 0
    assert increases["ListenDrops"] >= increases["ListenOverflows"]
    assert KERNEL_COUNTERS.keys() <= increases.keys()


def test_without_these_files_there_are_no_counters(tmp_path: Path) -> None:
    assert read_kernel_counters(str(tmp_path)) == {}


# --- limits ----------------------------------------------------------------------------------------------


def test_every_limit_in_use_and_in_per_cent() -> None:
    found = limits(SYSCTLS, page_bytes=4096)
    assert found == {
        "time_wait": Limit(100, 400),
        "orphans": Limit(6, 60),
        "memory_pressure": Limit(30 * 4096, 40 * 4096),
        "memory": Limit(30 * 4096, 120 * 4096),
        "files": Limit(1024, 2**63 - 1),
    }
    assert [round(one.percent or 0, 6) for one in found.values()] == [25, 10, 75, 25, 0]
    assert set(FILES) == set(SYSCTLS)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({}, set(KERNEL_LIMITS)),
        # a container sees only what is of its network namespace
        (
            {"sys/net/ipv4/tcp_max_orphans": None, "sys/net/ipv4/tcp_mem": None},
            {"time_wait", "files"},
        ),
        ({"net/sockstat": "TCP: inuse 5 tw 100 alloc 10\n"}, {"time_wait", "files"}),
        ({"net/sockstat": None}, {"files"}),
        ({"sys/net/ipv4/tcp_mem": "10\t40\n"}, {"time_wait", "orphans", "memory_pressure", "files"}),
        ({"sys/fs/file-nr": "not a number"}, {"time_wait", "orphans", "memory_pressure", "memory"}),
    ],
)
def test_what_a_kernel_or_a_container_lacks_is_left_out(
    changes: dict[str, str | None], left: set[str]
) -> None:
    texts = {name: text for name, text in {**SYSCTLS, **changes}.items() if text is not None}
    assert set(limits(texts, 4096)) == left


def test_no_percentage_of_nothing() -> None:
    assert Limit(0, 0).percent is None


def test_limits_come_with_a_push_of_their_own_interval(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand(yaml="intervals: {sample: 1s, push: 1s, limits: 3s}")
    it.limits = {"time_wait": Limit(3, 8)}
    it.steps(7)
    told = [it.texts(push).get("tcpwatchd.limit[time_wait]") for push in range(7)]
    assert told == ["37.5", None, None, "37.5", None, None, "37.5"]
    assert it.texts()["tcpwatchd.limit.used[time_wait]"] == "3"
    assert it.texts()["tcpwatchd.limit.max[time_wait]"] == "8"


def test_this_kernel_tells_its_limits(lab: Lab) -> None:
    lab.make(State.TIME_WAIT, ipv4=5, ipv6=4)
    lab.make(Variant.ORPHANED_FIN_WAIT2, ipv4=2)
    found = lab.call(read_limits)
    assert found["time_wait"].used == 11
    assert found["time_wait"].most == int(Path("/proc/sys/net/ipv4/tcp_max_tw_buckets").read_text())
    assert found["files"].used > 0
    assert set(read_limits()) == set(KERNEL_LIMITS), "this host is no container"


def test_without_these_files_there_are_no_limits(tmp_path: Path) -> None:
    assert read_limits(str(tmp_path)) == {}


# --- words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*KERNEL_COUNTERS, *KERNEL_LIMITS, "listenoverflows"])
def test_each_is_explained_by_its_name(name: str) -> None:
    text, found = explain(name)
    assert found
    assert "A rise: " in text
    assert "Look next: " in text
