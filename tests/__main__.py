"""`make test`: everything, in less time than one after the other takes.

Alone knows what may run beside what. Two files wait for outages most of their time: they run beside the tests
that need no server, and so are the trees made that tests boot later. What counts sockets of the whole host,
or needs a server, then runs alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
WAITING = ("test_real_outages.py", "test_real_proxy_group.py")


def main() -> int:
    """The exit code of the worst run."""
    files = sorted(path.name for path in HERE.glob("test_*.py"))
    alone = [name for name in files if name.startswith("test_real_") and name not in WAITING]
    others = [name for name in files if not name.startswith("test_real_")]
    with tempfile.TemporaryFile("w+") as told:
        trees = subprocess.Popen([sys.executable, "-m", "tests.booted_tree"], cwd=HERE.parent)
        waiting = subprocess.Popen(command(WAITING), stdout=told, stderr=subprocess.STDOUT)
        try:
            codes = [subprocess.run(command(others), check=False).returncode, waiting.wait()]
        finally:
            waiting.terminate()
            waiting.wait()
            trees.wait()
        told.seek(0)
        sys.stdout.write(told.read())
    sys.stdout.flush()
    codes.append(subprocess.run(command(alone), check=False).returncode)
    print("tests: all three runs passed" if not any(codes) else "tests: FAILED, see above")
    return max(codes)


def command(names: list[str] | tuple[str, ...]) -> list[str]:
    """One run of pytest over these files."""
    return [sys.executable, "-m", "pytest", *(str(HERE / name) for name in names)]


if __name__ == "__main__":
    sys.exit(main())
