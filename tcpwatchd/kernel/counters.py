"""Reads the kernel's TCP counters and limits from /proc, at the same cost for any number of sockets."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from contextlib import suppress

from tcpwatchd.kernel import kernel_limits, procfs, procnet
from tcpwatchd.kernel.procnet import Counters
from tcpwatchd.model.errors import CountersError
from tcpwatchd.model.window import Limit


def read_counters(for_audit: bool = False, directory: str = "/proc/self/net") -> Counters:
    """The counters of this network namespace; with `for_audit` also those that only an audit needs.

    Raises CountersError if this kernel or its sandbox does not have them.
    """
    try:
        netstat = procfs.text(f"{directory}/netstat") if for_audit else None
        return procnet.counters(
            procfs.text(f"{directory}/snmp"), procfs.text(f"{directory}/sockstat"), netstat
        )
    except OSError as error:
        raise CountersError("cannot read the kernel's counters", str(error)) from error
    except (ValueError, KeyError) as error:
        raise CountersError("the kernel's counters are not understood", f"{error} in {directory}") from error


def read_kernel_counters(directory: str = "/proc/self/net") -> Mapping[str, int]:
    """All counters of TCP of this network namespace, by the kernel's names; empty where there are none."""
    texts = {"snmp": "", "netstat": ""}
    for name in texts:
        with suppress(OSError):
            texts[name] = procfs.text(f"{directory}/{name}")
    return procnet.kernel_counters(texts["snmp"], texts["netstat"])


def read_limits(directory: str = "/proc") -> Mapping[str, Limit]:
    """The limits that can be read here, with what is in use."""
    texts = {}
    for name in kernel_limits.FILES:
        with suppress(OSError):
            texts[name] = procfs.text(f"{directory}/{name}")
    return kernel_limits.limits(texts, mmap.PAGESIZE)
