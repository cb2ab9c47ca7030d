"""Reads the kernel's TCP counters and limits from /proc, at the same cost for any number of sockets."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from contextlib import suppress

from tcpwatchd.kernel import kernel_limits, procnet
from tcpwatchd.kernel.procnet import Counters
from tcpwatchd.model.errors import CountersError
from tcpwatchd.model.window import Limit

_MOST_BYTES = 65536  # netstat has 4,000; procfs gives what fits in one read whole


def read_counters(for_audit: bool = False, directory: str = "/proc/self/net") -> Counters:
    """The counters of this network namespace; with `for_audit` also those that only an audit needs.

    Raises CountersError if this kernel or its sandbox does not have them.
    """
    try:
        netstat = _text(f"{directory}/netstat") if for_audit else None
        return procnet.counters(_text(f"{directory}/snmp"), _text(f"{directory}/sockstat"), netstat)
    except OSError as error:
        raise CountersError("cannot read the kernel's counters", str(error)) from error
    except (ValueError, KeyError) as error:
        raise CountersError("the kernel's counters are not understood", f"{error} in {directory}") from error


def read_kernel_counters(directory: str = "/proc/self/net") -> Mapping[str, int]:
    """All counters of TCP of this network namespace, by the kernel's names; empty where there are none."""
    texts = []
    for name in ("snmp", "netstat"):
        try:
            texts.append(_text(f"{directory}/{name}"))
        except (OSError, ValueError):
            texts.append("")
    return procnet.kernel_counters(*texts)


def read_limits(directory: str = "/proc") -> Mapping[str, Limit]:
    """The limits that can be read here, with what is in use."""
    texts = {}
    for name in kernel_limits.FILES:
        with suppress(OSError, ValueError):
            texts[name] = _text(f"{directory}/{name}")
    return kernel_limits.limits(texts, mmap.PAGESIZE)


def _text(path: str) -> str:
    with open(path, "rb", buffering=0) as file:
        return file.read(_MOST_BYTES).decode("ascii")
