"""One run: the sockets grow from size to size, and at each everybody takes turns."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

from tests.lab.zabbix_stand import packages as debian

from . import box, machine, plot, plot_time, report
from .bpf_iter import BpfIter
from .collectd import Collectd
from .commands import Netstat, Psutil, Ss, own_command_s
from .contender import Contender
from .farm import Farm
from .figures import Held, Measured, Verdict, command_verdict, ours_of, summed_up, verdicts
from .inspections import inspections
from .node_exporter import NodeExporter
from .ours import Ours, OursAsNobody, OursInFull
from .plan import BASE_SOCKETS, WHOLE_S
from .rounds import measure, our_turn
from .whole_daemon import WholeDaemons
from .whole_figures import Accounted, whole_verdicts
from .whole_report import PLOT, section, whole_lines
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


class Run:
    """All of it, and what came of it."""

    def __init__(
        self, sizes: Sequence[int], rounds: int, turn_s: float, step: Step, whole_s: float = WHOLE_S
    ) -> None:
        self._sizes = sizes
        self._rounds = rounds
        self._turn_s = turn_s
        self._step = step
        self._whole_s = whole_s
        self.by_size: dict[int, list[Measured]] = {}
        self.held: list[Held] = []
        self.accounted: list[Accounted] = []
        self.verdicts: list[Verdict] = []

    def all(self) -> None:
        """Everything, in namespaces of this process, which it does not leave any more."""
        box.enter()
        with contextlib.ExitStack() as living:
            self._root = Path(tempfile.mkdtemp(prefix="tcpwatchd-bench-"))
            living.callback(shutil.rmtree, self._root, ignore_errors=True)
            self._root.chmod(0o755)  # nobody has to get to its own part
            farm = living.enter_context(Farm())
            self._grow(farm, BASE_SOCKETS)
            ours = Ours(self._own("ours"), self._turn_s)
            nobody = OursAsNobody(self._own("nobody"), self._turn_s)
            full = OursInFull(self._own("full"), self._turn_s)
            for daemon in (ours, nobody, full):
                living.enter_context(daemon)
            self._weigh(farm, BASE_SOCKETS, ours, nobody)
            self._command_s = own_command_s()
            self._step("the whole daemon at rest, with its defaults and with every feature")
            whole = living.enter_context(WholeDaemons(self._own, self._whole_s))
            whole.rest()
            for sockets in self._sizes:
                self._grow(farm, sockets)
                last = sockets == self._sizes[-1]
                self._measure(farm, sockets, ours, [full, nobody] if last else [full])
                self._weigh(farm, sockets, ours, nobody)
            self.made = farm.made
            self._step(f"the whole daemon: {self._whole_s:g} s and a push before")
            self.accounted = whole.run(farm.made.established)
            print("\n" + "\n".join(whole_lines(self.accounted)) + "\n", flush=True)
            self._step("inspections, one by one")
            self._costs = inspections(farm.made.established)
            self._step("done; taking the sockets down")
        last_size = self.by_size[self._sizes[-1]]
        self.verdicts = [
            *verdicts(last_size, self.held),
            *whole_verdicts(self.accounted, last_size),
            command_verdict(self._command_s),
        ]
        print(f"\n{report.target_words(self.made)}\n{report.verdict_lines(self.verdicts)}\n")

    def write(self, directory: Path) -> None:
        """The document and the picture."""
        directory.mkdir(parents=True, exist_ok=True)
        text = report.document(
            self.made,
            self.by_size,
            self.held,
            self.verdicts,
            machine.described(debian.BENCH),
            section(self.accounted, self.by_size, self._costs, self._command_s),
        )
        (directory / "README.md").write_text(text, encoding="utf-8")
        pictures = plot.draw(self.by_size, [directory / report.PLOT])
        if not (pictures and plot_time.draw(self.accounted, directory / PLOT)):
            print("matplotlib is missing, and so is the picture; try: pip install '.[bench]'")
        print(f"written to {directory}")

    def _own(self, name: str) -> Path:
        directory = self._root / name
        directory.mkdir()
        return directory

    def _grow(self, farm: Farm, sockets: int) -> None:
        self._step(f"adding sockets, up to {sockets:,} ESTABLISHED")
        farm.grow(sockets)

    def _measure(self, farm: Farm, sockets: int, ours: Ours, running: Sequence[Ours]) -> None:
        missing = {kind: kind.missing() for kind in CONTENDERS}
        contenders = [
            kind(self._own(f"{sockets}-{number}"))
            for number, kind in enumerate(CONTENDERS)
            if not missing[kind]
        ]
        measured = measure(contenders, running, ours, farm.made, self._rounds, self._step)
        measured += [summed_up(kind.name, sockets, [], words) for kind, words in missing.items() if words]
        self.by_size[sockets] = [*measured, ours_of(measured)]
        print(f"\n{sockets:,} sockets\n{report.table(self.by_size[sockets])}\n", flush=True)

    def _weigh(self, farm: Farm, sockets: int, *daemons: Ours) -> None:
        """What the daemons hold in memory, after a turn of theirs on what is there now."""
        for daemon in daemons:
            self._step(f"{sockets:,} sockets: memory of {daemon.name}")
            our_turn(daemon, farm.made)
            self.held.append(Held(daemon.name, sockets, daemon.memory()))
