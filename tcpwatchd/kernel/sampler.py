"""Takes one sample: a whole Snapshot, or a SampleError.

The backend is chosen once, by trying: netlink with the counters (fast path) or without, or psutil. psutil
works everywhere, but reads every descriptor of every process.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import Protocol

from tcpwatchd.kernel import currestab_probe
from tcpwatchd.kernel.background import AtOnce, Background
from tcpwatchd.kernel.closed_sockets import ClosedSockets
from tcpwatchd.kernel.counter_estimates import CurrEstab
from tcpwatchd.kernel.counters import read_counters
from tcpwatchd.kernel.fast_path import FastPath
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.model.errors import CountersError, SampleError
from tcpwatchd.model.sockets import CounterSample, Reading, Snapshot, State, Tally, Walk

AUTO, NETLINK, PSUTIL = BACKENDS = ("auto", "netlink", "psutil")
FAST, FULL = MODES = ("fast", "full")


class Backend(Protocol):
    """A way to read all sockets, or SampleError."""

    name: str

    def read(self) -> Walk:
        """Every socket of this network namespace."""

    def close(self) -> None:
        """Gives back what it holds open."""


class PsutilBackend:
    """psutil.net_connections: any platform psutil knows, at a price, and listeners that share one address
    (SO_REUSEPORT) in one process it cannot tell apart.
    """

    name = PSUTIL

    def read(self) -> Walk:
        """One list of all connections."""
        import psutil  # noqa: PLC0415 - 4 MB that the netlink path never needs

        try:
            connections = psutil.net_connections(kind="tcp")
        except (psutil.Error, OSError, RuntimeError, ValueError) as error:
            raise SampleError("psutil cannot list the sockets", str(error)) from error
        counts = {socket.AF_INET: [0] * 12, socket.AF_INET6: [0] * 12}
        for connection in connections:
            try:
                counts[connection.family][State[connection.status]] += 1
            except KeyError:
                raise SampleError(
                    "psutil shows a socket that is not understood",
                    f"{connection.family} {connection.status}",
                ) from None
        return Walk(Tally(tuple(counts[socket.AF_INET])), Tally(tuple(counts[socket.AF_INET6])))

    def close(self) -> None:
        """Holds nothing open."""


class LinuxKernel:
    """What a FastPath asks: walks over netlink, counters from /proc, the experiment over loopback."""

    def __init__(self, backend: NetlinkBackend) -> None:
        self.walk = backend.read
        self.counters = read_counters

    def half_close(self) -> CurrEstab | None:
        """See `half_close.meaning`."""
        return currestab_probe.meaning(lambda: read_counters().curr_estab)


class Sampler:
    """A backend, the clocks, and what counts the unconnected sockets (None: the backend sees them itself).

    With a `shortcut` the backend is asked through it. `fallback` says why the backend is not the one asked
    for first; empty when it is. `background` does what may take long; `background_share` returns how much of
    one core that takes for samples, on average.
    """

    def __init__(
        self,
        backend: Backend,
        clock: Clock,
        unconnected: Callable[[], int | None] | None = None,
        shortcut: FastPath | None = None,
        fallback: str = "",
        background: Background | None = None,
        background_share: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.backend = backend
        self.fallback = fallback
        self.background = background or AtOnce(clock.thread_cpu_s)
        self.background_share = background_share
        self._clock = clock
        self._unconnected = unconnected
        self._shortcut = shortcut

    @property
    def distrust(self) -> str:
        """Why the fast path is no longer used; empty while it is used, or if it was never wanted."""
        return self._shortcut.distrust if self._shortcut else ""

    @property
    def mode(self) -> str:
        """How sockets are read at this moment."""
        return FAST if self._shortcut and not self._shortcut.distrust else FULL

    def sample(self, full: bool = False) -> Snapshot:
        """Takes one sample; `full` counts both families apart. The stamp is taken when the answer is
        complete.

        Raises SampleError if there is no whole answer.
        """
        reading = (
            self._shortcut.read(full, self._clock.steady_s())
            if self._shortcut
            else Reading.of(self.backend.read())
        )
        at_s = self._clock.steady_s()
        unconnected = reading.sockets[State.CLOSE] if self._unconnected is None else self._unconnected()
        return Snapshot(Stamp.of(self._clock.wall_ns()), at_s, self.backend.name, reading, unconnected)

    def sample_counters(self) -> CounterSample | None:
        """What can be told without a walk over the connections; None where the next walk has to tell."""
        try:
            sample = self._shortcut.between_walks() if self._shortcut else None
        except (SampleError, CountersError):
            return None  # the next walk meets the same error, and says so
        unconnected = self._unconnected() if sample and self._unconnected else None
        if sample is None or unconnected is None:
            return sample
        return CounterSample({**sample.sockets, State.CLOSE: unconnected}, sample.queues)


def open_sampler(
    choice: str, clock: Clock, mode: str = FULL, background: Background | None = None
) -> Sampler:
    """A sampler whose backend has answered once. `choice` of BACKENDS, `mode` of MODES. What may take long is
    done in the `background`, without one at once. Raises SampleError if no backend answers.
    """
    background = background or AtOnce(clock.thread_cpu_s)
    closed = ClosedSockets(clock.steady_s, background) if sys.platform == "linux" else None
    unconnected = closed.count if closed else None
    share = closed.spent_share if closed else lambda: 0.0
    fallback = ""
    if choice != PSUTIL:
        netlink = NetlinkBackend()
        try:
            netlink.attempt()
            shortcut = FastPath(LinuxKernel(netlink)) if mode == FAST else None
            return Sampler(netlink, clock, unconnected, shortcut, "", background, share)
        except SampleError as error:
            netlink.close()
            if choice == NETLINK:
                raise
            fallback = str(error)
    backend = PsutilBackend()
    backend.read()
    return Sampler(backend, clock, unconnected, None, fallback, background, share)
