"""The sample loop: what becomes of samples, ticks and failures, on a clock that the test moves."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tcpwatchd.config.config import parse
from tcpwatchd.daemon.sampling import SampleLoop
from tcpwatchd.kernel.sampler import Sampler
from tcpwatchd.model.clock import NS_PER_S
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import State
from tcpwatchd.spool.backlog import read_backlog
from tests.lab.disks import open_spool
from tests.lab.fakes import FakeTime, ListBackend, walk
from tests.lab.sample_stand import Stand

NOT_WHOLE = SampleError("socket dump is not whole", "a test")


def test_the_first_push_follows_the_first_sample_then_one_every_interval(
    sample_stand: Callable[..., Stand],
) -> None:
    it = sample_stand()
    it.steps(121)
    assert [window.samples for window, _ in it.pushes] == [1, 60, 60]
    first, second = it.pushes[0][1], it.pushes[1][1]
    assert second[0].stamp.clock - first[0].stamp.clock == 60
    assert it.texts(0)["tcpwatchd.sockets[established]"] == "5"
    assert it.texts(0)["tcpwatchd.sockets[close]"] == "7"
    assert "tcpwatchd.sockets.delta[established]" not in it.texts(0)
    assert it.texts(1)["tcpwatchd.sockets.delta[established]"] == "0"


def test_step_says_when_it_wants_to_be_called_again_and_does_nothing_before(
    sample_stand: Callable[..., Stand],
) -> None:
    it = sample_stand()
    assert it.loop.step() == 1.0
    it.time.pass_s(0.25)
    assert it.loop.step() == 0.75
    assert it.backend.asked == 1


def test_late_ticks_are_missed_not_queued(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand(yaml="intervals: {sample: 1s, push: 10s}")
    it.steps(1)
    it.time.pass_s(5)
    it.steps(5)
    assert it.backend.asked == 6
    assert it.texts()["tcpwatchd.self[samples_missed]"] == "5"
    assert it.texts()["tcpwatchd.self[samples]"] == "5"


def test_no_delta_across_a_night_asleep(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand(yaml="intervals: {sample: 1s, push: 10s}")
    it.steps(11)
    assert "tcpwatchd.sockets.delta[listen]" in it.texts()
    it.time.pass_s(28_800)
    it.steps(1)
    assert "tcpwatchd.sockets.delta[listen]" not in it.texts()
    assert it.texts()["tcpwatchd.self[samples_missed]"] == "28800"
    it.steps(10)
    assert "tcpwatchd.sockets.delta[listen]" in it.texts()


def test_a_sample_that_is_not_whole_is_dropped_counted_and_said_once(
    sample_stand: Callable[..., Stand], caplog: pytest.LogCaptureFixture
) -> None:
    whole = walk(listen=4)
    it = sample_stand(whole, NOT_WHOLE, NOT_WHOLE, whole, yaml="intervals: {sample: 1s, push: 4s}")
    with caplog.at_level(logging.INFO):
        it.steps(5)
    assert [(window.samples, window.dropped) for window, _ in it.pushes] == [(1, 0), (2, 2)]
    assert it.texts()["tcpwatchd.sockets.max[listen]"] == "4"
    assert [record.message for record in caplog.records] == [
        "sampling: socket dump is not whole: a test",
        "sampling: works again",
    ]


def test_close_that_cannot_be_told_is_not_sent_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    time = FakeTime()
    spool = open_spool(tmp_path / "spool.db", ("a",))
    backend = ListBackend(walk(listen=4))
    sampler = Sampler(backend, time.clock, unconnected=lambda: None)
    pushed: list[str] = []
    loop = SampleLoop(
        parse("intervals: {push: 1s}", "t"),
        sampler,
        spool,
        time.clock,
        lambda: 0,
        lambda _window, values: pushed.extend(value.key for value in values),
    )
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            loop.step()
            time.pass_s(1.0)
    spool.close()
    assert [key for key in pushed if "listen" in key]
    assert not [key for key in pushed if key.startswith("tcpwatchd.sockets") and "[close]" in key]
    assert [record.message.partition(" -> ")[0] for record in caplog.records] == [
        "state close: cannot be counted here and is not sent"
    ]


def test_when_every_sample_fails_only_the_daemon_speaks_of_itself(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand(walk(listen=4), NOT_WHOLE, yaml="intervals: {sample: 1s, push: 4s}")
    it.steps(5)
    assert not [key for key in it.texts() if "sockets" in key]
    assert it.texts()["tcpwatchd.self[samples]"] == "0"
    assert it.texts()["tcpwatchd.self[samples_dropped]"] == "4"
    # and its stamp is that of the push, not of a sample long ago
    assert it.pushes[-1][1][0].stamp.clock - it.pushes[0][1][0].stamp.clock == 4


def test_a_push_is_on_the_disk_before_anyone_is_told(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand()
    it.steps(1)
    batch = it.spool.peek("a", 250)
    assert batch is not None
    assert batch.host == it.config.host
    assert batch.values == it.pushes[0][1]


def test_backlog_and_refusals_are_values(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand(yaml="intervals: {sample: 1s, push: 10s}")
    it.steps(1)
    it.refused = 5
    it.steps(10)
    texts = it.texts()
    assert texts["tcpwatchd.self[spool_values]"] == str(len(it.pushes[0][1]))
    assert texts["tcpwatchd.self[spool_age]"] == "10"
    assert texts["tcpwatchd.self[refused]"] == "5"
    assert texts["tcpwatchd.self[uptime]"] == "10"
    assert texts["tcpwatchd.self[backend]"] == "list"


def test_what_the_bounds_force_out_is_a_value_and_said_once(
    sample_stand: Callable[..., Stand], caplog: pytest.LogCaptureFixture
) -> None:
    it = sample_stand(yaml="{intervals: {sample: 1s, push: 10s}, spool: {max_age: 60s}}")
    it.steps(81)
    assert it.texts()["tcpwatchd.self[trimmed_by_age]"] == str(len(it.pushes[1][1]))
    given_up = f"({len(it.pushes[0][1])} by_age) -> `tcpwatchd backlog` shows why"
    assert [record.message for record in caplog.records] == [f"values: the oldest are discarded {given_up}"]


def test_a_disk_that_takes_nothing_costs_no_value_and_is_said_once(
    sample_stand: Callable[..., Stand], caplog: pytest.LogCaptureFixture
) -> None:
    it = sample_stand(yaml="intervals: {sample: 1s, push: 2s}")
    it.steps(1)
    other = sqlite3.connect(it.config.spool_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # nobody else can write: as a full disk would be
    with caplog.at_level(logging.WARNING):
        it.steps(4)
        held = it.spool.peek("a", 10_000)
        other.execute("ROLLBACK")
        other.close()
        it.steps(2)
    assert held is not None
    assert held.values == tuple(value for _, values in it.pushes[:3] for value in values)
    written = read_backlog(it.config.spool_path)[0][0].values
    assert written == sum(len(values) for _, values in it.pushes)
    assert it.texts()["tcpwatchd.self[unspooled]"] == "0"
    assert [record.message.partition(": the spool")[0] for record in caplog.records] == [
        "values: kept in memory and sent from there until the disk is writable",
        "values: written to the disk again",
    ]


@pytest.mark.parametrize("set_by_s", [7200.0, -7200.0, -3.5])
def test_a_clock_that_is_set_is_counted_and_said_and_no_stamp_comes_twice(
    sample_stand: Callable[..., Stand], caplog: pytest.LogCaptureFixture, set_by_s: float
) -> None:
    it = sample_stand(yaml="intervals: {sample: 1s, push: 1s}")
    it.steps(5)
    it.time.wall_ns += round(set_by_s * NS_PER_S)
    it.steps(5)
    texts = [it.texts(push)["tcpwatchd.self[clock_steps]"] for push in range(10)]
    assert texts == ["0"] * 5 + ["1"] + ["0"] * 4
    stamps = [values[0].stamp for _, values in it.pushes]
    assert len(set(stamps)) == 10
    assert all("tcpwatchd.sockets.delta[listen]" in it.texts(push) for push in range(1, 10))
    said = [record.message for record in caplog.records]
    assert said[0].startswith(f"the wall clock was set {'back' if set_by_s < 0 else 'forwards'} by ")
    assert (len(said) == 2) == (set_by_s < 0)


def test_a_clock_that_was_set_far_forwards_makes_nothing_too_old_at_once(
    sample_stand: Callable[..., Stand],
) -> None:
    it = sample_stand(yaml="{intervals: {sample: 1s, push: 10s}, spool: {max_age: 1h}}")
    it.steps(21)
    it.time.wall_ns += 8 * 86_400 * NS_PER_S
    it.steps(20)
    it.time.wall_ns -= 8 * 86_400 * NS_PER_S
    it.steps(10)
    assert it.spool.backlog()[0].values == sum(len(values) for _, values in it.pushes)
    it.time.wall_ns += 8 * 86_400 * NS_PER_S
    it.steps(3700)  # it holds: then it is believed
    assert it.spool.backlog()[0].values < sum(len(values) for _, values in it.pushes[-370:])


def test_a_clock_that_comes_back_to_the_very_same_readings_gives_new_stamps(
    sample_stand: Callable[..., Stand],
) -> None:
    """As on a machine whose clock ticks coarsely, set back by a whole number of its ticks, over and over."""
    it = sample_stand(yaml="intervals: {sample: 1s, push: 1s}")
    for _ in range(5):
        it.steps(4)
        it.time.wall_ns -= 4 * NS_PER_S
    stamps = [values[0].stamp for _, values in it.pushes]
    assert len({stamp.clock for stamp in stamps}) == 4
    assert len(set(stamps)) == 20
    assert all(0 < stamp.ns < NS_PER_S for stamp in stamps)


def test_a_clock_set_back_while_the_daemon_was_away_is_noticed_at_its_start(
    sample_stand: Callable[..., Stand], caplog: pytest.LogCaptureFixture
) -> None:
    first = sample_stand(yaml="intervals: {sample: 1s, push: 1s}")
    first.steps(3)
    first.spool.close()
    again = sample_stand(yaml="intervals: {sample: 1s, push: 1s}")  # at the same moment as the first one
    again.steps(3)
    stamps = [values[0].stamp for it in (first, again) for _, values in it.pushes]
    assert len(set(stamps)) == 6
    assert [again.texts(push)["tcpwatchd.self[clock_steps]"] for push in range(3)] == ["1", "0", "0"]
    assert [record.message for record in caplog.records] == [
        "the wall clock was set back: this push is stamped 2s before the last one"
    ]


def test_a_clock_that_zabbix_cannot_take_keeps_its_push_until_it_is_right(
    sample_stand: Callable[..., Stand], caplog: pytest.LogCaptureFixture
) -> None:
    it = sample_stand(yaml="intervals: {sample: 1s, push: 2s}")
    it.time.wall_ns += 2**31 * NS_PER_S
    it.steps(4)
    assert not it.pushes
    it.time.wall_ns -= 2**31 * NS_PER_S
    it.steps(2)
    assert [window.samples for window, _ in it.pushes] == [5]
    assert "Zabbix takes no stamps" in caplog.records[0].message


def test_a_reload_keeps_the_open_window_and_the_grid(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand(yaml="intervals: {sample: 1s, push: 10s}")
    it.steps(6)
    it.loop.configure(
        replace(parse("{intervals: {sample: 1s, push: 10s}, statistics: {all: [avg]}}", "t"), host="other")
    )
    it.steps(5)
    assert [window.samples for window, _ in it.pushes] == [1, 10]
    assert "tcpwatchd.sockets.avg[listen]" in it.texts()
    assert "tcpwatchd.sockets[listen]" not in it.texts()
    batch = it.spool.peek("a", 1)
    assert batch is not None
    it.spool.ack("a", batch.last_id)
    batch = it.spool.peek("a", 1)
    assert batch is not None
    assert batch.host == "other"


def test_a_reload_with_other_intervals_pushes_at_once_and_invents_no_delta(
    sample_stand: Callable[..., Stand],
) -> None:
    it = sample_stand(yaml="intervals: {sample: 1s, push: 10s}")
    it.steps(6)
    it.loop.configure(parse("intervals: {sample: 500ms, push: 5s}", "t"))
    it.steps(11, each_s=0.5)
    assert [window.samples for window, _ in it.pushes] == [1, 6, 10]
    assert it.texts(1)["tcpwatchd.sockets.delta[established]"] == "0"


def test_an_ending_pushes_what_the_window_holds_and_nothing_twice(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand()
    it.steps(31)
    it.loop.push()
    it.loop.push()
    assert [window.samples for window, _ in it.pushes] == [1, 30]


def test_every_state_arrives_and_zero_is_a_value(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand()
    it.steps(1)
    for state in State:
        assert f"tcpwatchd.sockets[{state.parameter}]" in it.texts()
