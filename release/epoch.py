"""The one time that is in every package: that of the last commit, so that two builds are the same bytes.

Source: reproducible-builds.org, the specification of SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
# An export without a repository has no commit. Zip files know no time before 1980.
_WITHOUT_A_COMMIT = 946684800


def source_date_epoch() -> int:
    """In Unix seconds; SOURCE_DATE_EPOCH in the environment overrides the time of the commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given.isdigit():
        return int(given)
    asked = ("git", "-C", str(ROOT), "log", "-1", "--format=%ct")
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return _WITHOUT_A_COMMIT
    return int(told)


def environment() -> dict[str, str]:
    """For a tool that builds: the time, no debug symbols with paths, sets in one order."""
    return {
        **os.environ,
        "SOURCE_DATE_EPOCH": str(source_date_epoch()),
        "CFLAGS": "-O2 -g0",
        # A Python that was built by hand would write the path of its libraries into what it links.
        "LDSHARED": "gcc -pthread -shared",
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
    }
