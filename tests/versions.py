"""All unit tests on each Python that is promised: `make test-versions`; arguments choose some of them."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.generated import ROOT
from tests.lab.pythons import VERSIONS, built_wheel, environment

_NOT_COPIED = (".venv", "dist", "build", "__pycache__", ".*_cache", ".hypothesis")


def main(versions: list[str]) -> int:
    """0 if all pass on all versions, 1 otherwise; a Python that is not here is none that passes."""
    failed = False
    with tempfile.TemporaryDirectory(prefix="tcpwatchd-versions-", dir="/var/tmp") as name:
        wheel = built_wheel(Path(name))
        for version in versions or VERSIONS:
            directory = Path(name, version)
            directory.mkdir()
            try:
                result = _tested(version, wheel, directory)
            except AssertionError as error:
                result, failed = f"FAILED\n{error}", True
            print(f"Python {version}: {result}", flush=True)
            shutil.rmtree(directory)
    return int(failed)


def _tested(version: str, wheel: Path, directory: Path) -> str:
    installed = environment(version, wheel, directory, "test,psk")
    assert installed is not None, f"python{version} is not on this machine"
    # Some tests read the source, the documentation and the history.
    shutil.copytree(
        ROOT, installed.place, ignore=shutil.ignore_patterns(*_NOT_COPIED), symlinks=True, dirs_exist_ok=True
    )
    return installed.pytest("-n", "auto", "tests/unit")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
