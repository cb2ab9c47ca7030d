"""What the bench ran on: kernel, processors, versions."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable

import psutil

from tcpwatchd import __version__

from .farm import REPOSITORY


def commit() -> str:
    """The commit that is run, with `-dirty` where files differ from it; `unknown` without a repository."""
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=10"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"


def described(packages: Iterable[str]) -> list[tuple[str, str]]:
    """Name and version, one row a thing; of what Debian has installed of `packages`."""
    rows = [
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("processors", str(os.cpu_count())),
        ("Python", platform.python_version()),
        ("tcpwatchd", __version__),
        ("commit", commit()),
        ("psutil", psutil.__version__),
    ]
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package}\t${Version}\n", *sorted(set(packages))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it complains there about what is not installed
        text=True,
        check=False,
    )
    for line in asked.stdout.splitlines():
        name, _, version = line.partition("\t")
        if version:
            rows.append((name, version))
    return rows
