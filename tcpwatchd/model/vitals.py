"""What the daemon reports about itself at one push."""

from __future__ import annotations

from dataclasses import dataclass

from tcpwatchd.model.backlog_level import Level, Lost


@dataclass(frozen=True)
class Vitals:
    """The daemon about itself at one push; the counts are since the push before.

    `cpu_percent` is None at the first push; `spool` where the disk cannot be read. `sample_interval_s` is the
    one in use, `failures` are parts of a push that failed.
    """

    version: str
    backend: str
    mode: str
    uptime_s: int
    cpu_percent: float | None
    sample_interval_s: float
    sample_cpu_s: float
    rss_bytes: int | None
    spool: Level | None
    lost: Lost
    refused: int
    clock_steps: int
    failures: int
