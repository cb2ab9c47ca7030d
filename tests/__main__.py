"""`make test`: everything, in less time than one after the other takes.

Some files wait for outages or pushes most of their time: they run beside the tests that need no server, and
meanwhile the trees are made that tests boot later. What counts sockets of the whole host, or needs a server,
then runs alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
# These wait for outages or pushes most of their time. What stands in one row runs one after the other: each
# brings up servers of its own, and ten at a time would leave no CPU time for what is measured.
WAITING = (
    ("test_alarm_series.py",),
    ("test_alarm_ends.py",),
    ("test_outages.py", "test_calm.py"),
    ("test_proxy_group.py", "test_registration.py", "test_setup.py"),
    ("test_frozen_tree.py", "test_fleet.py", "test_template_versions.py"),
    ("test_mixed_fleet.py", "test_repeated_values.py"),
)
# These build, install and boot: they take much CPU time and measure nothing, so they give way to all others.
NICE = ("nice", "-n", "10")
GIVING_WAY = (
    ("test_packages.py", "test_rpm.py", "test_container.py", "test_everywhere.py"),
    ("test_ansible.py", "test_versions.py"),
)
# These are slow and need neither a server nor a quiet host: they run with the unit tests.
WITH_UNITS = (
    "test_bench.py",
    "test_bench_whole.py",
    "test_hanging_dns.py",
    "test_inspector.py",
    "test_kills.py",
    "test_unit_file.py",
)
# Two processes share the tests of this run, a file at a time.
TWO_AT_A_TIME = ("-n", "2", "--dist", "loadfile")


def main() -> int:
    """The exit code of the worst run."""
    real = {path.name: path for path in sorted((HERE / "real").glob("test_*.py"))}
    waits = [name for row in (*WAITING, *GIVING_WAY) for name in row]
    alone = [path for name, path in real.items() if name not in (*waits, *WITH_UNITS)]
    with ExitStack() as held:
        held.enter_context(
            started([*NICE, sys.executable, "-m", "tests.lab.booted_tree"], subprocess.DEVNULL)
        )
        waiting = []
        for row in (*WAITING, *GIVING_WAY):
            told = held.enter_context(tempfile.TemporaryFile("w+"))
            first = NICE if row in GIVING_WAY else ()
            run = started([*first, *command([real[name] for name in row])], told)
            waiting.append((held.enter_context(run), told))
        units = [HERE / "unit", *(real[name] for name in WITH_UNITS)]
        codes = [subprocess.run([*command(units), *TWO_AT_A_TIME], check=False).returncode]
        for process, told in waiting:
            codes.append(process.wait())
            told.seek(0)
            print(told.read(), flush=True)
    codes.append(subprocess.run(command(alone), check=False).returncode)
    print("tests: all runs passed" if not any(codes) else "tests: FAILED, see above")
    return max(codes)


@contextmanager
def started(command: list[str], output: IO[str] | int) -> Iterator[subprocess.Popen[str]]:
    """A process that is over at the end, one way or the other."""
    process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True, cwd=HERE.parent)
    try:
        yield process
        process.wait()
    finally:
        process.terminate()
        process.wait()


def command(paths: list[Path]) -> list[str]:
    """One run of pytest over these files and folders."""
    return [sys.executable, "-m", "pytest", *map(str, paths)]


if __name__ == "__main__":
    sys.exit(main())
