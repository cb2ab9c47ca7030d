"""The bench on the command line: python -m bench [--sockets N] [--output DIRECTORY].

Alone knows the order of a run, and what a person sees of it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Callable

from tests.zabbix_stand import StandError
from tests.zabbix_stand import packages as debian

from . import box, machine, plot, report
from .bpf_iter import BpfIter
from .collectd import Collectd
from .commands import Netstat, Psutil, Ss
from .contender import Contender
from .errors import BenchError
from .farm import REPOSITORY, Farm, shortage
from .figures import Measured, Verdict, ours_of, verdicts
from .node_exporter import NodeExporter
from .ours import Ours, OursAsNobody
from .plan import BASE_SOCKETS, FULL_SOCKETS, ROUNDS, TURN_S, sizes
from .rounds import measure, our_turn
from .zabbix_agents import Agent2, Agentd

CONTENDERS: tuple[type[Contender], ...] = (
    Collectd,
    BpfIter,
    Ss,
    Netstat,
    NodeExporter,
    Agentd,
    Agent2,
    Psutil,
)
Step = Callable[[str], None]


def main() -> int:
    """0 when all is measured, and the targets met where they are binding; 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="One sample by tcpwatchd and by its peers, on the same sockets."
    )
    parser.add_argument("--sockets", type=_sockets, default=os.environ.get("SOCKETS") or FULL_SOCKETS)
    parser.add_argument("--rounds", type=int, choices=range(1, 10), default=ROUNDS, metavar="N")
    parser.add_argument(
        "--turn", type=float, default=TURN_S, metavar="SECONDS", help="of tcpwatchd, each time"
    )
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "bench", metavar="DIRECTORY")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminate)  # so that a kill cleans up like Ctrl-C does
    try:
        _require(arguments.sockets)
        run = Run(arguments.sockets, arguments.rounds, arguments.turn, _stopwatch())
        run.all()
        run.write(arguments.output)
    except (BenchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    missed = [one for one in run.verdicts if not one.met]
    return 1 if missed and arguments.sockets >= FULL_SOCKETS else 0


def _sockets(text: str) -> int:
    number = int(text)
    if number < BASE_SOCKETS:
        raise argparse.ArgumentTypeError(f"at least {BASE_SOCKETS}")
    return number


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stopwatch() -> Step:
    start = time.monotonic()

    def step(text: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {text}", flush=True)

    return step


def _require(sockets: int) -> None:
    if os.geteuid() != 0:
        raise BenchError("The bench needs root, for a network namespace of its own: run this as root.")
    if lacking := shortage(sockets):
        raise BenchError(f"{lacking} Put that right, or run fewer: make bench SOCKETS=100000")
    try:
        debian.install(debian.BENCH)
    except StandError as error:
        print(f"{error}\nContenders that need what is missing are left out.", flush=True)


class Run:
    """One run over all sizes, and what came of it."""

    def __init__(self, sockets: int, rounds: int, turn_s: float, step: Step) -> None:
        self._sizes = sizes(sockets)
        self._rounds = rounds
        self._turn_s = turn_s
        self._step = step
        self.by_size: dict[int, list[Measured]] = {}
        self.memory: list[tuple[str, int, int, int]] = []
        self.verdicts: list[Verdict] = []

    def all(self) -> None:
        """Everything, in namespaces of this process, which it does not leave any more."""
        box.enter()
        with contextlib.ExitStack() as held:
            self._root = Path(tempfile.mkdtemp(prefix="tcpwatchd-bench-"))
            held.callback(shutil.rmtree, self._root, ignore_errors=True)
            self._root.chmod(0o755)  # nobody has to get to its own part
            farm = held.enter_context(Farm())
            self._grow(farm, BASE_SOCKETS)
            ours = Ours(self._own("ours"), self._turn_s)
            nobody = OursAsNobody(self._own("nobody"), self._turn_s)
            for daemon in (ours, nobody):
                held.enter_context(daemon)
            self._remember(farm, BASE_SOCKETS, ours, nobody)
            for sockets in self._sizes:
                self._grow(farm, sockets)
                self._measure(farm, sockets, ours, nobody)
                self._remember(farm, sockets, ours, nobody)
            self.made = farm.made
            self._step("done; taking the sockets down")
        growth = {who: rss for who, _sockets, rss, _anonymous in self.memory}
        base = {who: rss for who, _sockets, rss, _anonymous in reversed(self.memory)}
        self.verdicts = verdicts(
            self.by_size[self._sizes[-1]],
            growth[ours.name] - base[ours.name],
            growth[nobody.name] - base[nobody.name],
        )
        print("\n" + report.verdict_lines(self.verdicts))

    def write(self, directory: Path) -> None:
        """The document and the picture."""
        directory.mkdir(parents=True, exist_ok=True)
        text = report.document(
            self.made, self.by_size, self.memory, self.verdicts, machine.described(debian.BENCH)
        )
        (directory / "README.md").write_text(text, encoding="utf-8")
        if not plot.draw(self.by_size, [directory / report.PLOT]):
            print("matplotlib is missing, and so is the picture; try: pip install '.[bench]'")
        print(f"\nwritten to {directory}")

    def _own(self, name: str) -> Path:
        directory = self._root / name
        directory.mkdir(exist_ok=True)
        return directory

    def _grow(self, farm: Farm, sockets: int) -> None:
        self._step(f"adding sockets, up to {sockets:,} ESTABLISHED")
        farm.grow(sockets)

    def _measure(self, farm: Farm, sockets: int, ours: Ours, nobody: OursAsNobody) -> None:
        contenders: list[Contender] = []
        absent: list[Measured] = []
        for number, kind in enumerate(CONTENDERS):
            if missing := kind.missing():
                absent.append(Measured(kind.name, sockets, 0, 0.0, 0.0, 0.0, 0, missing))
            else:
                contenders.append(kind(self._own(f"{sockets}-{number}")))
        last = sockets == self._sizes[-1]
        running = [nobody] if last else []
        measured = measure(contenders, running, ours, farm.made, self._rounds, self._step)
        self.by_size[sockets] = [*measured, *absent, ours_of(measured, ours.memory().peak_bytes)]
        print(f"\n{sockets:,} sockets\n{report.table(self.by_size[sockets])}\n", flush=True)

    def _remember(self, farm: Farm, sockets: int, *daemons: Ours) -> None:
        """What the daemons hold in memory, after a turn of theirs on what is there now."""
        for daemon in daemons:
            self._step(f"{sockets:,} sockets: memory of {daemon.name}")
            our_turn(daemon, farm.made)
            memory = daemon.memory()
            self.memory.append((daemon.name, sockets, memory.now_bytes, memory.anonymous_bytes))


if __name__ == "__main__":
    sys.exit(main())
