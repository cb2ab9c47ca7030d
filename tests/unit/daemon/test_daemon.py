"""`tcpwatchd run` as systemd runs it: ready, delivering, reloading, ending, and never a traceback."""

from __future__ import annotations

import dataclasses
import functools
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.metrics.self_metrics import BY_DELIVERY
from tcpwatchd.model.batch import Value
from tcpwatchd.model.sockets import State
from tcpwatchd.spool.backlog import read_backlog
from tests.lab.processes import TCPWATCHD, Service, wait_for

HOST = "web-01"
ITEMS = {key: metric.value_type for key, metric in CATALOGUE.items()}
# The promise is five seconds; the interpreter's own start and end on a busy machine come on top.
PROMPT_S = 7.0


@pytest.fixture
def trapper() -> Iterator[Trapper]:
    with Trapper(HOST, ITEMS) as running:
        yield running


def config(directory: Path, servers: str, more: str = "") -> str:
    return f"""\
zabbix: {{servers: [{servers}], host: {HOST}, timeout: 3s}}
intervals: {{sample: 100ms, push: 500ms, unchanged: off}}
budget: {{cpu_percent: 100}}
spool: {{path: {directory}/spool/spool.db}}
{more}"""


@pytest.fixture
def dead() -> Iterator[str]:
    """An address where nobody listens: bound, so that nobody else can, and closed at the end of the test."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def accepted(trapper: Trapper) -> list[Value]:
    """The values of pushes; the delivery adds others."""
    values = (value for request in trapper.requests for value in request.accepted)
    return [value for value in values if value.key not in BY_DELIVERY]


def reached(trapper: Trapper, requests: int) -> bool:
    return len(trapper.requests) >= requests


def waiting(directory: Path) -> int:
    return sum(row.values for row in read_backlog(directory / "spool" / "spool.db")[0])


def assert_once_and_in_order(values: list[Value]) -> None:
    stamps: dict[str, list[tuple[int, int]]] = {}
    for value in values:
        stamps.setdefault(value.key, []).append(dataclasses.astuple(value.stamp))
    for key, seen in stamps.items():
        assert seen == sorted(set(seen)), key


def test_from_ready_to_the_last_value(tmp_path: Path, trapper: Trapper) -> None:
    with Service(tmp_path, config(tmp_path, f'"{trapper.address}"')) as service:
        service.ready()
        wait_for(lambda: len(trapper.requests) >= 4, "four pushes")
        assert service.stop() < PROMPT_S
    assert service.process.returncode == 0
    assert "Traceback" not in service.log()
    assert f"host {HOST}, a sample every 0.1s, a push every 0.5s" in service.lines[0]
    assert service.lines[-1].endswith("stopped")
    assert waiting(tmp_path) == 0
    assert not any(request.refused for request in trapper.requests)
    values = accepted(trapper)
    assert_once_and_in_order(values)
    assert_no_push_is_missing(values)
    assert {f"tcpwatchd.sockets[{state.parameter}]" for state in State} <= {value.key for value in values}
    assert any(line.startswith("STATUS=") for line in service.told)
    assert "STOPPING=1" in service.told


def assert_no_push_is_missing(values: list[Value]) -> None:
    """Between one push and the next of a run lie the samples that it says it holds, 100 ms each."""
    texts: dict[tuple[int, int], dict[str, str]] = {}
    for value in values:
        texts.setdefault((value.stamp.clock, value.stamp.ns), {})[value.key] = value.text
    # What is urgent on this machine comes between pushes.
    stamps = sorted(stamp for stamp, held in texts.items() if "tcpwatchd.self[samples]" in held)
    for before, after in zip(stamps, stamps[1:]):
        held = texts[after]
        ticks = sum(
            int(held[f"tcpwatchd.self[{name}]"]) for name in ("samples", "samples_dropped", "samples_missed")
        )
        apart_s = after[0] - before[0] + (after[1] - before[1]) / 1e9
        assert abs(apart_s - 0.1 * ticks) < 0.25, (before, after)


def test_ctrl_c_ends_it_as_well(tmp_path: Path, trapper: Trapper) -> None:
    with Service(tmp_path, config(tmp_path, f'"{trapper.address}"')) as service:
        service.ready()
        assert service.stop(signal.SIGINT) < PROMPT_S
    assert service.process.returncode == 0
    assert "Traceback" not in service.log()


def test_a_dead_server_delays_nothing_and_loses_nothing(tmp_path: Path, dead: str) -> None:
    with Service(tmp_path, config(tmp_path, f'"{dead}"')) as service:
        service.ready()
        wait_for(lambda: waiting(tmp_path) > 100, "a backlog")
        assert service.stop() < PROMPT_S
    assert service.process.returncode == 0
    assert service.log().count("refused the connection") == 1
    left = waiting(tmp_path)
    assert f"{dead}: {left} values stay on disk for the next start" in service.log()
    # The server comes back under another name: it gets all of it, with the stamps of then.
    with Trapper(HOST, ITEMS) as trapper:
        with Service(tmp_path, config(tmp_path, f'"{trapper.address}"')) as service:
            service.ready()
            wait_for(lambda: len(accepted(trapper)) > left, "the backlog and more")
            service.stop()
        values = accepted(trapper)
    assert_once_and_in_order(values)
    assert values[0].stamp.clock <= values[left].stamp.clock


def test_a_server_that_never_answers_holds_up_neither_the_other_nor_the_end(
    tmp_path: Path, trapper: Trapper
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # the kernel accepts, nobody reads
        silent = f"127.0.0.1:{mute.getsockname()[1]}"
        yaml = config(tmp_path, f'"{silent}", "{trapper.address}"').replace("timeout: 3s", "timeout: 60s")
        with Service(tmp_path, yaml) as service:
            service.ready()
            wait_for(lambda: len(trapper.requests) >= 4, "pushes to the other server")
            assert service.stop() < PROMPT_S
    assert service.process.returncode == 0
    assert "Traceback" not in service.log()
    rows = {row.destination: row.values for row in read_backlog(tmp_path / "spool" / "spool.db")[0]}
    assert rows[trapper.address] == 0
    assert rows[silent] == len(accepted(trapper))


def test_a_second_signal_ends_it_at_once_and_loses_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        yaml = config(tmp_path, f'"127.0.0.1:{mute.getsockname()[1]}"').replace("timeout: 3s", "timeout: 60s")
        with Service(tmp_path, yaml) as service:
            service.ready()
            wait_for(lambda: waiting(tmp_path) > 0, "a push")
            service.process.send_signal(signal.SIGTERM)
            wait_for(lambda: "STOPPING=1" in service.told, "STOPPING=1")
            assert service.stop() < 2.0
    assert service.process.returncode == -signal.SIGTERM
    assert waiting(tmp_path) > 0


def test_killed_in_the_middle_it_goes_on_where_it_was(tmp_path: Path, trapper: Trapper) -> None:
    yaml = config(tmp_path, f'"{trapper.address}"')
    for _ in range(3):
        enough = len(trapper.requests) + 2
        with Service(tmp_path, yaml) as service:
            service.ready()
            wait_for(functools.partial(reached, trapper, enough), "two more pushes")
            service.stop(signal.SIGKILL)
    with Service(tmp_path, yaml) as service:
        service.ready()
        service.stop()
    assert waiting(tmp_path) == 0
    # A push may come twice where the kill fell between the answer and the ack, but then to the letter.
    values = accepted(trapper)
    assert_once_and_in_order(list(dict.fromkeys(values)))


def test_reload_takes_a_good_configuration_and_says_so(tmp_path: Path, trapper: Trapper, dead: str) -> None:
    with Service(tmp_path, config(tmp_path, f'"{dead}"')) as service:
        service.ready()
        wait_for(lambda: waiting(tmp_path) > 0, "a push")
        service.config.write_text(
            config(tmp_path, f'"{trapper.address}"', "statistics: {all: [value]}"), encoding="utf-8"
        )
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(trapper.requests) >= 4, "pushes to the new server")
        service.stop()
    assert "RELOADING=1" in service.told
    assert service.told.count("READY=1") == 2
    assert "reloaded" in service.log()
    rows = [request.rows for request in trapper.requests]
    assert any("delta" in row["key"] or "max" in row["key"] for row in rows[0])  # what waited from before
    assert not any("max" in row["key"] for row in rows[-1])
    assert waiting(tmp_path) == 0


def test_reload_refuses_a_bad_configuration_whole_and_goes_on(tmp_path: Path, trapper: Trapper) -> None:
    with Service(tmp_path, config(tmp_path, f'"{trapper.address}"')) as service:
        service.ready()
        service.config.write_text("intervals: {sample: never}\nzabbix: {hosst: x}\n", encoding="utf-8")
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: service.told.count("READY=1") == 2, "an answer to the reload")
        seen = len(trapper.requests)
        wait_for(lambda: len(trapper.requests) > seen + 1, "it goes on")
        service.stop()
    assert service.process.returncode == 0
    assert f"{service.config}:1: intervals.sample: 'never' is not a duration" in service.log()
    assert f"{service.config}:2: zabbix.hosst: unknown key; did you mean zabbix.host?" in service.log()
    assert "the old configuration stays in use" in service.log()


def test_a_second_daemon_on_the_same_spool_refuses_with_a_sentence(tmp_path: Path, dead: str) -> None:
    with Service(tmp_path, config(tmp_path, f'"{dead}"')) as service:
        service.ready()
        second = subprocess.run(
            [*TCPWATCHD, "run", "-c", str(service.config)], capture_output=True, text=True, timeout=30
        )
        service.stop()
    assert second.returncode == 1
    assert "another tcpwatchd has it open" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_backend_that_is_forced_is_visible_as_a_value(tmp_path: Path, trapper: Trapper) -> None:
    yaml = config(tmp_path, f'"{trapper.address}"', "sampler: {backend: psutil}")
    with Service(tmp_path, yaml) as service:
        service.ready()
        wait_for(lambda: trapper.requests, "a push")
        service.stop()
    texts = {value.key: value.text for value in accepted(trapper)}
    assert texts["tcpwatchd.self[backend]"] == "psutil"


def switches(pid: int) -> dict[str, int]:
    """How often each thread of a process has gone to sleep of itself."""
    found = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        status = dict(line.split(":", 1) for line in (thread / "status").read_text().splitlines())
        found[thread.name] = int(status["voluntary_ctxt_switches"])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="counts of sleeps are read from Linux's /proc")
def test_at_rest_it_wakes_for_its_ticks_and_for_nothing_else(tmp_path: Path, trapper: Trapper) -> None:
    yaml = config(tmp_path, f'"{trapper.address}"').replace("500ms", "1h").replace("100ms", "200ms")
    with Service(tmp_path, yaml) as service:
        service.ready()
        # The push, and then each value that the delivery adds, tried alone.
        first = 1 + len(BY_DELIVERY)
        wait_for(lambda: reached(trapper, first) and not waiting(tmp_path), "the first push is delivered")
        pid = service.process.pid

        def at_rest() -> bool:
            began_s, before = time.monotonic(), switches(pid)
            time.sleep(3)
            after, ticks = switches(pid), (time.monotonic() - began_s) / 0.2 + 1
            assert after.keys() == before.keys()
            slept = {thread: after[thread] - before[thread] for thread in after}
            assert 0 < slept.pop(str(pid)) < 2 * ticks, "the main thread sleeps once a tick"
            return set(slept.values()) == {0}

        # It looks once more for something to send, at the pace of replay.rate, and asks once for the ports:
        # late on a loaded machine. What wakes every few seconds never lets this become true.
        wait_for(at_rest, "all other threads wait for news", 30)
