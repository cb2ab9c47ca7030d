"""Counts the sockets that are in no table of the kernel: Zabbix's `close`.

A closed socket is not hashed, so no dump shows it. `alloc` in /proc/net/sockstat counts every TCP socket of
the host, and `inuse` the hashed ones of one network namespace. The difference, over all namespaces, is the
number of sockets that are just opened, bound, or reset by the peer while their program still holds them. A
higher number is used only after the namespaces were listed again, which is done in the background: a host may
have 30,000 processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tcpwatchd.kernel import procfs, procnet
from tcpwatchd.kernel.background import Background, Task
from tcpwatchd.kernel.namespaces import elsewhere
from tcpwatchd.kernel.procfs import OtherFileError

# How often the namespaces are listed when nothing asks for it earlier, and how much of one core that may
# take: on a host with thousands of processes it is not cheap.
_LIST_EVERY_S = 30.0
_LISTS_SHARE = 0.001
# The files of so many namespaces are read at each sample; those of more in the background alone.
_MOST_AT_A_SAMPLE = 32
# Measured: the 16,000 sockets of a killed process were gone from alloc 0.2 s after their namespace.
_SETTLE_S = 2.0
INITIAL_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h


class _Listed(NamedTuple):
    """The other namespaces (inode of their sockstat → a pid that lives there), and the count right after they
    were listed; None if it cannot be counted.
    """

    elsewhere: Mapping[int, int]
    sockets: int | None


class ClosedSockets:
    """The count, sample after sample.

    `steady_s` is a clock, `proc` is where procfs is mounted, `initial_pid_namespace` the inode that the
    host's own PID namespace has on every kernel.

    A new number is not used at once. The sockets of a container that has just started look like unconnected
    ones until its namespace is known: so a number may fall, but rises only after the namespaces were listed.
    Those of a container that was killed are in `alloc` a little longer than their namespace can be read: so
    after one has vanished, a rise has to last. Until then the number from before stands.
    """

    def __init__(
        self,
        steady_s: Callable[[], float],
        background: Background,
        proc: str = "/proc",
        initial_pid_namespace: int = INITIAL_PID_NAMESPACE,
    ) -> None:
        self._steady_s = steady_s
        self._background = background
        self._proc = proc
        self._initial_pid_namespace = initial_pid_namespace
        self._elsewhere: Mapping[int, int] = {}
        self._listing: Task[_Listed] | None = None
        self._listing_at_s = self._listed_at_s = float("-inf")
        self._believed: int | None = 0
        self._spent_share = 0.0
        self._list_after_s = float("-inf")  # no list before, unless the regular one is due
        self._list_at_s = float("-inf")  # the regular one
        self._settled_at_s = float("-inf")
        self._sees_all = self._whole_host()

    def _whole_host(self) -> bool:
        """Whether every process of the host can be seen; inside a container, or with hidepid, it cannot."""
        try:
            own = os.stat(f"{self._proc}/self/ns/pid").st_ino
            os.stat(f"{self._proc}/1/net/sockstat")
        except OSError:
            return False
        return own == self._initial_pid_namespace

    def count(self) -> int | None:
        """Closed sockets of the whole host; None if they cannot be counted here."""
        if not self._sees_all:
            return None
        now_s = self._steady_s()
        self._take_list(now_s)
        if self._listing:
            return self._believed
        if now_s < self._list_at_s and len(self._elsewhere) <= _MOST_AT_A_SAMPLE:
            try:
                sockets = self._read(self._elsewhere, strict=True)
            except OtherFileError:
                self._settled_at_s = now_s + _SETTLE_S
            else:
                if sockets is None or (self._believed is not None and sockets <= self._believed):
                    self._believed = sockets
                    return sockets
        if now_s >= self._list_after_s:
            self._listing, self._listing_at_s = self._background.start(self._list), now_s
            if self._listed_at_s == float("-inf"):
                self._listing.wait()  # at the start there is no number to give meanwhile
            self._take_list(now_s)
        return self._believed

    def spent_share(self) -> float:
        """How much of one core the lists take, by the last two of them."""
        return self._spent_share

    def _take_list(self, now_s: float) -> None:
        """Takes the list over that was made meanwhile, if it is complete."""
        if self._listing is None or not self._listing.done:
            return
        task, self._listing = self._listing, None
        cost_s, apart_s = task.cpu_s, self._listing_at_s - self._listed_at_s
        self._listed_at_s, self._spent_share = self._listing_at_s, cost_s / max(apart_s, 1.0)
        self._list_after_s = now_s + cost_s / _LISTS_SHARE
        self._list_at_s = max(self._list_after_s, now_s + _LIST_EVERY_S)
        try:
            self._elsewhere, sockets = task.result()
        except OSError:
            sockets = None
        settled = self._listing_at_s >= self._settled_at_s
        if settled or sockets is None or self._believed is None:
            self._believed = sockets
        else:
            self._believed = min(sockets, self._believed)

    def _list(self) -> _Listed:
        """Finds one process for every network namespace but our own, then counts. Raises OSError."""
        found = elsewhere(self._proc)
        return _Listed(found, self._read(found, strict=False))

    def _read(self, namespaces: Mapping[int, int], strict: bool) -> int | None:
        """One count. A namespace without its process is empty, or with `strict` an OtherFileError."""
        try:
            alloc, inuse = self._namespace("self", None)
        except (OSError, ValueError, KeyError):
            return None
        everywhere = [inuse]
        for inode, pid in namespaces.items():
            try:
                everywhere.append(self._namespace(f"{pid}", inode)[1])
            except OSError as error:  # the process has ended, or lives in another namespace now
                if strict:
                    raise OtherFileError from error
            except (ValueError, KeyError):
                return None
        return procnet.unconnected(alloc, everywhere)

    def _namespace(self, pid: str, inode: int | None) -> tuple[int, int]:
        """`alloc`, and `inuse` of both families, as a process sees them. Raises OtherFileError."""
        net = f"{self._proc}/{pid}/net"
        ipv4 = procnet.parse_sockstat(procfs.text(f"{net}/sockstat", inode), "TCP")
        text6 = procfs.optional_text(f"{net}/sockstat6")
        ipv6 = procnet.parse_sockstat(text6, "TCP6")["inuse"] if text6 else 0
        return ipv4["alloc"], ipv4["inuse"] + ipv6
