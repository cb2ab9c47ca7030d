"""Both backends against the kernel of this machine: known sockets in a lab, counted to the last one."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tcpwatchd.kernel.background import AtOnce
from tcpwatchd.kernel.closed_sockets import ClosedSockets
from tcpwatchd.kernel.sampler import Sampler, open_sampler
from tcpwatchd.kernel.state_count import CountedDump
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.sockets import Snapshot, State
from tests.lab.capture_dump import capture, walk_of
from tests.lab.requirements import require
from tests.lab.socket_lab import NOBODY, Counts, Lab, Variant, count_with_ss, differences, fill, require_lab

IN_TABLES = tuple(state for state in State if state is not State.CLOSE)
# What is counted over the whole host moves when anybody on it opens a socket; then it is tried again.
ATTEMPTS = 5
NOISE = 20


@pytest.fixture
def outside() -> Iterator[Sampler]:
    """A sampler of the host's own namespace, open before any lab is."""
    require_lab()
    require_whole_host()
    # By a clock that goes slower namespaces are listed as often as the test wants to see a rise.
    cheap = AtOnce(lambda: time.thread_time() / 10)
    sampler = open_sampler("netlink", Clock(), background=cheap)
    yield sampler
    sampler.backend.close()


def require_whole_host() -> None:
    require(
        ClosedSockets(time.monotonic, AtOnce(time.thread_time)).count() is not None,
        "unconnected sockets can be told only where all processes of the host are seen, not in a container",
    )


def sample(backend: str) -> Snapshot:
    """One sample of the namespace that this process is in."""
    sampler = open_sampler(backend, Clock())
    try:
        return sampler.sample()
    finally:
        sampler.backend.close()


def counts_of(snapshot: Snapshot) -> Counts:
    """By family, of a sample that tells them apart."""
    assert snapshot.reading.families is not None
    ipv4, ipv6 = snapshot.reading.families
    return {state: (ipv4[state], ipv6[state]) for state in State}


# --- every state -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [0, NOBODY], ids=["root", "nobody"])
@pytest.mark.parametrize("backend", ["netlink", "psutil"])
def test_every_state_of_both_families_is_counted_exactly(lab: Lab, backend: str, user: int) -> None:
    """As root and as nobody, by either backend, and as ss counts. The lab makes all states for real."""
    fill(lab)
    expected = lab.expected()
    assert all(0 not in expected[state] for state in IN_TABLES)
    import psutil  # noqa: F401, PLC0415 - before the child becomes nobody, who may not read the venv

    snapshot = lab.call(functools.partial(sample, backend), user)
    assert snapshot.backend == backend
    assert differences(counts_of(snapshot), expected) == ""
    assert differences(count_with_ss(lab), expected) == ""


@pytest.mark.parametrize("backend", ["netlink", "psutil"])
def test_a_namespace_without_sockets_is_all_zeros(lab: Lab, backend: str) -> None:
    snapshot = lab.call(functools.partial(sample, backend))
    assert differences(counts_of(snapshot), dict.fromkeys(State, (0, 0))) == ""


def test_the_fallback_is_not_taken_where_netlink_answers(lab: Lab) -> None:
    assert lab.call(lambda: open_sampler("auto", Clock()).fallback) == ""


def test_thousands_of_sockets_over_many_datagrams_are_counted_exactly(lab: Lab) -> None:
    lab.make(State.LISTEN, ipv4=7, ipv6=5)
    lab.make(State.ESTABLISHED, ipv4=1500, ipv6=1000)
    lab.make(State.CLOSE_WAIT, ipv4=300, ipv6=200)
    assert len(lab.call(functools.partial(capture, 1))) > 10
    assert differences(counts_of(lab.call(functools.partial(sample, "netlink"))), lab.expected()) == ""


def test_one_sampler_follows_what_changes(lab: Lab) -> None:
    """Sample after sample over one netlink socket: each sees what was made since the one before."""

    def follow() -> list[tuple[str, int]]:
        sampler = open_sampler("netlink", Clock())
        seen = []
        for state in (State.LISTEN, State.ESTABLISHED, State.CLOSE_WAIT, State.LAST_ACK, State.TIME_WAIT):
            lab.make(state, ipv4=3, ipv6=2)
            seen.append((differences(counts_of(sampler.sample()), lab.expected()), lab.unconnected))
        return seen

    # The child drives the lab itself here: its copy of the lab is the one that knows what was made.
    assert lab.call(follow) == [("", 0)] * 5


@pytest.mark.parametrize("backend", ["netlink", "psutil"])
def test_the_command_prints_what_is_there(lab: Lab, backend: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"sampler: {{backend: {backend}}}\n", encoding="utf-8")
    fill(lab)
    printed = json.loads(lab.run([sys.executable, "-m", "tcpwatchd", "sample", "--json", "-c", str(config)]))
    assert printed["backend"] == backend
    expected = lab.expected()
    waiting = printed["states"]["fin_wait2"]
    owners = [waiting.pop("held"), waiting.pop("orphaned")]
    held = sum(expected[State.FIN_WAIT2]) - lab.orphaned
    assert owners == ([held, lab.orphaned] if backend == "netlink" else [None, None])
    assert {name: row for name, row in printed["states"].items() if name != "close"} == {
        state.parameter: {
            "ipv4": expected[state][0],
            "ipv6": expected[state][1],
            "total": sum(expected[state]),
        }
        for state in IN_TABLES
    }


def test_a_dump_taken_now_replays_like_the_captured_ones(lab: Lab) -> None:
    fill(lab)
    dump = CountedDump(0x01020304)
    datagrams = lab.call(functools.partial(capture, 0x01020304), NOBODY)
    assert [dump.feed(datagram) for datagram in datagrams] == [False] * (len(datagrams) - 1) + [True]
    assert replace(dump.walk(), unanswered=None, cookies={}) == walk_of(lab)


# --- close -----------------------------------------------------------------------------------------------


def changes(count: Callable[[], int | None], by: int, act: Callable[[], None]) -> None:
    """Passes if `act` changes `count` by so many; tried again when the rest of the host was in the way."""
    seen = []
    for _ in range(ATTEMPTS):
        before = count()
        act()
        after = count()
        assert before is not None
        assert after is not None
        seen.append(after - before)
        if seen[-1] == by:
            return
    pytest.fail(f"changed by {seen}, not by {by}, in {ATTEMPTS} attempts")


def close_outside(sampler: Sampler) -> int:
    """What a sampler outside says now. A rise needs a list of the namespaces, and lists are rationed."""
    time.sleep(0.5)
    seen = sampler.sample().unconnected
    assert seen is not None
    return seen


def close_inside(lab: Lab, user: int) -> int | None:
    return lab.call(lambda: sample("netlink").unconnected, user)


@pytest.mark.parametrize("user", [0, NOBODY], ids=["root", "nobody"])
def test_fresh_sockets_count_as_close_seen_from_inside(lab: Lab, user: int) -> None:
    require_whole_host()
    close = functools.partial(close_inside, lab, user)
    changes(close, 10, lambda: lab.make(State.CLOSE, ipv4=6, ipv6=4))
    changes(close, 0, lab.bind_fresh)
    changes(close, 10, lambda: lab.make(Variant.RESET, ipv4=5, ipv6=5))


def test_fresh_sockets_count_as_close_seen_from_outside(outside: Sampler, lab: Lab) -> None:
    changes(functools.partial(close_outside, outside), 10, lambda: lab.make(State.CLOSE, ipv4=6, ipv6=4))
    changes(functools.partial(close_outside, outside), 0, lab.bind_fresh)
    changes(functools.partial(close_outside, outside), 10, lambda: lab.make(Variant.RESET, ipv4=5, ipv6=5))


def test_close_in_the_command_is_the_host_wide_number(lab: Lab) -> None:
    require_whole_host()

    def close() -> int:
        printed = json.loads(
            lab.run([sys.executable, "-m", "tcpwatchd", "sample", "--json", "-c", os.devnull])
        )
        row = printed["states"]["close"]
        assert (row["ipv4"], row["ipv6"]) == (None, None)
        return int(row["total"])

    changes(close, 10, lambda: lab.make(State.CLOSE, ipv4=6, ipv6=4))


def test_a_bound_idle_socket_is_in_no_table(lab: Lab) -> None:
    """Newer kernels can show it as state 7; we do not ask for that, and would count it twice."""
    lab.make(State.CLOSE, ipv4=6, ipv6=4)
    lab.bind_fresh()
    assert differences(counts_of(lab.call(functools.partial(sample, "netlink"))), lab.expected()) == ""


def test_connected_sockets_leave_close_alone(lab: Lab) -> None:
    require_whole_host()
    close = functools.partial(close_inside, lab, 0)
    changes(close, 0, lambda: lab.make(State.LISTEN, ipv4=10, ipv6=10))
    changes(close, 0, lambda: lab.make(State.ESTABLISHED, ipv4=50, ipv6=50))
    changes(close, 0, lambda: lab.make(State.TIME_WAIT, ipv4=10, ipv6=10))
    changes(close, 0, lambda: lab.make(Variant.ORPHANED_FIN_WAIT2, ipv4=10, ipv6=10))
    for state in (State.SYN_SENT, State.SYN_RECV, State.FIN_WAIT1, State.LAST_ACK, State.CLOSING):
        changes(close, 0, functools.partial(lab.make, state, ipv4=10, ipv6=10))


def test_a_new_namespace_full_of_connections_does_not_look_like_close(outside: Sampler) -> None:
    """The sampler runs before the namespace exists and goes on after it has ended."""
    before = close_outside(outside)
    seen = []
    with Lab() as lab:
        for _ in range(10):
            lab.make(State.ESTABLISHED, ipv4=25, ipv6=25)
            seen.append(outside.sample().unconnected or 0)
    seen.append(outside.sample().unconnected or 0)
    assert max(seen) < before + NOISE, f"{before} before, then {seen}; 1000 sockets connected"


def test_nor_does_one_that_comes_after_a_time_of_many_close_sockets(outside: Sampler) -> None:
    """A high number that is over hides no new namespace, not even for as long as the last look holds."""
    before = close_outside(outside)
    with Lab() as leaky:
        leaky.make(State.CLOSE, ipv4=200, ipv6=200)
        assert close_outside(outside) >= before + 400 - NOISE
        leaky.close_fresh()
        assert close_outside(outside) < before + NOISE
        with Lab() as lab:
            lab.make(State.ESTABLISHED, ipv4=25, ipv6=25)
            seen = close_outside(outside)
    assert seen < before + NOISE, f"{before} before, {seen} then; 100 sockets connected"


def test_a_namespace_that_is_killed_is_never_seen_in_close(outside: Sampler) -> None:
    """The kernel closes a killed process's sockets a moment after its namespace can no longer be read."""
    with Lab() as lab:
        fill(lab)
        lab.make(State.ESTABLISHED, ipv4=1000, ipv6=1000)
        before = close_outside(outside)
        lab.kill()
        until = time.monotonic() + 2.5
        seen = []
        while time.monotonic() < until:
            seen.append(outside.sample().unconnected or 0)
            time.sleep(0.005)
    assert max(seen) < before + NOISE
