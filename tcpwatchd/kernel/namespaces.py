"""Finds the network namespaces of a host and reads their counters, without privilege.

Every process shows its own namespace at /proc/PID/net, and the inode number of a file there identifies it. A
namespace without a process (kept by a mount or a descriptor) is not seen.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from tcpwatchd.kernel.netns import called, container, counted, key_part, pod
from tcpwatchd.kernel.procfs import optional_text
from tcpwatchd.model.window import Namespace

_NAMED = "/run/netns"  # where `ip netns` keeps its names


def elsewhere(proc: str = "/proc") -> dict[int, int]:
    """A process of every network namespace but our own, by the inode that stands for that. OSError."""
    found: dict[int, int] = {}
    for name in os.listdir(proc):
        if name.isdigit():
            try:
                found.setdefault(os.stat(f"{proc}/{name}/net/sockstat").st_ino, int(name))
            except OSError:
                continue  # ended meanwhile, or a kernel thread without a namespace
    found.pop(os.stat(f"{proc}/self/net/sockstat").st_ino, None)
    return found


def read_namespaces(proc: str = "/proc", named: str = _NAMED) -> Mapping[str, Namespace]:
    """The numbers of every namespace but our own, by its name; two of one name have a pid behind it."""
    names = _names_of_mounts(named)
    found: dict[str, Namespace] = {}
    for pid in sorted(elsewhere(proc).values()):
        try:
            cgroup = optional_text(f"{proc}/{pid}/cgroup")
            name = names.get(_inode(f"{proc}/{pid}/ns/net")) or called(
                cgroup, optional_text(f"{proc}/{pid}/comm")
            )
            net = f"{proc}/{pid}/net"
            texts = (optional_text(f"{net}/{file}") for file in ("sockstat", "sockstat6", "snmp", "netstat"))
            numbers = counted(*texts)
        except (OSError, ValueError, KeyError):
            continue  # ended meanwhile
        found[f"{name}-{pid}" if name in found else name] = replace(
            numbers, pod=pod(cgroup), container=container(cgroup)
        )
    return found


def _names_of_mounts(directory: str) -> Mapping[int | None, str]:
    """What `ip netns` calls namespaces, by the inode that each is known by."""
    try:
        return {_inode(f"{directory}/{name}"): key_part(name) for name in os.listdir(directory)}
    except OSError:
        return {}


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None  # of another user's process, it takes privilege
