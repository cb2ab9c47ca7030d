"""What the kernel gives for one push, counted in bytes: it hardly grows with ESTABLISHED connections."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tcpwatchd.config.config import parse
from tcpwatchd.daemon.inspection_schedule import InspectionSchedule
from tcpwatchd.diagnosis.inspector import SocketInspector
from tcpwatchd.kernel import inet_diag
from tcpwatchd.kernel.background import AtOnce
from tcpwatchd.kernel.fast_path import FastPath
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.kernel.sampler import LinuxKernel, Sampler
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.sockets import State
from tests.lab.socket_lab import Lab

# Of so many destinations the few that are counted exactly weigh little.
LISTENERS, FEW, MANY = 500, 1000, 4000
ROW_BYTES = 88  # of a socket without attributes; a row is never shorter


class CountingBackend(NetlinkBackend):
    """The real one; `received_bytes` counts what dumps were fed with."""

    received_bytes = 0

    def ask(
        self, new: Callable[[int, int], Any], states: int = inet_diag.ALL_STATES, bytecode: bytes = b""
    ) -> list[Any]:
        def counted(sequence: int, family: int) -> Any:
            dump = new(sequence, family)
            feed = dump.feed

            def counting(datagram: bytes, size_bytes: int | None = None) -> bool:
                self.received_bytes += len(datagram) if size_bytes is None else size_bytes
                over: bool = feed(datagram, size_bytes)
                return over

            dump.feed = counting
            return dump

        return super().ask(counted, states, bytecode)


@contextlib.contextmanager
def connections(number: int) -> Iterator[None]:
    """So many, evenly to `LISTENERS` destinations, none of which is busy."""
    with ExitStack() as held:
        listeners = [
            held.enter_context(
                socket.create_server((f"127.0.{1 + nth // 250}.{nth % 250 + 1}", 8080), backlog=64)
            )
            for nth in range(LISTENERS)
        ]
        for nth in range(number):
            address = listeners[nth % LISTENERS].getsockname()
            held.enter_context(socket.create_connection(address))
        yield


# All that inspects sockets, but the holders of CLOSE: they read a row of each connection.
EVERY_FEATURE = """\
budget: {cpu_percent: 100}
culprits: {states: [close_wait, fin_wait2, syn_sent, established], threshold: 50}
services:
  - {name: local, local_ports: [8080]}
  - {name: remote, remote_ports: [8080], remote_addresses: [127.0.0.0/8]}
  - {name: none, local_ports: ["1-100"]}
discover: listeners
"""


def received_for_a_push(number: int, config: str) -> int:
    """Bytes for a sample and all inspections of a configuration, at the second push."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    kernel, clock = CountingBackend(), Clock()
    kernel.attempt()
    with contextlib.closing(kernel), connections(number):
        sampler = Sampler(kernel, clock, lambda: 0, FastPath(LinuxKernel(kernel)))
        # Every number of connections is treated like very many.
        inspections = InspectionSchedule(
            SocketInspector(kernel, few=0, few_of_services=1024, few_held=1024),
            parse(config, "test"),
            AtOnce(clock.thread_cpu_s),
        )
        for _ in range(2):
            kernel.received_bytes = 0
            snapshot = sampler.sample()
            inspections.begin(snapshot)
            found = inspections.take(snapshot)
        assert found.ports is not None
        assert found.ports.used == number // LISTENERS
        if config:
            assert "~" in found.culprits[State.ESTABLISHED]
            for service in ("local", "remote"):
                assert found.services[service][State.ESTABLISHED] == pytest.approx(number, rel=0.4)
            assert found.services["8080"][State.LISTEN] == LISTENERS
        return kernel.received_bytes


# Of samples the sizes vary.
@pytest.mark.parametrize(
    ("config", "most"), [("", 0.05), (EVERY_FEATURE, 0.25)], ids=["defaults", "every feature"]
)
def test_a_push_reads_no_row_for_each_connection(lab: Lab, config: str, most: float) -> None:
    few, many = lab.call(lambda: (received_for_a_push(FEW, config), received_for_a_push(MANY, config)))
    assert few > LISTENERS * ROW_BYTES, "the listeners at least"
    # Of a connection both ends are here; where all are read, each adds two rows for each inspection.
    assert many - few < most * 2 * (MANY - FEW) * ROW_BYTES
