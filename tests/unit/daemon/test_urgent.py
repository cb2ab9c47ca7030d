"""What an alarm rests on does not wait for the push: when it is sent, how often, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tcpwatchd.daemon.urgent import CONDITIONS
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.model.batch import Value
from tcpwatchd.model.sockets import Listener, Walk
from tcpwatchd.model.window import Limit
from tests.lab.fakes import tally
from tests.lab.sample_stand import Stand

FULL, ROOM = Listener("192.0.2.1:80", 5, 4), Listener("192.0.2.1:80", 1, 4)


def walk(*queues: Listener) -> Walk:
    return Walk(tally(established=3), tally(established=2), orphaned=0, queues=queues)


class Host(Stand):
    """Its pushes come each minute, at 0, 60, …; what is sent between them is urgent."""

    def urgent(self) -> list[tuple[Value, ...]]:
        """What the spool took beside the pushes, in order."""
        batch = self.spool.peek("a", 100_000)
        assert batch is not None
        stamps = {values[0].stamp for _, values in self.pushes}
        between: dict[object, list[Value]] = {}
        for value in batch.values:
            if value.stamp not in stamps:
                between.setdefault(value.stamp, []).append(value)
        return [tuple(values) for values in between.values()]


Make = Callable[..., Host]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Host] = []

    def new(*answers: Walk, yaml: str = "") -> Host:
        made.append(Host(tmp_path, *answers, yaml=yaml))
        return made[-1]

    yield new
    for host in made:
        host.spool.close()


def test_a_queue_that_is_full_is_told_at_the_sample_that_shows_it(make: Make) -> None:
    it = make(*[walk()] * 10, walk(FULL))
    it.steps(30)
    (values,) = it.urgent()
    assert [(value.key, value.text) for value in values] == [
        ("tcpwatchd.listeners[fullest_address]", "192.0.2.1:80 (5 of 5, full)"),
        ("tcpwatchd.listeners[fullest]", "100"),
        ("tcpwatchd.listeners[nearly_full]", "1"),
        ("tcpwatchd.listeners[full]", "1"),
    ]
    assert values[0].stamp.clock - it.pushes[0][1][0].stamp.clock == 10
    it.steps(100)
    assert len(it.urgent()) == 1, "it goes on, and is not told again"


def test_a_push_without_a_sample_behind_it_is_no_step_of_the_clock(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """The daemon ends right after it has sent what is urgent, and pushes once more."""
    it = make(*[walk()] * 10, walk(FULL))
    it.steps(11)
    (values,) = it.urgent()
    it.time.pass_s(0.2)
    it.loop.push()
    assert it.pushes[1][1][0].stamp > values[0].stamp
    assert it.texts(1).get("tcpwatchd.self[clock_steps]", "0") == "0"
    assert "set back" not in caplog.text


def test_one_that_comes_again_is_told_again_and_at_most_every_five_seconds(make: Make) -> None:
    on_and_off = [walk(FULL) if second % 2 else walk() for second in range(41)]
    it = make(*on_and_off, walk())
    it.steps(50)
    began = it.pushes[0][1][0].stamp.clock
    at = [values[0].stamp.clock - began for values in it.urgent()]
    assert at[0] == 1
    assert all(later - before >= 5 for before, later in zip(at, at[1:]))
    assert 8 <= len(at) <= 9


def test_a_queue_with_room_and_a_host_that_is_well_send_nothing(make: Make) -> None:
    it = make(walk(ROOM))
    it.counters = {"TCPReqQFullDoCookies": 5, "ListenDrops": 9}
    it.limits = {"memory": Limit(1, 10), "time_wait": Limit(79, 100)}
    it.steps(130)
    assert it.urgent() == []
    assert len(it.pushes) == 3


def test_off_is_off_and_so_are_keys_that_are_not_ours(make: Make) -> None:
    for yaml in ("intervals: {urgent: off}", "keys: {own: false, dialect: tcp.status}"):
        it = make(walk(), walk(FULL), yaml=yaml)
        it.steps(30)
        assert it.urgent() == []
        it.spool.close()
        it.config.spool_path.unlink()


def test_each_event_is_in_one_value_of_its_counter(make: Make) -> None:
    it = make(walk())
    it.counters = {"TCPReqQFullDoCookies": 100}
    it.steps(10)
    it.counters = {"TCPReqQFullDoCookies": 140}
    it.steps(10)
    it.counters = {"TCPReqQFullDoCookies": 145}
    it.steps(50)
    key = "tcpwatchd.counter[TCPReqQFullDoCookies]"
    assert [[value.text for value in values if value.key == key] for values in it.urgent()] == [["40"]]
    assert it.texts(1)[key] == "5"


def test_a_flood_that_lasts_is_told_once(make: Make) -> None:
    it = make(walk())
    for second in range(300):
        it.counters = {"TCPReqQFullDoCookies": 100 * max(0, second - 20)}
        it.steps(1)
    assert len(it.urgent()) == 1


def test_of_very_many_conditions_at_once_no_event_is_left_out(make: Make) -> None:
    """Ten values at a time; the others follow after the interval."""
    names = (
        "TCPReqQFullDrop",
        "TCPReqQFullDoCookies",
        "ListenDrops",
        "TCPTimeWaitOverflow",
        "TCPAbortOnMemory",
    )
    it = make(*[walk()] * 10, walk(FULL))
    it.counters = dict.fromkeys(names, 0)
    it.limits = dict.fromkeys(("memory_pressure", "memory", "time_wait", "files", "orphans"), Limit(1, 100))
    it.steps(10)
    it.counters = dict.fromkeys(names, 500)
    it.limits = dict.fromkeys(it.limits, Limit(90, 100))
    it.steps(60)
    assert [len(values) for values in it.urgent()] == [10, 4]
    sums = dict.fromkeys(names, 0)
    for values in (*it.urgent(), *(values for _, values in it.pushes)):
        for value in values:
            if value.key.startswith("tcpwatchd.counter["):
                sums[value.key[18:-1]] += int(value.text)
    assert sums == dict.fromkeys(names, 500)


def test_what_a_push_has_told_is_not_told_after_it(make: Make) -> None:
    """It appears less than the interval before the push, after something else was urgent."""
    key = "tcpwatchd.counter[TCPReqQFullDoCookies]"
    it = make(*[walk()] * 56, walk(FULL))
    it.counters = {"TCPReqQFullDoCookies": 0}
    it.steps(57)
    it.counters = {"TCPReqQFullDoCookies": 40}
    it.steps(20)
    assert [value.text for values in it.urgent() for value in values if value.key == key] == []
    assert it.texts(1)[key] == "40"


def test_where_no_key_of_it_is_sent_nothing_is_appended(make: Make) -> None:
    it = make(walk(), yaml="counters: []")
    it.counters = {"TCPAbortOnMemory": 0}
    it.steps(10)
    it.counters = {"TCPAbortOnMemory": 9}
    it.steps(10)
    assert it.urgent() == []
    (row,) = it.spool.backlog()
    assert row.pushes == len(it.pushes)


def test_a_limit_that_is_near_is_told_with_its_use(make: Make) -> None:
    it = make(walk())
    it.limits = {"memory_pressure": Limit(20, 100)}
    it.steps(10)
    it.limits = {"memory_pressure": Limit(85, 100)}
    it.steps(5)
    assert [[(value.key, value.text) for value in values] for values in it.urgent()] == [
        [("tcpwatchd.limit[memory_pressure]", "85")]
    ]


def test_counters_and_limits_are_read_every_two_seconds(make: Make) -> None:
    it, reads = make(walk()), [0]

    def count() -> dict[str, int]:
        reads[0] += 1
        return {"ListenDrops": 1}

    it.count = count
    it.steps(60)
    assert 28 <= reads[0] <= 31


def test_every_condition_is_told_by_keys_that_are_sent() -> None:
    for condition in CONDITIONS:
        assert set(condition.keys) <= set(CATALOGUE)


def test_of_a_value_that_was_left_out_the_last_goes_before_the_urgent_one(make: Make) -> None:
    key = "tcpwatchd.limit[memory_pressure]"
    it = make(walk(), yaml="intervals: {unchanged: 10m}")
    it.limits = {"memory_pressure": Limit(20, 100)}
    it.steps(130)
    it.limits = {"memory_pressure": Limit(85, 100)}
    it.steps(60)
    batch = it.spool.peek("a", 100_000)
    assert batch is not None
    sent = [(value.stamp.clock, value.text) for value in batch.values if value.key == key]
    began = sent[0][0]
    assert [(clock - began, text) for clock, text in sent] == [(0, "20"), (120, "20"), (130, "85")]
