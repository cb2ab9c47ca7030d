"""The process that lives in a lab's namespace and holds its sockets: python -m tests.lab.lab_resident.

A socket is brought into a state by ordinary calls, and by making one end deaf. A deaf socket has a filter
attached (SO_ATTACH_FILTER, socket(7)) that drops every segment it receives, so the packets that would move
it or its peer on are lost as on a broken path. That needs no firewall, no second namespace and no privilege,
and every step is deterministic: nothing waits for a timer.

Commands come as JSON, one a line, on standard input, and each gets one line back; at its end everything
goes. Whatever is held is closed with a reset, so that no orphan outlives the process and its namespace.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from tcpwatchd.model.sockets import State

ADDRESS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
CHURN_WIDTH = 8  # connections that a churn holds open at once, at most
CHURN_CONNECTIONS = 20_000  # then it ends by itself; ports run out at 28,000
CHURN_S = 30.0
STEP_S = 5.0  # how long one socket may take to reach its state; on loopback it is there at once

_SO_ATTACH_FILTER = 26  # include/uapi/asm-generic/socket.h
_DROP_ALL = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0))  # struct sock_filter: BPF_RET 0
_SYNCNT = 60  # resends of a SYN, or of the answer to one: hours, where the default is two minutes or one
_BACKLOG = 4096


class Sockets:
    """All sockets of the lab. Each maker makes one connection of one family."""

    def __init__(self) -> None:
        self.held: list[socket.socket] = []
        self.fresh: list[socket.socket] = []
        self.deaf_listener: dict[int, socket.socket] = {}
        self.listener: dict[int, socket.socket] = {}

    def make(self, kind: str, family: int, count: int) -> None:
        """`count` times what `kind` names, a State's name or a Variant's."""
        if kind == "SYN_SENT":
            self.deaf_listener[family] = deafen(self.listen(family))
        elif kind == "SYN_RECV":
            self.listener[family] = self.listen(family)
        maker: Callable[[int], object] = getattr(self, f"make_{kind.lower()}")
        for _ in range(count):
            maker(family)

    def hold(self, made: socket.socket) -> socket.socket:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.held.append(made)
        return made

    def listen(self, family: int) -> socket.socket:
        return self.hold(listening(family))

    def pair(self, family: int) -> tuple[socket.socket, socket.socket]:
        """Both ends of a connection; the one that asked for it first."""
        with listening(family) as listener:
            asking = self.hold(socket.create_connection(listener.getsockname()[:2]))
            answering = self.hold(listener.accept()[0])
        return asking, answering

    def asking(self, family: int, listener: socket.socket, deaf: bool) -> None:
        asking = self.hold(socket.socket(family))
        if deaf:
            deafen(asking)
        asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, _SYNCNT)
        asking.setblocking(False)
        asking.connect_ex(listener.getsockname())
        reach(asking, State.SYN_SENT)

    def make_listen(self, family: int) -> None:
        self.listen(family)

    def make_established(self, family: int) -> None:
        self.pair(family)

    def make_mapped(self, family: int) -> None:
        """IPv4 on the wire, with an IPv6 socket at one end. The end that asks is of `family`."""
        with socket.socket(socket.AF_INET6 if family == socket.AF_INET else socket.AF_INET) as listener:
            if family == socket.AF_INET:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(("", 0))
            listener.listen()
            asking = self.hold(socket.socket(family))
            prefix = "::ffff:" if family == socket.AF_INET6 else ""
            asking.connect((prefix + ADDRESS[socket.AF_INET], listener.getsockname()[1]))
            self.hold(listener.accept()[0])

    def make_close_wait(self, family: int) -> None:
        asking, answering = self.pair(family)
        asking.shutdown(socket.SHUT_WR)
        reach(asking, State.FIN_WAIT2)
        reach(answering, State.CLOSE_WAIT)

    make_fin_wait2 = make_close_wait

    def make_orphaned_fin_wait2(self, family: int, lasts_s: int = 60) -> None:
        """As FIN_WAIT2, but its program has closed it: for the last 60 s the kernel keeps a mini-socket."""
        asking, answering = self.pair(family)
        asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, lasts_s)
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        self.held.remove(asking)
        asking.close()
        reach(answering, State.CLOSE_WAIT)

    def make_long_orphaned_fin_wait2(self, family: int) -> None:
        self.make_orphaned_fin_wait2(family, lasts_s=100)

    def make_time_wait(self, family: int) -> None:
        for end in self.pair(family):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
            self.held.remove(end)
            end.close()

    def make_syn_sent(self, family: int) -> None:
        """Nobody answers the SYN."""
        self.asking(family, self.deaf_listener[family], deaf=False)

    def make_syn_recv(self, family: int) -> None:
        """The answer to the SYN never arrives."""
        self.asking(family, self.listener[family], deaf=True)

    def make_fin_wait1(self, family: int) -> None:
        """The peer hears nothing any more."""
        asking, answering = self.pair(family)
        deafen(answering)
        asking.shutdown(socket.SHUT_WR)
        reach(asking, State.FIN_WAIT1)

    def make_last_ack(self, family: int) -> None:
        """The peer closed its half and then went deaf: it never hears that we closed ours."""
        asking, answering = self.pair(family)
        asking.shutdown(socket.SHUT_WR)
        reach(asking, State.FIN_WAIT2)
        deafen(asking)
        answering.shutdown(socket.SHUT_WR)
        reach(answering, State.LAST_ACK)

    def make_closing(self, family: int) -> None:
        """Both close, and one does not hear it."""
        asking, answering = self.pair(family)
        deafen(answering)
        asking.shutdown(socket.SHUT_WR)
        answering.shutdown(socket.SHUT_WR)
        reach(asking, State.CLOSING)
        reach(answering, State.FIN_WAIT1)

    def make_close(self, family: int) -> None:
        self.fresh.append(socket.socket(family))

    def make_reset(self, family: int) -> None:
        """The peer has reset it, and its program still holds the descriptor."""
        asking, answering = self.pair(family)
        self.held.remove(answering)
        answering.close()
        reach(asking, State.CLOSE)

    def bind_fresh(self) -> None:
        """Gives every fresh socket an address; it is still in no table of connections."""
        for fresh in self.fresh:
            if fresh.getsockname()[1] == 0:
                fresh.bind((ADDRESS[socket.AddressFamily(fresh.family)], 0))

    def close_fresh(self) -> None:
        while self.fresh:
            self.fresh.pop().close()

    def close(self) -> None:
        for held in [*self.held, *self.fresh]:
            held.close()


def listening(family: int) -> socket.socket:
    listener = socket.socket(family)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, _SYNCNT)
    listener.bind((ADDRESS[socket.AddressFamily(family)], 0))
    listener.listen(_BACKLOG)
    return listener


def deafen(hearing: socket.socket) -> socket.socket:
    """Whatever arrives is dropped from now on, before TCP looks at it."""
    program = struct.pack("HP", 1, ctypes.addressof(_DROP_ALL))  # struct sock_fprog
    hearing.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    return hearing


def reach(moving: socket.socket, state: State) -> None:
    """Returns when the kernel says that the socket is in `state`."""
    until = time.monotonic() + STEP_S
    while moving.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != state:
        if time.monotonic() > until:
            raise TimeoutError(f"a socket did not reach {state.name} within {STEP_S:g} s")
        time.sleep(0.001)


class Churn:
    """Connections that come and go, both families, half of them ended by a reset. Bounded by itself."""

    def __init__(self) -> None:
        self.connections = 0
        self._stop = threading.Event()
        self._listeners = [listening(family) for family in ADDRESS]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        pairs: deque[tuple[socket.socket, socket.socket]] = deque()
        until = time.monotonic() + CHURN_S
        while not self._stop.is_set() and self.connections < CHURN_CONNECTIONS and time.monotonic() < until:
            listener = self._listeners[self.connections % 2]
            asking = socket.create_connection(listener.getsockname()[:2])
            pairs.append((asking, listener.accept()[0]))
            self.connections += 1
            if len(pairs) == CHURN_WIDTH:
                self._end(*pairs.popleft(), reset=self.connections % 4 < 2)
            time.sleep(0.0002)
        for pair in pairs:
            self._end(*pair, reset=True)

    @staticmethod
    def _end(asking: socket.socket, answering: socket.socket, reset: bool) -> None:
        if reset:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        asking.close()
        answering.close()

    def stop(self) -> int:
        """Ends it; how many connections there were."""
        self._stop.set()
        self._thread.join()
        for listener in self._listeners:
            listener.close()
        return self.connections


def main() -> None:
    """Readies the namespace, then does what standard input says until it ends."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # On loopback a new connection may take over the port of one in TIME_WAIT; here numbers have to stay.
    with open("/proc/sys/net/ipv4/tcp_tw_reuse", "w", encoding="ascii") as file:
        file.write("0")
    sockets = Sockets()
    churn: Churn | None = None
    answer(0)
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        if command == "make":
            sockets.make(*arguments)
            answer(0)
        elif command == "bind_fresh":
            sockets.bind_fresh()
            answer(0)
        elif command == "close_fresh":
            sockets.close_fresh()
            answer(0)
        elif command == "churn" and churn is None:
            churn = Churn()
            answer(0)
        elif command == "end_churn" and churn is not None:
            answer(churn.stop())
            churn = None
        else:
            raise ValueError(f"not a command now: {line!r}")
    if churn is not None:
        churn.stop()
    sockets.close()


def answer(number: int) -> None:
    print(number, flush=True)


if __name__ == "__main__":
    # /proc/PID/ns may be closed to us; the inode of a file below /proc/PID/net tells namespaces apart too.
    if os.path.samefile("/proc/self/net/sockstat", f"/proc/{os.getppid()}/net/sockstat"):
        sys.exit("lab_resident is for a network namespace of its own; use socket_lab.Lab")
    main()
