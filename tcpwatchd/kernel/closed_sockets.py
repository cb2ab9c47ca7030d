"""Counts the sockets that are in no table of the kernel: Zabbix's `close`.

A closed socket is not hashed, so no dump shows it. `alloc` in /proc/net/sockstat counts every TCP socket of
the host, and `inuse` the hashed ones of one network namespace. The difference, over all namespaces, is the
number of sockets that are just opened, bound, or reset by the peer while their program still holds them. A
higher number is used only after the namespaces were listed again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from tcpwatchd.kernel import procfs, procnet
from tcpwatchd.kernel.namespaces import elsewhere
from tcpwatchd.kernel.procfs import OtherFileError

# How often the namespaces are looked for anew when nothing asks for it earlier, and how long none is looked
# for after a look, as a multiple of its cost: on a host with thousands of processes a look is not cheap.
_LOOK_EVERY_S = 30.0
_LOOKS_SHARE = 200.0
# Measured: the 16,000 sockets of a killed process were gone from alloc 0.2 s after their namespace.
_SETTLE_S = 2.0
INITIAL_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, include/linux/proc_ns.h


class ClosedSockets:
    """The count, sample after sample.

    `steady_s` and `cpu_s` are clocks, `proc` is where procfs is mounted, `initial_pid_namespace` the inode
    that the host's own PID namespace has on every kernel.

    What is new to it, it does not believe at once. The sockets of a container that has just started look
    like unconnected ones until its namespace is known: so a number may fall, but rises only with a look at
    the namespaces. Those of a container that was killed are in `alloc` a little longer than their namespace
    can be read: so after one has vanished, a rise has to last. Until then the number from before stands.
    """

    def __init__(
        self,
        steady_s: Callable[[], float],
        cpu_s: Callable[[], float],
        proc: str = "/proc",
        initial_pid_namespace: int = INITIAL_PID_NAMESPACE,
    ) -> None:
        self._steady_s = steady_s
        self._cpu_s = cpu_s
        self._proc = proc
        self._initial_pid_namespace = initial_pid_namespace
        self._elsewhere: dict[int, int] = {}  # inode of another namespace's sockstat → a pid that lives there
        self._believed = 0
        self._look_after_s = float("-inf")  # no look before, unless the regular one is due
        self._look_at_s = float("-inf")  # the regular one
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
        if now_s < self._look_at_s:
            try:
                sockets = self._read(strict=True)
            except OtherFileError:
                self._settled_at_s = now_s + _SETTLE_S
            else:
                if sockets is None:
                    return None
                if sockets <= self._believed:
                    self._believed = sockets
                    return sockets
            if now_s < self._look_after_s:
                return self._believed
        return self._count_after_a_look(now_s)

    def _count_after_a_look(self, now_s: float) -> int | None:
        before_s = self._cpu_s()
        try:
            self._look()
        except OSError:
            return None
        self._look_after_s = now_s + _LOOKS_SHARE * (self._cpu_s() - before_s)
        self._look_at_s = now_s + _LOOK_EVERY_S
        sockets = self._read(strict=False)
        if sockets is not None:
            settled = now_s >= self._settled_at_s
            self._believed = sockets if settled else min(sockets, self._believed)
            return self._believed
        return None

    def _look(self) -> None:
        """Finds one process for every network namespace but our own."""
        self._elsewhere = elsewhere(self._proc)

    def _read(self, strict: bool) -> int | None:
        """One reading. A namespace without its process is empty, or with `strict` an OtherFileError."""
        try:
            alloc, inuse = self._namespace("self", None)
        except (OSError, ValueError, KeyError):
            return None
        everywhere = [inuse]
        for inode, pid in self._elsewhere.items():
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
