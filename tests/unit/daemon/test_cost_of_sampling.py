"""The sample loop and what it costs: audits, counters that are not believed any more, the budget."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from tcpwatchd.config.config import parse
from tcpwatchd.kernel.counter_estimates import CurrEstab
from tcpwatchd.kernel.inet_diag import ALL_STATES, mask
from tcpwatchd.model.sockets import State
from tests.lab.fakes import StillKernel, tally
from tests.lab.sample_stand import Stand

SOCKETS = tally(established=50, close_wait=7, fin_wait2=2, time_wait=20, listen=3)
SECONDS = "intervals: {sample: 1s, push: 10s}"


@pytest.fixture
def kernel() -> StillKernel:
    return StillKernel(CurrEstab.WITH_CLOSE_WAIT, SOCKETS)


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message.partition(" -> ")[0] for record in caplog.records]


# --- audits ----------------------------------------------------------------------------------------------


def test_all_sockets_are_read_at_the_start_and_at_the_push_that_an_audit_is_due_at(
    sample_stand: Callable[..., Stand], kernel: StillKernel
) -> None:
    it = sample_stand(yaml=f"{{{SECONDS}, sampler: {{audit: 30s}}}}", kernel=kernel)
    it.steps(2)  # the second teaches what CurrEstab counts
    kernel.walks.clear()
    it.steps(239)
    # Each time twice as long after the one before.
    assert [second + 2 for second, asked in enumerate(kernel.walks) if asked == ALL_STATES] == [30, 90, 210]
    audited = [push for push in range(len(it.pushes)) if "tcpwatchd.self[audit_difference]" in it.texts(push)]
    assert audited == [0, 1, 3, 9, 21]
    assert it.texts(3)["tcpwatchd.self[audit_difference]"] == "0"
    assert it.texts()["tcpwatchd.self[mode]"] == "fast"
    for state in State:
        if state is not State.CLOSE:
            assert it.texts()[f"tcpwatchd.sockets[{state.parameter}]"] == str(SOCKETS[state])


def test_an_audit_that_was_not_whole_is_made_up_for_at_the_next_push(
    sample_stand: Callable[..., Stand], kernel: StillKernel
) -> None:
    it = sample_stand(yaml=f"{{{SECONDS}, sampler: {{audit: 30s}}}}", kernel=kernel)
    it.steps(30)
    kernel.refuses = True
    it.steps(1)
    kernel.refuses = False
    it.steps(80)
    audited = [push for push in range(len(it.pushes)) if "tcpwatchd.self[audit_difference]" in it.texts(push)]
    assert audited == [0, 1, 4, 10]


def test_audits_that_agree_become_rare_and_a_reload_begins_anew(
    sample_stand: Callable[..., Stand], kernel: StillKernel
) -> None:
    it = sample_stand(yaml=f"{{{SECONDS}, sampler: {{audit: 10m}}}}", kernel=kernel)
    it.steps(2)
    kernel.walks.clear()
    it.steps(4 * 3600)
    minutes = [round(second / 60) for second, asked in enumerate(kernel.walks) if asked == ALL_STATES]
    assert minutes == [10, 30, 70, 130, 190]  # an hour apart at most
    it.loop.configure(it.config)
    kernel.walks.clear()
    it.steps(2 * 3600)
    minutes = [round(second / 60) for second, asked in enumerate(kernel.walks) if asked == ALL_STATES]
    assert minutes[:3] == [10, 20, 40]


def test_counters_that_are_wrong_are_said_once_and_seen_in_the_values(
    sample_stand: Callable[..., Stand], kernel: StillKernel, caplog: pytest.LogCaptureFixture
) -> None:
    it = sample_stand(yaml=f"{{{SECONDS}, sampler: {{audit: 10s}}}}", kernel=kernel)
    it.steps(5)
    kernel.off_by = 3
    with caplog.at_level(logging.WARNING):
        it.steps(40)
    assert [it.texts(push)["tcpwatchd.self[mode]"] for push in range(5)] == ["fast"] * 2 + ["full"] * 3
    assert it.texts(1)["tcpwatchd.self[audit_difference]"] == "3"
    assert it.texts(4)["tcpwatchd.self[audit_difference]"] == "3"  # audits go on
    assert it.texts()["tcpwatchd.sockets[established]"] == "50"
    assert messages(caplog) == [
        "the fast path: the kernel's counters (CurrEstab 60, tw 20) are off by 3 sockets, and more than came "
        "and went; from now on all sockets are read, which costs more"
    ]


def test_families_are_sent_where_they_are_asked_for_and_never_guessed(
    sample_stand: Callable[..., Stand], kernel: StillKernel
) -> None:
    wanted = f"{{{SECONDS}, statistics: {{established: [value, ipv4, ipv6]}}}}"
    it = sample_stand(yaml=wanted, kernel=kernel)
    it.steps(31)
    assert [it.texts(push)["tcpwatchd.sockets.ipv4[established]"] for push in range(4)] == ["50"] * 4
    assert it.texts()["tcpwatchd.sockets.ipv6[established]"] == "0"
    # An audit that costs more than its part of the budget is not taken at each push: nothing is said then.
    it.cost_s = 0.15
    it.steps(90)
    told = ["tcpwatchd.sockets.ipv4[established]" in it.texts(push) for push in range(4, 13)]
    assert told == [True, False, False, False, False, True, False, False, False]


def test_who_holds_fin_wait2_comes_with_its_value(
    sample_stand: Callable[..., Stand], kernel: StillKernel
) -> None:
    it = sample_stand(yaml=SECONDS, kernel=kernel)
    it.steps(1)
    assert it.texts()["tcpwatchd.sockets.held[fin_wait2]"] == "2"
    assert it.texts()["tcpwatchd.sockets.orphaned[fin_wait2]"] == "0"
    it.loop.configure(replace(it.config, statistics={**it.config.statistics, State.FIN_WAIT2: ("max",)}))
    it.steps(10)
    assert "tcpwatchd.sockets.held[fin_wait2]" not in it.texts()


# --- the budget ------------------------------------------------------------------------------------------


def test_samples_that_cost_too_much_are_taken_less_often_and_that_is_told(
    sample_stand: Callable[..., Stand], caplog: pytest.LogCaptureFixture
) -> None:
    it = sample_stand(yaml=SECONDS)
    it.cost_s = 0.045
    with caplog.at_level(logging.WARNING):
        it.steps(61)
        assert [window.samples for window, _ in it.pushes] == [1, 2, 2, 2, 2, 2, 2]
        assert [window.spared for window, _ in it.pushes] == [0, 8, 8, 8, 8, 8, 8]
        assert it.texts()["tcpwatchd.self[samples_spared]"] == "8"
        assert it.texts()["tcpwatchd.self[samples_missed]"] == "0"
        assert it.texts()["tcpwatchd.self[sample_interval]"] == "5"
        assert it.texts()["tcpwatchd.self[sample_cpu]"] == "0.045"
        assert float(it.texts()["tcpwatchd.self[cpu]"]) <= 1.0
        assert "tcpwatchd.sockets.delta[established]" in it.texts()
        it.cost_s = 0.0001
        it.steps(400)
    assert it.pushes[-1][0].samples == 10
    assert messages(caplog) == [
        "the budget: a sample every 1s costs more; one every 5s is taken, to keep 1%",
        "the budget: a sample every 1s is within it again",
    ]


def test_between_samples_that_are_spared_counters_are_read_at_each_tick(
    sample_stand: Callable[..., Stand], kernel: StillKernel
) -> None:
    wanted = f"{{{SECONDS}, statistics: {{all: [value, min, max, avg]}}}}"
    it = sample_stand(yaml=wanted, kernel=kernel)
    it.cost_s = 0.045
    it.steps(31)
    kernel.walks.clear()
    # Between two walks 4,000 connections come and go, and nothing else of the host changes.
    it.steps(2)
    kernel.sockets = tally(established=4050, close_wait=7, fin_wait2=2, time_wait=20, listen=3)
    it.steps(1)
    kernel.sockets = tally(established=20, close_wait=7, fin_wait2=2, time_wait=8020, listen=2)
    it.steps(1)
    kernel.sockets = SOCKETS
    it.steps(6)
    window, texts = it.pushes[-1][0], it.texts()
    assert (window.samples, window.counter_samples, window.spared) == (2, 8, 8)
    assert texts["tcpwatchd.self[counter_samples]"] == "8"
    assert [texts[f"tcpwatchd.sockets{part}[established]"] for part in ("", ".min", ".max", ".avg")] == [
        "50", "20", "4050", "447",
    ]  # fmt: skip
    assert texts["tcpwatchd.sockets.max[time_wait]"] == "8020"
    assert texts["tcpwatchd.sockets.min[listen]"] == "2"
    assert texts["tcpwatchd.sockets.max[close_wait]"] == "7"
    walks_of_all = [asked for asked in kernel.walks if asked != mask([State.LISTEN])]
    assert len(walks_of_all) == 2


def test_where_each_tick_has_its_sample_counters_are_not_read_again(
    sample_stand: Callable[..., Stand], kernel: StillKernel
) -> None:
    it = sample_stand(yaml=SECONDS, kernel=kernel)
    it.steps(31)
    assert mask([State.LISTEN]) not in kernel.walks
    assert it.texts()["tcpwatchd.self[counter_samples]"] == "0"


def test_without_the_fast_path_there_is_nothing_to_tell_between_samples(
    sample_stand: Callable[..., Stand],
) -> None:
    it = sample_stand(yaml=SECONDS)
    it.cost_s = 0.045
    it.steps(31)
    assert (it.pushes[-1][0].samples, it.pushes[-1][0].counter_samples, it.backend.asked) == (2, 0, 7)


def test_a_loop_that_is_called_when_it_asks_to_be_keeps_its_grid_and_its_budget(
    sample_stand: Callable[..., Stand],
) -> None:
    it = sample_stand(yaml="{intervals: {sample: 100ms, push: 3s}, budget: {cpu_percent: 2}}")
    it.cost_s = 0.0061
    began_s, cpu_s = it.time.steady_s, it.time.cpu_s
    while it.time.steady_s < began_s + 300:
        it.time.pass_s(it.loop.step())
    assert len(it.pushes) == 100
    assert {window.missed for window, _ in it.pushes} == {0}
    assert {window.samples + window.spared for window, _ in it.pushes[1:]} == {30}
    assert 0.5 < (it.time.cpu_s - cpu_s) / 300 / 0.02 <= 1


def test_a_budget_that_cannot_be_kept_is_said_and_every_push_has_its_sample(
    sample_stand: Callable[..., Stand], caplog: pytest.LogCaptureFixture
) -> None:
    it = sample_stand(yaml=SECONDS)
    it.cost_s = 0.5
    with caplog.at_level(logging.WARNING):
        it.steps(41)
    assert [window.samples for window, _ in it.pushes] == [1] * 5
    assert messages(caplog) == [
        "the budget: a sample every 1s costs more; one a push is taken, and even that costs more"
    ]


def test_an_audit_does_not_slow_down_the_samples_after_it(
    sample_stand: Callable[..., Stand], kernel: StillKernel
) -> None:
    it = sample_stand(yaml=SECONDS, kernel=kernel)
    it.cost_s = 0.3
    it.steps(1)
    it.cost_s = 0.001
    it.steps(10)
    assert [window.samples for window, _ in it.pushes] == [1, 10]


def test_a_reload_changes_the_budget_at_once(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand(yaml=SECONDS)
    it.cost_s = 0.045
    it.steps(21)
    assert it.pushes[-1][0].samples == 2
    it.loop.configure(parse(f"{{{SECONDS}, budget: {{cpu_percent: 10}}}}", "t"))
    it.steps(20)
    assert it.pushes[-1][0].samples == 10
