"""What the daemon says of itself at one push: how it samples, what that costs, what its spool holds.

It stands apart from the window, so that a command that only samples loads nothing of the spool. What each
value means for an operator is in metrics/self_metrics.py and metrics/spool_metrics.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from tcpwatchd.model.backlog_level import Level, Lost


@dataclass(frozen=True)
class Vitals:
    """The daemon about itself at one push; the counts are since the push before.

    `backend` is how sockets are read: netlink or psutil. `mode` is fast, where the large states are taken
    from counters, or full. `uptime_s` is since the start of the daemon.

    `cpu_percent` is of one core, None at the first push. `sample_interval_s` is the one in use,
    `sample_cpu_s` the mean of one sample, `rss_bytes` the resident memory, None where it cannot be read.

    `spool` is None where the disk cannot be read, `lost` are values given up undelivered, `refused` those
    that servers refused. `clock_steps` are jumps of the wall clock, `failures` parts of a push that failed.
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
