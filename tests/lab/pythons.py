"""The Pythons of this machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def interpreter(version: str) -> str:
    """An interpreter of this version: on PATH, or where pyenv puts it; empty where there is none."""
    found = [str(path) for path in Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        found.insert(0, sys.executable)
    elif (path := shutil.which(f"python{version}")) and "shims" not in path:
        found.insert(0, path)
    return found[0] if found else ""
