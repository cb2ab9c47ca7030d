"""The daemon and the commands as processes, as a user starts them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

# A shell that starts these tests in the background has them ignore Ctrl-C, and what they start as well.
signal.signal(signal.SIGINT, signal.default_int_handler)

TCPWATCHD = (sys.executable, "-m", "tcpwatchd")


def tcpwatchd(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """One command, to its end; `environment` is added to that of this process."""
    return subprocess.run(
        [*TCPWATCHD, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )


def wait_for(
    condition: Callable[[], object], what: str, seconds: float = 60.0, every_s: float = 0.02
) -> None:
    """Waits until a condition holds; fails with its name otherwise. What takes minutes is asked seldom: an
    answer of Zabbix' frontend takes CPU time from other tests.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(every_s)


def run_until(command: list[str], condition: Callable[[], object], what: str) -> str:
    """Runs what runs for ever until a condition holds, then ends it as systemd does. What it logged."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True)
        try:
            wait_for(lambda: process.poll() is not None or condition(), what)
            process.terminate()
            code = process.wait(30)
        finally:
            process.kill()
            process.wait()
        log.seek(0)
        told = log.read()
    assert code == 0, told
    return told


class Service:
    """`tcpwatchd run` between `with` and its end, with a notification socket and its log in `lines`."""

    def __init__(self, directory: Path, yaml: str, namespace_pid: int | None = None) -> None:
        """`namespace_pid` lives in the network namespace that it is started in."""
        self._enter = ["nsenter", "-t", str(namespace_pid), "-n", "--"] if namespace_pid else []
        self.config = directory / "config.yaml"
        self.config.write_text(yaml, encoding="utf-8")
        self._notify_path = directory / "notify"
        self.told: list[str] = []
        self.lines: list[str] = []

    def __enter__(self) -> Service:
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(self._notify_path))
        self._notify.settimeout(0.1)
        self.process = subprocess.Popen(
            [*self._enter, *TCPWATCHD, "run", "-c", str(self.config)],
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
            env={
                **os.environ,
                "NOTIFY_SOCKET": str(self._notify_path),
                "RUNTIME_DIRECTORY": str(self.config.parent),
            },
        )
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._read_log, self._read_told)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for thread in self._threads:
            thread.join(10)
        self._notify.close()
        self._notify_path.unlink()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            self.lines.extend(line.rstrip("\n") for line in stream)

    def _read_told(self) -> None:
        while self.process.poll() is None:
            try:
                self.told.extend(self._notify.recv(4096).decode().splitlines())
            except TimeoutError:
                continue
            except OSError as timeout:  # socket.timeout until Python 3.10
                if not isinstance(timeout, socket.timeout):
                    raise

    def ready(self) -> None:
        """Waits until the service says it is."""
        wait_for(lambda: "READY=1" in self.told or self.process.poll() is not None, "READY=1")
        assert self.process.poll() is None, self.lines

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Sends a signal, waits for the end, returns the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        for thread in self._threads:
            thread.join(10)
        return time.monotonic() - began

    def reload(self) -> None:
        """Makes it read its configuration again; what comes of it is in the log."""
        self.process.send_signal(signal.SIGHUP)

    def log(self) -> str:
        """All that was logged so far."""
        return "\n".join(self.lines)
