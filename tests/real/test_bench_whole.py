"""The part of the bench that measures the whole daemon: its arithmetic, and its look at CPU time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.accounting import Memory, process_cpu_s
from bench.bare_walk import longest_s
from bench.contender import Reading
from bench.cpu_watch import Bursts, CpuWatch
from bench.figures import Measured, Pair, summed_up
from bench.inspections import BEFORE, DESTINATION, Cost, inspections
from bench.plan import (
    AGENTD,
    COLLECTD,
    EVERY_FEATURE,
    EVERY_FEATURE_AS_NOBODY,
    OURS,
    WHOLE,
    WHOLE_AS_NOBODY,
    Mix,
)
from bench.pushing_daemon import Push, PushingDaemon
from bench.whole_figures import Accounted, samples_a_minute, whole_verdicts
from bench.whole_report import section, whole_lines
from tcpwatchd import __version__
from tests.lab.processes import wait_for

MADE = Mix.of(500_000)
AT_REST = Memory(28_000_000, 28_000_000, 15_000_000)
FIT = Accounted(
    who=WHOLE,
    sockets=500_000,
    elapsed_s=600.0,
    push_s=60.0,
    tick_s=1.0,
    cpu_s=6.0,
    samples=100,
    counter_samples=494,
    audits=2,
    longest_burst_s=0.1,
    longest_walk_s=0.05,
    rest=AT_REST,
    memory=Memory(30_000_000, 34_000_000, 15_000_000),
    spent_s=(0.01,) * 600,
)
NAMES = (WHOLE, WHOLE_AS_NOBODY, EVERY_FEATURE, EVERY_FEATURE_AS_NOBODY)


def peer(name: str, cpu_s: float) -> Measured:
    return summed_up(name, 500_000, [Pair(Reading(cpu_s, 1, 0, MADE), Reading(0.05, 1, 0, MADE))])


PEERS = [peer(COLLECTD, 0.301), peer(AGENTD, 15.1), peer(OURS, 0.05)]


def missed(**changes: object) -> list[str]:
    all_four = [replace(FIT, who=name, **changes) for name in NAMES]  # type: ignore[arg-type]
    return [one.target for one in whole_verdicts(all_four, PEERS) if not one.met]


def test_the_targets_are_met_at_their_bounds() -> None:
    assert missed() == []


@pytest.mark.parametrize(
    ("changes", "words", "times"),
    [
        ({"cpu_s": 6.1}, "≤ 1% of one core", 4),
        ({"samples": 65, "counter_samples": 529}, "everything for one sample", 6),
        ({"longest_burst_s": 0.101}, "longest burst", 4),
        ({"longest_walk_s": 0.049}, "longest burst", 4),
        ({"longest_walk_s": 0.0}, "longest burst", 4),
        ({"counter_samples": 493}, "ESTABLISHED counted", 4),
        ({"rest": replace(AT_REST, now_bytes=28_000_001)}, "at rest", 2),
        ({"memory": Memory(30_000_001, 34_000_000, 0)}, "resident memory grows", 2),
        ({"memory": Memory(30_000_000, 34_000_001, 0)}, "its peak grows", 2),
    ],
)
def test_and_missed_beyond_them(changes: dict[str, object], words: str, times: int) -> None:
    found = missed(**changes)
    assert sum(words in target for target in found) == times, found


def test_what_no_peer_was_measured_for_is_not_met() -> None:
    all_four = [replace(FIT, who=name) for name in NAMES]
    found = [one for one in whole_verdicts(all_four, []) if not one.met]
    assert len(found) == 2 * 2 + 2
    assert {one.measured for one in found} == {""}


def test_a_burst_ends_with_a_pause_and_small_ones_are_none() -> None:
    bursts = Bursts(1.0)
    for at_s, cpu_s in enumerate((1.0, 1.004, 1.004, 1.008, 1.008, 1.008, 1.0085, 1.0085, 1.0085, 1.02)):
        bursts.grown(float(at_s), cpu_s)
    (burst,) = bursts.found
    assert burst.end_s == 5.0
    assert burst.cpu_s == pytest.approx(0.008)


def test_the_time_of_threads_that_have_ended_counts() -> None:
    def spin() -> None:
        end_s = time.thread_time() + 0.05
        while time.thread_time() < end_s:
            pass

    before_s = process_cpu_s(os.getpid())
    thread = threading.Thread(target=spin)
    thread.start()
    thread.join()
    assert process_cpu_s(os.getpid()) - before_s >= 0.05


def test_a_process_is_watched_from_outside() -> None:
    program = (
        "import time\nfor _ in range(3):\n while time.process_time() % 0.05 < 0.04: pass\n time.sleep(0.2)"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    with CpuWatch([process.pid], 0.1) as watch:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    spent_s = process_cpu_s(process.pid)  # of one that nobody has waited for
    process.wait()
    assert watch.bursts[0]
    assert sum(burst.cpu_s for burst in watch.bursts[0]) <= spent_s + 0.001
    assert 0 < sum(watch.spent_s[0]) <= spent_s + 0.001


def test_dearer_samples_are_fewer_a_minute() -> None:
    assert samples_a_minute(0.001, 0.003) == 60
    assert samples_a_minute(0.07, 0.5) in range(7, 9)


def test_the_section_names_all_four_and_has_whole_tables() -> None:
    all_four = [replace(FIT, who=name) for name in NAMES]
    text = "\n".join(section(all_four, {500_000: PEERS}, {DESTINATION: Cost(0.12, 800_000)}, 0.1))
    assert all(f"| {name} | 1.00% | 60 ms | 10.0 | 99.0% | 2 | 100 ms |" in text for name in NAMES)
    assert all(f"| {name} | 28.0 MB | 30.0 MB | 28.0 MB | 34.0 MB |" in text for name in NAMES)
    assert "| busiest destination | 574 ms | 8.4 MB | 120 ms | 0.8 MB |" in text
    assert len(whole_lines(all_four)) == 4


def test_the_longest_walk_is_found_in_the_log_of_all() -> None:
    assert longest_s("0.05\n0.12\n0.06\n") == 0.12
    assert longest_s("") == 0.0


def test_an_inspection_is_measured_in_a_process_of_its_own() -> None:
    """On this host's own sockets."""
    costs = inspections(500)
    assert set(costs) == set(BEFORE)
    assert all(cost.cpu_s > 0 for cost in costs.values())


def test_of_each_push_the_latest_values_are_known_and_its_audit(tmp_path: Path) -> None:
    """A daemon does not send again what has not changed, except what an audit has found."""
    pushes: list[Push] = []
    config = "intervals: {sample: 100ms, push: 300ms}\nsampler: {audit: 1s}\nbudget: {cpu_percent: 100}\n"
    with PushingDaemon("tcpwatchd", config, tmp_path, pushes.append):
        wait_for(lambda: sum(push.audits for push in pushes) >= 3, "three audits")
    assert all(push.values["tcpwatchd.self[version]"] == __version__ for push in pushes)
