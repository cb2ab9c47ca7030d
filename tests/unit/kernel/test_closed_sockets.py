"""Counting sockets in no table: /proc text, namespaces, and what is not believed without a second look."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.kernel import procnet
from tcpwatchd.kernel.background import AtOnce, Task
from tcpwatchd.kernel.closed_sockets import ClosedSockets
from tests.lab.fakes import Answer, FakeTime

SOCKSTAT = """\
sockets: used {used}
TCP: inuse {inuse} orphan 0 tw 1 alloc {alloc} mem 366
UDP: inuse 0 mem 0
UDPLITE: inuse 0
RAW: inuse 0
FRAG: inuse 0 memory 0
"""
SOCKSTAT6 = "TCP6: inuse {inuse}\nUDP6: inuse 3\nFRAG6: inuse 0 memory 0\n"


class Proc:
    """A tree like /proc. Files of one namespace are one inode, hard-linked, as procfs shows them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.space = root / "namespaces"
        self.space.mkdir()
        self.write("host", inuse=5, inuse6=2, alloc=10)
        self.join("self", "host")
        self.join("1", "host")
        (root / "self/ns").mkdir()
        (root / "self/ns/pid").write_text("")

    def write(self, space: str, inuse: int, inuse6: int, alloc: int = 0) -> None:
        (self.space / space).mkdir(exist_ok=True)
        for name, text in (
            ("sockstat", SOCKSTAT.format(used=9, inuse=inuse, alloc=alloc)),
            ("sockstat6", SOCKSTAT6.format(inuse=inuse6)),
        ):
            with open(self.space / space / name, "w") as file:  # the inode stays
                file.write(text)

    def join(self, pid: str, space: str) -> None:
        net = self.root / pid / "net"
        net.mkdir(parents=True)
        for name in ("sockstat", "sockstat6"):
            os.link(self.space / space / name, net / name)

    def leave(self, pid: str) -> None:
        for name in ("sockstat", "sockstat6"):
            (self.root / pid / "net" / name).unlink()
        (self.root / pid / "net").rmdir()
        (self.root / pid).rmdir()

    def watch(self, looks_cost_s: float = 0.0) -> Callable[[float], int | None]:
        """The count at a moment; each question costs `looks_cost_s` of CPU."""
        time = FakeTime(steady_s=0.0)

        def cpu_s() -> float:
            time.cpu_s += looks_cost_s
            return time.cpu_s

        own = os.stat(self.root / "self/ns/pid").st_ino
        unconnected = ClosedSockets(time.clock.steady_s, AtOnce(cpu_s), str(self.root), own)

        def count(at_s: float) -> int | None:
            time.steady_s = at_s
            return unconnected.count()

        return count


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_alloc_less_inuse_of_both_families(proc: Proc) -> None:
    assert proc.watch()(0.0) == 3


def test_a_kernel_without_ipv6(proc: Proc) -> None:
    (proc.root / "self/net/sockstat6").unlink()
    assert proc.watch()(0.0) == 5


def test_inuse_of_every_namespace_once_however_many_live_in_it(proc: Proc) -> None:
    proc.write("container", inuse=1, inuse6=1)
    for pid in ("400", "401", "402"):
        proc.join(pid, "container")
    assert proc.watch()(0.0) == 1


def test_churn_never_makes_a_number_below_zero(proc: Proc) -> None:
    proc.write("host", inuse=99, inuse6=0, alloc=10)
    assert proc.watch()(0.0) == 0


def test_a_new_container_is_not_taken_for_a_leak(proc: Proc) -> None:
    watch = proc.watch()
    assert watch(0.0) == 3
    proc.write("host", inuse=5, inuse6=2, alloc=60)
    proc.write("container", inuse=50, inuse6=0)
    proc.join("400", "container")
    assert watch(1.0) == 3


def test_a_rise_that_is_real_is_believed(proc: Proc) -> None:
    watch = proc.watch()
    assert watch(0.0) == 3
    proc.write("host", inuse=5, inuse6=2, alloc=60)
    assert watch(1.0) == 53
    proc.write("host", inuse=5, inuse6=2, alloc=11)
    assert watch(2.0) == 4


def test_a_high_number_that_is_over_hides_no_new_container(proc: Proc) -> None:
    watch = proc.watch()
    proc.write("host", inuse=5, inuse6=2, alloc=407)
    assert watch(0.0) == 400
    proc.write("host", inuse=5, inuse6=2, alloc=10)
    assert watch(1.0) == 3
    proc.write("host", inuse=5, inuse6=2, alloc=60)
    proc.write("container", inuse=50, inuse6=0)
    proc.join("400", "container")
    assert watch(2.0) == 3


def test_looks_have_a_price_and_until_the_next_one_the_number_from_before_stands(proc: Proc) -> None:
    watch = proc.watch(looks_cost_s=0.025)  # 5,000 processes
    assert watch(0.0) == 3
    proc.write("host", inuse=5, inuse6=2, alloc=60)
    assert watch(1.0) == 3
    assert watch(24.9) == 3
    assert watch(25.1) == 53
    proc.write("host", inuse=5, inuse6=2, alloc=8)
    assert watch(25.2) == 1  # a fall needs no look


def test_the_sockets_of_a_container_that_was_killed_are_no_leak(proc: Proc) -> None:
    proc.write("container", inuse=50, inuse6=0)
    proc.join("400", "container")
    proc.write("host", inuse=5, inuse6=2, alloc=60)
    watch = proc.watch()
    assert watch(0.0) == 3
    proc.leave("400")  # its sockets are still in alloc
    assert watch(1.0) == 3
    assert watch(2.0) == 3
    proc.write("host", inuse=5, inuse6=2, alloc=10)
    assert watch(2.5) == 3
    proc.write("host", inuse=5, inuse6=2, alloc=13)
    assert watch(4.0) == 6


def test_a_rise_that_lasts_is_believed_although_a_container_was_killed(proc: Proc) -> None:
    proc.write("container", inuse=50, inuse6=0)
    proc.join("400", "container")
    proc.write("host", inuse=5, inuse6=2, alloc=60)
    watch = proc.watch()
    assert watch(0.0) == 3
    proc.leave("400")
    assert [watch(1.0), watch(2.0), watch(3.0)] == [3, 3, 53]


def test_a_namespace_outlives_the_process_it_was_found_by(proc: Proc) -> None:
    proc.write("container", inuse=1, inuse6=1)
    proc.join("400", "container")
    watch = proc.watch()
    assert watch(0.0) == 1
    proc.join("401", "container")
    proc.leave("400")
    assert watch(1.0) == 1
    proc.leave("401")  # and ends with its last one: its sockets are gone from alloc too
    proc.write("host", inuse=5, inuse6=2, alloc=8)
    assert watch(2.0) == 1


def test_a_pid_that_now_lives_elsewhere_is_noticed(proc: Proc) -> None:
    proc.write("container", inuse=1, inuse6=0)
    proc.join("400", "container")
    watch = proc.watch()
    assert watch(0.0) == 2
    proc.leave("400")
    proc.join("400", "host")
    assert watch(1.0) == 2  # may be sockets of the namespace that has just ended
    assert watch(3.5) == 3


def test_inside_a_container_it_cannot_be_told(proc: Proc) -> None:
    clock = FakeTime().clock
    assert ClosedSockets(clock.steady_s, AtOnce(clock.cpu_s), str(proc.root)).count() is None


def test_where_processes_are_hidden_it_cannot_be_told(proc: Proc) -> None:
    proc.leave("1")
    assert proc.watch()(0.0) is None


@pytest.mark.parametrize(
    "text", ["", "TCP: inuse 5\n", "TCP: inuse\n", "TCP inuse 5 alloc 3\n", "TCP: inuse x alloc 3\n"]
)
def test_odd_text_is_no_number(proc: Proc, text: str) -> None:
    watch = proc.watch()
    with open(proc.space / "host/sockstat", "w") as file:
        file.write(text)
    assert watch(0.0) is None


def test_sockstat_names_are_taken_as_they_come() -> None:
    text = "sockets: used 9\nTCP: alloc 7 brand_new 1 inuse 5\nTCP6: inuse 2\n"
    assert procnet.parse_sockstat(text, "TCP") == {"alloc": 7, "brand_new": 1, "inuse": 5}
    assert procnet.parse_sockstat(text, "TCP6") == {"inuse": 2}


@given(text=st.text(alphabet="TCP: inuse0123\n"))
def test_any_text_is_numbers_or_a_value_error(text: str) -> None:
    try:
        numbers = procnet.parse_sockstat(text, "TCP")
    except ValueError:
        return
    assert all(isinstance(number, int) for number in numbers.values())


def test_at_rest_namespaces_are_listed_once_in_thirty_seconds(proc: Proc) -> None:
    time, asked = FakeTime(steady_s=0.0), []

    def cpu_s() -> float:
        asked.append(time.steady_s)  # before and after each listing
        return 0.0

    own = os.stat(proc.root / "self/ns/pid").st_ino
    closed = ClosedSockets(time.clock.steady_s, AtOnce(cpu_s), str(proc.root), own)
    for second in range(61):
        time.steady_s = float(second)
        assert closed.count() == 3
    assert asked == [0.0, 0.0, 30.0, 30.0, 60.0, 60.0]


def test_after_a_time_without_a_count_a_number_needs_a_list(proc: Proc) -> None:
    watch = proc.watch(looks_cost_s=0.025)
    assert watch(0.0) == 3
    proc.write("host", inuse=5, inuse6=2, alloc=8)
    text = (proc.space / "host/sockstat").read_text()
    (proc.space / "host/sockstat").write_text("")
    assert watch(1.0) is None
    with open(proc.space / "host/sockstat", "w") as file:
        file.write(text)
    assert [watch(2.0), watch(25.1)] == [None, 1]


def test_right_after_a_container_was_killed_there_may_be_no_count_either(proc: Proc) -> None:
    proc.write("container", inuse=50, inuse6=0)
    proc.join("400", "container")
    proc.write("host", inuse=5, inuse6=2, alloc=60)
    watch = proc.watch()
    assert watch(0.0) == 3
    proc.leave("400")
    assert watch(1.0) == 3
    with open(proc.space / "host/sockstat", "w") as file:
        file.write("odd")
    assert watch(31.5) is None


def test_the_cost_of_lists_is_told_as_a_part_of_a_core(proc: Proc) -> None:
    own = os.stat(proc.root / "self/ns/pid").st_ino
    time, cost_s = FakeTime(steady_s=0.0), iter([0.0, 0.04, 0.0, 0.02])
    closed = ClosedSockets(time.clock.steady_s, AtOnce(lambda: next(cost_s)), str(proc.root), own)
    closed.count()
    assert closed.spent_share() == 0.0, "the first one is of the start"
    time.steady_s = 40.0
    closed.count()
    assert closed.spent_share() == 0.02 / 40


class Later:
    """Runs what was started when it is told to."""

    def __init__(self) -> None:
        self.tasks: list[Task[object]] = []
        self.at_once = True

    def start(self, work: Callable[[], Answer]) -> Task[Answer]:
        task = Task(work, lambda: 0.0)
        if self.at_once:
            task.run()
        else:
            self.tasks.append(task)  # type: ignore[arg-type] # never asked for its answer here
        return task

    def run(self) -> None:
        while self.tasks:
            self.tasks.pop(0).run()


def test_while_namespaces_are_listed_no_sample_waits_and_the_number_from_before_stands(proc: Proc) -> None:
    own = os.stat(proc.root / "self/ns/pid").st_ino
    time, background = FakeTime(steady_s=0.0), Later()
    closed = ClosedSockets(time.clock.steady_s, background, str(proc.root), own)
    assert closed.count() == 3  # of the start, which is waited for
    background.at_once = False
    proc.write("host", inuse=5, inuse6=2, alloc=60)
    for second in (1.0, 2.0, 3.0):
        time.steady_s = second
        assert closed.count() == 3
    assert len(background.tasks) == 1
    background.run()
    time.steady_s = 4.0
    assert closed.count() == 53


@pytest.mark.parametrize(("others", "reads_at_samples"), [(32, True), (33, False)])
def test_many_namespaces_are_read_in_the_background_alone(
    proc: Proc, others: int, reads_at_samples: bool
) -> None:
    for pid in range(others):
        proc.write(f"container{pid}", inuse=1, inuse6=0)
        proc.join(f"{400 + pid}", f"container{pid}")
    proc.write("host", inuse=5, inuse6=2, alloc=107)
    own = os.stat(proc.root / "self/ns/pid").st_ino
    time, background = FakeTime(steady_s=0.0), Later()
    closed = ClosedSockets(time.clock.steady_s, background, str(proc.root), own)
    assert closed.count() == 100 - others
    background.at_once = False
    proc.write("host", inuse=5, inuse6=2, alloc=57)
    time.steady_s = 1.0
    assert closed.count() == (50 if reads_at_samples else 100) - others
    background.run()
    time.steady_s = 2.0
    assert closed.count() == 50 - others


def test_a_namespace_whose_process_ends_while_it_is_read_counts_as_empty(proc: Proc) -> None:
    (proc.root / "400/net/sockstat").mkdir(parents=True)  # it can be listed, and not read
    assert proc.watch()(0.0) == 3


def test_after_a_listing_that_cost_much_a_rise_waits_exactly_as_long_as_it_should(proc: Proc) -> None:
    for at_s, believed in ((62.49, 3), (62.5, 53)):
        watch = proc.watch(looks_cost_s=0.0625)  # of CPU; a thousand times as long no namespace is listed
        proc.write("host", inuse=5, inuse6=2, alloc=10)
        assert watch(0.0) == 3
        proc.write("host", inuse=5, inuse6=2, alloc=60)
        assert watch(at_s) == believed
