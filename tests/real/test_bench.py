"""The bench: its arithmetic, and one short run of all of it on real sockets."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import push
from bench.accounting import Memory
from bench.contender import Reading
from bench.errors import ContenderError
from bench.farm import PAIRS_EACH, lacking, split
from bench.figures import Held, Measured, Pair, ours_of, summed_up, verdicts
from bench.plan import (
    AS_NOBODY,
    BPF,
    COLLECTD,
    MOST_GROWTH_BYTES,
    OURS,
    OURS_IN_FULL,
    SS,
    TARGETS,
    Mix,
    sizes,
)
from bench.plot import spread
from bench.report import document, rows, table
from bench.rounds import believable
from bench.run import CONTENDERS
from bench.sink import sink
from tests.generated import ROOT
from tests.lab.processes import wait_for
from tests.lab.requirements import require
from tests.lab.zabbix_stand import StandError, packages

MADE = Mix.of(1000)
PLENTY = {"memory_bytes": 1 << 40, "files": 1 << 30, "files_a_process": 1 << 20, "tcp_pages": 1 << 20}


def reading(cpu_s: float, seen: Mix = MADE) -> Reading:
    return Reading(cpu_s, 1, 1_000_000, seen)


def one(contender: str, ratio: float) -> Measured:
    return summed_up(contender, 500_000, [Pair(reading(0.1 / ratio), reading(0.1))] * 3)


def held(last_bytes: int) -> list[Held]:
    return [
        Held(who, sockets, Memory(now_bytes, 31_000_000, 17_000_000))
        for who in (OURS, AS_NOBODY)
        for sockets, now_bytes in ((200, 30_000_000), (1_000, 40_000_000), (500_000, 30_000_000 + last_bytes))
    ]


def test_a_ratio_is_that_within_a_round_so_that_a_busy_machine_changes_nothing() -> None:
    pairs = [Pair(reading(busy), reading(busy / 4)) for busy in (1.0, 9.0, 3.0)]
    found = summed_up(SS, 1000, pairs)
    assert (found.cpu_s, found.ratio, found.samples) == (3.0, 0.25, 3)
    assert ours_of([found]).cpu_s == 0.75


def test_what_was_never_measured_has_no_numbers_and_stands_last() -> None:
    absent = summed_up(COLLECTD, 1000, [], "collectd missing")
    measured = [absent, one(SS, 0.05), one(BPF, 0.3)]
    own = ours_of(measured)
    assert [row[0] for row in rows([*measured, own])] == [OURS, BPF, SS, COLLECTD]
    assert rows([absent]) == [(COLLECTD, "-", "-", "-", "-", "collectd missing")]
    assert re.search(r"\n> tcpwatchd +100 ms +1.0 × +1.0 MB +6\n", table([*measured, own]))


def test_a_target_is_met_at_its_bound_and_missed_above_it() -> None:
    at_bound = [one(target.contender, target.most) for target in TARGETS]
    assert all(each.met for each in verdicts([*at_bound, one(AS_NOBODY, 1.0)], held(MOST_GROWTH_BYTES - 1)))
    above = [one(target.contender, target.most * 1.01) for target in TARGETS]
    assert not any(each.met for each in verdicts([*above, one(AS_NOBODY, 1.0)], held(MOST_GROWTH_BYTES)))


def test_nobody_has_to_meet_them_too() -> None:
    at_bound = [one(target.contender, target.most) for target in TARGETS]
    found = verdicts([*at_bound, one(AS_NOBODY, 0.5)], held(0))  # it takes twice as much as we do
    assert [each.met for each in found] == [True] * 4 + [False] * 4 + [True] * 2


def test_a_target_that_was_not_measured_is_not_met() -> None:
    found = verdicts([one(SS, 0.01)], held(0))
    assert [(each.measured, each.met) for each in found[:4]] == [
        ("", False),
        ("", False),
        ("0.01 ×", True),
        ("", False),
    ]


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Mix(0, 0, 0), "counts 0 ESTABLISHED of 100,000, 0 CLOSE_WAIT of 1,000, 0 FIN_WAIT2 of 1,000"),
        (Mix(50_000, 1_000, 1_000), "counts 50,000 ESTABLISHED of 100,000"),
        (Mix(100_000, 1_000, 0), "counts 0 FIN_WAIT2 of 1,000"),
    ],
)
def test_who_does_not_count_what_is_there_is_not_fast(seen: Mix, words: str) -> None:
    made = Mix.of(100_000)
    with pytest.raises(ContenderError, match=f"^{words}$"):
        believable(reading(0.001, seen), made)
    with pytest.raises(ContenderError, match=r"^counts 0 CLOSE_WAIT of 4$"):
        believable(reading(0.001, Mix(400, 0, 4)), Mix.of(400))
    assert believable(reading(0.001, Mix(100_015, 1_001, 999)), made).cpu_s == 0.001


@pytest.mark.parametrize("pairs", [(0, 1), (100, 2), (9_000, 0), (8_999, 2), (250_000, 5_000)])
def test_no_process_of_the_farm_holds_more_than_it_can(pairs: tuple[int, int]) -> None:
    shares = split(*pairs)
    assert all(0 < established + half_closed <= PAIRS_EACH for established, half_closed in shares)
    assert tuple(map(sum, zip(*shares))) == pairs


def test_sizes_grow_up_to_the_one_asked_for() -> None:
    assert sizes(400) == (400,)
    assert sizes(10_000) == (1_000, 10_000)
    assert sizes(500_000) == (1_000, 10_000, 100_000, 500_000)
    assert Mix.of(500_000) == Mix(500_000, 5_000, 5_000)


@pytest.mark.parametrize("name", list(PLENTY))
def test_a_machine_that_is_too_small_is_told_in_a_sentence(name: str) -> None:
    assert lacking(500_000, PLENTY) == ""
    sentence = lacking(500_000, {**PLENTY, name: 1})
    assert re.fullmatch(r"500,000 sockets need [\d,]+ .*, and there are 1\.", sentence)


def test_labels_do_not_overlap_and_keep_their_order() -> None:
    wanted = [0.5, 0.1, 0.51, 0.52, 0.9]
    placed = spread(wanted, 0.05)
    assert sorted(range(5), key=lambda index: placed[index]) == [1, 0, 2, 3, 4]
    ordered = sorted(placed)
    assert all(upper - lower > 0.05 - 1e-9 for lower, upper in zip(ordered, ordered[1:]))
    assert (placed[1], placed[4]) == (0.1, 0.9)


def test_the_document_has_a_table_that_markdown_understands() -> None:
    measured = [one(SS, 0.05), one(COLLECTD, 0.15)]
    found = verdicts(measured, held(0))
    text = document(Mix.of(500_000), {500_000: measured}, held(0), found, [("kernel", "Linux 1")], [])
    lines = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {3, 4, 5, 7}
    assert "| ss -tan \\| awk | 2.0 s | 20 × | 1.0 MB | 3 |  |" in text


def test_whatever_a_contender_needs_is_installed_for_the_bench() -> None:
    assert {package for contender in CONTENDERS for package in contender.packages} <= set(packages.BENCH)


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """For a bench; what it leaves in its temporary directory goes too."""
    require(os.geteuid() == 0, "the bench needs root, for a network namespace")
    try:
        packages.install(packages.BENCH)
    except StandError as error:
        require(False, str(error))
    # Not pytest's own directory: its parents are closed to nobody.
    directory = Path(tempfile.mkdtemp(prefix="tcpwatchd-test-", dir="/tmp"))
    directory.chmod(0o755)
    yield {**os.environ, "TMPDIR": str(directory)}
    shutil.rmtree(directory)


class Run:
    """A bench, once it is so far that it measures."""

    def __init__(self, environment: dict[str, str], output: Path) -> None:
        command = [
            "-m",
            "bench",
            "--sockets",
            "400",
            "--rounds",
            "2",
            "--turn",
            "0.4",
            "--whole",
            "6",
            "--output",
        ]
        self.process = subprocess.Popen(
            [sys.executable, *command, str(output)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        while "round 1" not in self.said:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            assert line, self.said
            self.said += line
        self._namespace = network(self.process.pid)

    def end(self) -> int:
        self.said += self.process.communicate(timeout=120)[0]
        return self.process.returncode

    def alive(self) -> list[int]:
        """The processes that are still in its network namespace."""
        pids = [int(process.name) for process in Path("/proc").glob("[0-9]*")]
        return [pid for pid in pids if network(pid) == self._namespace]

    def privileges(self, module: str) -> dict[str, list[str]]:
        """Of the process that runs this Python module: what the kernel says in /proc/PID/status."""
        for pid in self.alive():
            process = Path(f"/proc/{pid}")
            if f"\0-m\0{module}\0run\0" in (process / "cmdline").read_text():
                lines = (line.partition(":") for line in (process / "status").read_text().splitlines())
                return {name: words.split() for name, _, words in lines}
        raise AssertionError(f"nobody runs {module}")


def network(pid: int) -> int:
    """Which namespace it is in; 0 if it has ended."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return 0


def test_a_short_run_measures_every_contender(environment: dict[str, str], tmp_path: Path) -> None:
    """Who miscounts has no numbers; so a row with numbers is one that has counted every socket."""
    run = Run(environment, tmp_path)
    nobody = run.privileges("bench.as_nobody")
    assert {*nobody["Uid"], *nobody["Gid"]} == {"65534"}
    assert (nobody["Groups"], {*nobody["CapEff"][0]}) == ([], {"0"})
    assert run.privileges("tcpwatchd")["Uid"][0] == "0"
    assert run.end() == 0, run.said
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "400 ESTABLISHED sockets, 4 CLOSE_WAIT and 4 FIN_WAIT2" in text
    for name in (*(contender.name for contender in CONTENDERS), f"**{OURS}**", AS_NOBODY, OURS_IN_FULL):
        row = f"| {name} | NUMBER ms | NUMBER × |".replace(" | awk", " \\| awk")
        assert re.search(re.escape(row).replace("NUMBER", r"[\d.]+"), text), run.said
    assert run.alive() == []
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_running(environment: dict[str, str], tmp_path: Path, number: signal.Signals) -> None:
    run = Run(environment, tmp_path)
    assert len(run.alive()) > 5  # the farm, the daemons, those that they are held against
    run.process.send_signal(number)
    assert run.end() == (130 if number == signal.SIGINT else -number), run.said
    wait_for(lambda: not run.alive(), "all of its processes have ended")


def test_what_a_push_costs_and_how_fast_a_backlog_follows_is_told() -> None:
    with sink() as address:
        (told,) = push.push(address, pushes=3)
        assert re.fullmatch(r"a push of \d+ values: [\d.]+ ms of CPU \([\d.]+ to .* [\d.]+ to .*\)", told)
        (told,) = push.replay(address, "nobody", pushes=10)
        assert re.match(r"a backlog of 800 values to nobody: [\d,]+ values a second", told)
        assert "NOT TAKEN" not in told


def test_the_readme_shows_the_numbers_that_the_bench_printed() -> None:
    """Its table is made of lines of docs/bench/README.md, in their order."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (section,) = re.findall(r"^## Cost\n(.*?)^## ", readme, re.MULTILINE | re.DOTALL)
    shown = [line for line in section.splitlines() if line.startswith("|")]
    printed = (ROOT / "docs/bench/README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in printed if line in shown] == shown
    assert len(shown) > len(TARGETS)
    assert "(docs/bench/cost.svg)" in section
    assert "<svg" in (ROOT / "docs/bench/cost.svg").read_text(encoding="utf-8")
