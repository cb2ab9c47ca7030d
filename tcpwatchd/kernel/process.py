"""What this process takes of the host, besides the CPU time that `clock` knows.

Alone knows where resident memory is read. Source: proc_pid_statm(5).
"""

from __future__ import annotations

import os


def rss_bytes() -> int | None:
    """Resident memory of this process, shared pages included; None where it cannot be read just now."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        import psutil  # noqa: PLC0415 - 4 MB that a host with /proc never needs

        return int(psutil.Process().memory_info().rss)
    except OSError:
        return None  # no descriptor is free: a bad moment, and no reason to end
