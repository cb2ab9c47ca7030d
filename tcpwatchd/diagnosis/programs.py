"""Finds the process that holds each socket, as far as this process may see it.

Every descriptor of a process is a link in /proc/PID/fd; that of a socket says `socket:[INODE]`. To read the
links of other users takes CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. Names come from psutil. Sources: proc(5),
net/socket.c (sockfs_xattr_get).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from tcpwatchd.diagnosis.culprits import Program
from tcpwatchd.model.printable import NAME_CHARACTERS, printable

_LINK = "socket:["
# What lsof asks; of a socket it says TCP or TCPv6, also without a connection.
_PROTOCOL = "system.sockprotoname"
_TCP = (b"TCP\0", b"TCPv6\0")


def holding(inodes: Collection[int], proc: str = "/proc") -> Mapping[int, Program]:
    """The program behind each inode, except where it cannot be seen.

    A socket that several processes share counts for the first one, as a rule the parent.
    """
    wanted, found = set(inodes), dict[int, int]()
    for pid, _descriptor, inode in _sockets(proc, []):
        if inode in wanted:
            found[inode] = pid
            wanted.discard(inode)
            if not wanted:
                break
    return named(found)


class Holders(NamedTuple):
    """Programs by the inode of the socket that they hold; `all_seen`: no process hid its descriptors."""

    programs: Mapping[int, Program]
    all_seen: bool


def holding_unconnected(connected: Callable[[int], bool], proc: str = "/proc") -> Holders:
    """The holders of TCP sockets of this network namespace that are in no table. `connected` says of an inode
    whether its socket is in one.
    """
    here = os.stat(f"{proc}/self/net/sockstat").st_ino
    found: dict[int, int] = {}
    asked_pid, is_here = 0, False
    hidden: list[int] = []
    for pid, descriptor, inode in _sockets(proc, hidden):
        if inode in found or connected(inode):
            continue
        try:
            if pid != asked_pid:
                asked_pid, is_here = pid, os.stat(f"{proc}/{pid}/net/sockstat").st_ino == here
            if is_here and os.getxattr(f"{proc}/{pid}/fd/{descriptor}", _PROTOCOL) in _TCP:
                found[inode] = pid
        except OSError:
            continue  # closed meanwhile
    return Holders(named(found), all_seen=not hidden)


def _sockets(proc: str, hidden: list[int]) -> Iterator[tuple[int, str, int]]:
    """Process, descriptor and inode of every socket that can be seen, the oldest processes first; processes
    whose descriptors this one may not see are added to `hidden`.
    """
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        directory = f"{proc}/{pid}/fd"
        try:
            descriptors = os.listdir(directory)
        except PermissionError:
            hidden.append(pid)
            continue
        except OSError:
            continue  # ended meanwhile
        for descriptor in descriptors:
            try:
                link = os.readlink(f"{directory}/{descriptor}")
            except OSError:
                continue
            if link.startswith(_LINK):
                yield pid, descriptor, int(link[len(_LINK) : -1])


def named(pids: Mapping[int, int]) -> Mapping[int, Program]:
    """The programs of these processes (inode → pid), by inode."""
    if not pids:
        return {}
    import psutil  # noqa: PLC0415 - 4 MB that are needed only where there are culprits

    names: dict[int, Program] = {}
    for pid in set(pids.values()):
        try:
            # Any user names his processes as he likes, in any bytes (prctl PR_SET_NAME).
            name = printable(psutil.Process(pid).name(), NAME_CHARACTERS)
            names[pid] = Program(pid, name or "unnamed")
        except psutil.Error:
            names[pid] = Program(pid, "ended")
    return {inode: names[pid] for inode, pid in pids.items()}


def user(uid: int, users: str = "/etc/passwd") -> str:
    """The name of a user of this host, else its number.

    Of the file alone: a directory service may take its time, and this is asked between two samples.
    """
    try:
        with open(users, encoding="utf-8", errors="replace") as file:
            for entry in file:
                name, _, number, *_rest = f"{entry.strip()}:::".split(":")
                if number == str(uid):
                    return printable(name, NAME_CHARACTERS)
    except OSError:
        pass
    return str(uid)
