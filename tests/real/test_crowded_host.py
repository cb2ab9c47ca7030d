"""A host with a million descriptors, thousands of listeners and hundreds of namespaces: no sample is lost."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tcpwatchd.config.config import parse
from tcpwatchd.daemon.sampling import SampleLoop
from tcpwatchd.kernel.background import BackgroundThread
from tcpwatchd.kernel.sampler import open_sampler
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.window import Window
from tests.lab.disks import open_spool
from tests.lab.socket_lab import Lab

PROCESSES, DESCRIPTORS = 55, 19_000  # a million and some; a process may have 20,000 without a privilege
LISTENERS, FIRST_PORT = 10_000, 10_000
NAMESPACES, CLOSED = 200, 60
SECONDS = 20
YAML = """\
intervals: {sample: 500ms, push: 1s, culprits: 1s}
budget: {cpu_percent: 100}
discover: listeners
namespaces: true
culprits: {states: [close]}
"""
_CLONE_NEWNET = 0x40000000


def hold_descriptors() -> None:
    """One TCP socket by many descriptors, as each costs a search the same as another socket."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    held.listen()
    for _ in range(DESCRIPTORS):
        os.dup(held.fileno())
    held.detach()


def hold_namespace() -> None:
    """A network namespace of its own."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")


@contextlib.contextmanager
def processes(number: int, prepare: Callable[[], None]) -> Iterator[None]:
    """So many, each after it has prepared itself; they end with the block."""
    reader, writer = os.pipe()
    pids = []
    try:
        for _ in range(number):
            pid = os.fork()
            if pid == 0:
                try:
                    prepare()
                    os.write(writer, b".")
                    signal.pause()
                finally:
                    os._exit(1)
            pids.append(pid)
            assert os.read(reader, 1) == b"."
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)


class Seen(NamedTuple):
    """Of all pushes together; `texts` has the last value of each key."""

    samples: int
    missed: int
    dropped: int
    texts: dict[str, str]
    background_cpu_s: float


def sample_among_them() -> Seen:
    """Runs the sample loop for a while on such a host."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    windows: list[Window] = []
    texts: dict[str, str] = {}

    def pushed(window: Window, values: tuple[Value, ...]) -> None:
        windows.append(window)
        texts.update((value.key, value.text) for value in values)

    clock = Clock()
    background = BackgroundThread(clock.thread_cpu_s)
    with tempfile.TemporaryDirectory() as directory, ExitStack() as held:
        # The oldest processes are searched first: those with few descriptors come last.
        held.enter_context(processes(PROCESSES, hold_descriptors))
        held.enter_context(processes(NAMESPACES, hold_namespace))
        for nth in range(LISTENERS):
            held.enter_context(socket.create_server(("127.0.0.1", FIRST_PORT + nth)))
        for _ in range(CLOSED):
            held.enter_context(socket.socket())
        config = replace(parse(YAML, "test"), spool_path=Path(directory) / "spool.db")
        spool = held.enter_context(contextlib.closing(open_spool(config.spool_path, ("a",))))
        sampler = open_sampler("netlink", clock, "fast", background)
        held.enter_context(contextlib.closing(sampler.backend))
        loop = SampleLoop(config, sampler, spool, clock, lambda: 0, pushed)
        until_s = clock.steady_s() + SECONDS
        while clock.steady_s() < until_s:
            time.sleep(loop.step())
        cpu_s = background.start(time.thread_time)
        cpu_s.wait()
    return Seen(
        sum(window.samples for window in windows),
        sum(window.missed for window in windows),
        sum(window.dropped for window in windows),
        texts,
        cpu_s.result(),
    )


def test_no_search_costs_a_sample_and_all_is_found(lab: Lab) -> None:
    seen = lab.call(sample_among_them)
    assert (seen.missed, seen.dropped) == (0, 0)
    assert seen.samples >= 2 * (SECONDS - 1)
    assert seen.background_cpu_s > 2.0, "searches took longer than several samples are apart"
    assert seen.texts["tcpwatchd.sockets[listen]"] == str(LISTENERS + PROCESSES)
    assert f" {CLOSED}" in seen.texts["tcpwatchd.culprits[close]"]
    assert sum(key.startswith("tcpwatchd.service[") for key in seen.texts) >= 50
    assert sum(key.startswith("tcpwatchd.namespace[") for key in seen.texts) >= NAMESPACES
