"""Changes one operator or constant at a time in the core modules; their tests have to notice it.

    python -m tests.mutants                        a dozen changes of each module, the same ones each time
    python -m tests.mutants outbox spool --all     every change of these modules

Settings at the head of a module (`_CUTS = 8`) and annotations are left as they are. Prints each change that
no test notices. Exit code 1 if fewer than 95 % are noticed. A change that gives the
same behaviour is in EQUIVALENT, with the reason. Works on copies of the tree.
"""

from __future__ import annotations

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.equivalent_mutants import EQUIVALENT
from tests.generated import ROOT

# Module of tcpwatchd → the tests that judge it.
MODULES = {
    "daemon/open_window": "daemon/test_window.py daemon/test_sampling.py kernel/test_kernel_numbers.py",
    "delivery/refused_key_search": "delivery/test_refused_key_search.py delivery/test_refusing_server.py",
    "delivery/outbox": "delivery/test_outbox.py delivery/test_refusing_server.py delivery/test_shipping.py",
    "spool/spool": "spool/test_spool.py spool/test_spool_late_disk.py spool/test_spool_faults.py",
    "spool/spool_state": "spool/test_spool_state.py spool/test_spool.py spool/test_spool_late_disk.py",
    "spool/memory_buffer": "spool/test_memory_buffer.py spool/test_spool_late_disk.py",
    "kernel/inet_diag": "kernel/test_inet_diag.py diagnosis/test_ephemeral_ports.py",
    "kernel/state_count": "kernel/test_inet_diag.py kernel/test_captured_dumps.py",
    "kernel/closed_sockets": "kernel/test_closed_sockets.py",
    "model/schedule": "model/test_schedule.py delivery/test_fleet.py daemon/test_cost_of_sampling.py",
    "model/clock": "model/test_clock.py daemon/test_sampling.py",
    "diagnosis/culprits": "diagnosis/test_culprits.py",
    "diagnosis/ages": "diagnosis/test_ages.py diagnosis/test_culprits.py",
    "diagnosis/ephemeral_ports": "diagnosis/test_ephemeral_ports.py diagnosis/test_busiest_destination.py",
    "daemon/urgent": "daemon/test_urgent.py daemon/test_ports_watch.py",
    "daemon/ports_watch": "daemon/test_ports_watch.py",
    "delivery/self_registration": "delivery/test_self_registration.py",
    "zabbix/failover": "zabbix/test_failover.py zabbix/test_redirects.py zabbix/test_sender_failover.py",
    "zabbix/exchange": "zabbix/test_exchange.py zabbix/test_sender.py zabbix/test_sender_answers.py",
}
CHOSEN = 12
WORKERS = 2
TIMEOUT_S = 45
NOTICED_SHARE = 0.95

_COMPARED = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.Is: ("is", "is not"),
}
_COMPUTED = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.FloorDiv: ("//", "*")}
_NAMED = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """`old` at these offsets of the module's text becomes `new`."""

    module: str
    begin: int
    end: int
    old: str
    new: str
    line: int
    text: str  # of that line, without indentation

    def __str__(self) -> str:
        return f"tcpwatchd/{self.module}.py:{self.line}: {self.old} → {self.new}: {self.text}"

    @property
    def equivalent(self) -> bool:
        """Whether the behaviour is the same."""
        return (self.module, self.text, f"{self.old} → {self.new}") in EQUIVALENT


def mutants(module: str) -> list[Mutant]:
    """Every change of a module, in the order of its text."""
    source = (ROOT / "tcpwatchd" / f"{module}.py").read_text(encoding="utf-8")
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text.encode()))
    raw, found = source.encode(), {}
    for begin, end, old, new, line in _changes(ast.parse(source), starts, raw):
        text = source.splitlines()[line - 1].strip()
        found[begin, new] = Mutant(module, begin, end, old, new, line, text)
    return [found[place] for place in sorted(found)]


def _changes(tree: ast.AST, starts: list[int], raw: bytes) -> Iterator[tuple[int, int, str, str, int]]:
    def between(left: ast.expr, right: ast.expr, old: str) -> int | None:
        begin = starts[(left.end_lineno or left.lineno) - 1] + (left.end_col_offset or 0)
        at = raw.find(old.encode(), begin, starts[right.lineno - 1] + right.col_offset)
        return at if at >= 0 else None

    for node in _without_annotations(tree):
        if isinstance(node, ast.Compare):
            for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators):
                old, new = _COMPARED.get(type(operator), ("", ""))
                if old and (at := between(left, right, old)) is not None:
                    yield at, at + len(old), old, new, left.end_lineno or left.lineno
        elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
            old, new = _COMPUTED[type(node.op)]
            if (at := between(node.left, node.right, old)) is not None:
                yield at, at + len(old), old, new, node.left.end_lineno or node.lineno
        elif isinstance(node, ast.BoolOp):
            old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            for left, right in zip(node.values, node.values[1:]):
                if (at := between(left, right, old)) is not None:
                    yield at, at + len(old), old, new, left.end_lineno or left.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            at = starts[node.lineno - 1] + node.col_offset
            end = starts[node.lineno - 1] + (node.end_col_offset or 0)
            if isinstance(node.value, bool):
                yield at, end, str(node.value), str(not node.value), node.lineno
            else:
                yield at, end, raw[at:end].decode(), repr(node.value + 1), node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _NAMED:
            at = starts[node.func.lineno - 1] + node.func.col_offset
            yield at, at + len(node.func.id), node.func.id, _NAMED[node.func.id], node.lineno


def _without_annotations(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Module):  # a setting such as _CUTS = 8: a test would only repeat it
        settings = [one for one in node.body if isinstance(one, (ast.Assign, ast.AnnAssign))]
        node.body = [one for one in node.body if one not in settings]
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _without_annotations(child)


def noticed(mutant: Mutant | None, module: str, tree: Path) -> bool:
    """Whether the tests of the module fail, or do not end, in this copy of the tree."""
    path = tree / "tcpwatchd" / f"{module}.py"
    original = path.read_bytes()
    if mutant:
        path.write_bytes(original[: mutant.begin] + mutant.new.encode() + original[mutant.end :])
    files = [f"tests/unit/{name}" for name in MODULES[module].split()]
    pytest = ["nice", sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    try:
        ran = subprocess.run(pytest, cwd=tree, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_bytes(original)
    return ran.returncode != 0


def main() -> int:
    """Tries the changes, and prints how many were noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as outbox (default: all)")
    parser.add_argument("--all", action="store_true", help="every change, not a dozen of each module")
    given = parser.parse_args()
    chosen = [name for name in MODULES if not given.modules or name.rpartition("/")[2] in given.modules]
    trees: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="tcpwatchd-mutants-") as directory:
        for nth in range(WORKERS):
            tree = Path(directory) / str(nth)
            ignored = shutil.ignore_patterns(".git", ".venv", "dist", "__pycache__", ".*_cache")
            shutil.copytree(ROOT, tree, ignore=ignored)
            trees.put(tree)

        def judge(mutant: Mutant) -> tuple[Mutant, bool]:
            tree = trees.get()
            try:
                return mutant, noticed(mutant, mutant.module, tree)
            finally:
                trees.put(tree)

        tried = survived = 0
        with ThreadPoolExecutor(WORKERS) as pool:
            for module in chosen:
                if noticed(None, module, Path(directory) / "0"):
                    print(f"{module}: its tests fail without a change", flush=True)
                    return 1
                every = [mutant for mutant in mutants(module) if not mutant.equivalent]
                luck = random.Random(module)  # noqa: S311 - the same choice each time, no secret
                some = every if given.all else luck.sample(every, min(CHOSEN, len(every)))
                missed = [mutant for mutant, seen in pool.map(judge, some) if not seen]
                print(f"{module:30} {len(some) - len(missed):3} of {len(some):3} noticed", flush=True)
                for mutant in missed:
                    print(f"    {mutant}", flush=True)
                tried, survived = tried + len(some), survived + len(missed)
    print(f"{tried - survived} of {tried} noticed, {100 * (tried - survived) / tried:.1f} %")
    return 0 if tried - survived >= NOTICED_SHARE * tried else 1


if __name__ == "__main__":
    sys.exit(main())
