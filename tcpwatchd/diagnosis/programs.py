"""Finds the process that holds each socket, as far as this process may see it.

Every descriptor of a process is a link in /proc/PID/fd; that of a socket says `socket:[INODE]`. To read the
links of other users takes CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. Names come from psutil. Sources: proc(5),
net/socket.c (sockfs_xattr_get).
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from tcpwatchd.diagnosis.culprits import Program
from tcpwatchd.model.printable import NAME_CHARACTERS, printable

_LINK = "socket:["
# What lsof asks; of a socket it says TCP or TCPv6, also without a connection.
_PROTOCOL = "system.sockprotoname"
_TCP = (b"TCP\0", b"TCPv6\0")


class Holdings:
    """Which process holds each of some inodes; 8 bytes an inode."""

    def __init__(self, inodes: Iterable[int]) -> None:
        self._inodes = array("I", sorted(inodes))
        self._pids = array("i", bytes(4 * len(self._inodes)))
        self._left = len(self._inodes)
        self._programs: Mapping[int, Program] = {}

    def search(self, proc: str) -> None:
        """Looks through the descriptors of all processes. A socket that several processes share counts for
        the first one, as a rule the parent.
        """
        if not self._left:
            return
        for pid, _descriptor, inode in _sockets(proc, []):
            place = self._place(inode)
            if place is not None and not self._pids[place]:
                self._pids[place] = pid
                self._left -= 1
                if not self._left:
                    break
        self._programs = named(set(self._pids) - {0})

    def _place(self, inode: int) -> int | None:
        place = bisect_left(self._inodes, inode)
        return place if place < len(self._inodes) and self._inodes[place] == inode else None

    def program(self, inode: int) -> Program | None:
        """The program behind an inode; None where it cannot be seen."""
        place = self._place(inode)
        return None if place is None else self._programs.get(self._pids[place])


def holding(inodes: Iterable[int], proc: str = "/proc") -> Holdings:
    """The programs behind these inodes, none of which is 0 or stands twice."""
    holdings = Holdings(inodes)
    holdings.search(proc)
    return holdings


class Unconnected(NamedTuple):
    """Sockets that are in no table: the process of each by inode, and the programs by their pids. `beyond` is
    the number of further ones; `all_seen`: no process hid its descriptors.
    """

    pids: Mapping[int, int]
    programs: Mapping[int, Program]
    beyond: int
    all_seen: bool


def holding_unconnected(
    connected: Callable[[int], bool], proc: str = "/proc", most: int = 50_000
) -> Unconnected:
    """The holders of TCP sockets of this network namespace that are in no table. `connected` says of an inode
    whether its socket is in one. The first `most` are told apart.
    """
    here = os.stat(f"{proc}/self/net/sockstat").st_ino
    found: dict[int, int] = {}
    beyond, asked_pid, is_here = 0, 0, False
    hidden: list[int] = []
    for pid, descriptor, inode in _sockets(proc, hidden):
        if inode in found or connected(inode):
            continue
        try:
            if pid != asked_pid:
                asked_pid, is_here = pid, os.stat(f"{proc}/{pid}/net/sockstat").st_ino == here
            if is_here and os.getxattr(f"{proc}/{pid}/fd/{descriptor}", _PROTOCOL) in _TCP:
                if len(found) < most:
                    found[inode] = pid
                else:
                    beyond += 1
        except OSError:
            continue  # closed meanwhile
    return Unconnected(found, named(set(found.values())), beyond, all_seen=not hidden)


def _sockets(proc: str, hidden: list[int]) -> Iterator[tuple[int, str, int]]:
    """Process, descriptor and inode of every socket that can be seen, the oldest processes first; processes
    whose descriptors this one may not see are added to `hidden`.
    """
    for pid in sorted(int(name) for name in os.listdir(proc) if name.isdigit()):
        directory = f"{proc}/{pid}/fd"
        try:
            # One after the other: a list of a million names would take 100 MB.
            with os.scandir(directory) as descriptors:
                for descriptor in descriptors:
                    link = _link(f"{directory}/{descriptor.name}")
                    if link.startswith(_LINK):
                        yield pid, descriptor.name, int(link[len(_LINK) : -1])
        except PermissionError:
            hidden.append(pid)
        except OSError:
            continue  # ended meanwhile


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""  # closed meanwhile


def named(pids: Collection[int]) -> Mapping[int, Program]:
    """The programs of these processes, by their pids."""
    if not pids:
        return {}
    import psutil  # noqa: PLC0415 - 4 MB that are needed only where there are culprits

    names: dict[int, Program] = {}
    for pid in pids:
        try:
            # Any user names his processes as he likes, in any bytes (prctl PR_SET_NAME).
            name = printable(psutil.Process(pid).name(), NAME_CHARACTERS)
            names[pid] = Program(pid, name or "unnamed")
        except psutil.Error:
            names[pid] = Program(pid, "ended")
    return names


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
