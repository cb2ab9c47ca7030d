"""Checks this host: how its sockets are read, where values wait, and the wall clock. Source: adjtimex(2)."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator

from tcpwatchd.commands.console import CheckResult
from tcpwatchd.config.config import Config
from tcpwatchd.kernel.sampler import open_sampler
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.units import format_size
from tcpwatchd.spool.spool_file import in_use

_TIME_ERROR = 5  # what adjtimex returns while nothing disciplines the clock
_TIMEX_BYTES = 512  # struct timex has 208; the kernel fills what it knows


def look_at_host(config: Config) -> Iterator[CheckResult]:
    """The verdicts on this host, one by one."""
    yield _sockets(config)
    yield _spool(config)
    yield _clock()


def _sockets(config: Config) -> CheckResult:
    try:
        sampler = open_sampler(config.backend, Clock())
    except SampleError as error:
        return CheckResult("FAIL", "sockets", str(error), "`tcpwatchd sample` tries it by hand")
    sampler.backend.close()
    if sampler.fallback:
        return CheckResult("warn", "sockets", f"read with psutil, which costs far more: {sampler.fallback}")
    return CheckResult("ok", "sockets", f"read with {sampler.backend.name}")


def _spool(config: Config) -> CheckResult:
    path = config.spool_path
    if in_use(path):
        return CheckResult("ok", "spool", f"{path} is in use by the daemon that runs")
    where = next(parent for parent in path.parents if os.path.exists(parent))
    target = path if os.path.exists(path) else where
    if not os.access(target, os.W_OK):
        return CheckResult(
            "FAIL", "spool", f"{target} cannot be written", "whose is it? The daemon's user needs it"
        )
    status = os.statvfs(where)
    free_bytes = status.f_bavail * status.f_frsize
    if free_bytes < config.spool_max_size_bytes:
        return CheckResult(
            "warn",
            "spool",
            f"{format_size(free_bytes)} are free below {where}, less than spool.max_size",
            "an outage may fill the disk: lower spool.max_size, or make room",
        )
    return CheckResult("ok", "spool", f"{path}, {format_size(free_bytes)} are free")


def _clock() -> CheckResult:
    if sys.platform == "linux":
        adjtimex = getattr(ctypes.CDLL(None, use_errno=True), "adjtimex", None)
        # All zero: nothing is changed, and the answer is how the clock is kept.
        if adjtimex is not None and adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) == _TIME_ERROR:
            return CheckResult(
                "warn",
                "clock",
                "nothing keeps it right (adjtimex)",
                "values are stamped by it: chrony or systemd-timesyncd",
            )
    return CheckResult("ok", "clock", "kept right, as far as the kernel knows")
