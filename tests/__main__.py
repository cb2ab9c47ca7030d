"""`make test`: everything, in less time than one after the other takes.

Four files wait for outages most of their time: they run beside the tests that need no server, and so are the
trees made that tests boot later. What counts sockets of the whole host, or needs a server, then runs alone.
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
WAITING = ("test_real_outages.py", "test_real_proxy_group.py", "test_real_frozen_tree.py", "test_real_fleet.py")


def main() -> int:
    """The exit code of the worst run."""
    files = sorted(path.name for path in HERE.glob("test_*.py"))
    alone = [name for name in files if name.startswith("test_real_") and name not in WAITING]
    others = [name for name in files if not name.startswith("test_real_")]
    with ExitStack() as held:
        held.enter_context(started([sys.executable, "-m", "tests.booted_tree"], subprocess.DEVNULL))
        waiting = []
        for name in WAITING:
            told = held.enter_context(tempfile.TemporaryFile("w+"))
            waiting.append((held.enter_context(started(command([name]), told)), told))
        codes = [subprocess.run(command(others), check=False).returncode]
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


def command(names: list[str]) -> list[str]:
    """One run of pytest over these files."""
    return [sys.executable, "-m", "pytest", *(str(HERE / name) for name in names)]


if __name__ == "__main__":
    sys.exit(main())
