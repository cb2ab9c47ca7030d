"""Accept queues: what all samples of a push come to, and real listeners whose programs do not accept."""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.kernel.accept_queues import told_all, worst
from tcpwatchd.kernel.sampler import FAST, FULL, open_sampler
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.sockets import Listener, State
from tcpwatchd.model.window import AcceptQueues
from tests.lab.fakes import walk
from tests.lab.sample_stand import Stand
from tests.lab.socket_lab import NOBODY, Lab

QUEUES = st.lists(st.builds(Listener, st.just("a"), st.integers(1, 9), st.integers(0, 9)), max_size=5)


def queues_seen(mode: str) -> tuple[Listener, ...] | None:
    """By the third sample, which in fast mode is no audit."""
    sampler = open_sampler("netlink", Clock(), mode)
    with contextlib.closing(sampler.backend):
        return [sampler.sample() for _ in range(3)][-1].reading.queues


@given(samples=st.lists(QUEUES, min_size=1, max_size=6))
def test_the_worst_of_all_samples_is_told(samples: list[list[Listener]]) -> None:
    seen: AcceptQueues | None = None
    for queues in samples:
        seen = worst(seen, queues)
    assert seen is not None
    everyone = [one for queues in samples for one in queues]
    assert (seen.fullest.percent if seen.fullest else 0) == max((one.percent for one in everyone), default=0)
    assert seen.full == max(sum(one.waiting > one.most for one in queues) for queues in samples)
    assert seen.nearly_full == max(
        sum(5 * one.waiting >= 4 * (one.most + 1) for one in queues) for queues in samples
    )


def test_others_that_were_full_are_named_too_as_far_as_there_is_room() -> None:
    web, tls, shell = (Listener(f"192.0.2.1:{port}", 5, 4) for port in (80, 443, 22))
    seen = worst(worst(worst(None, [web]), [web, tls]), [shell, Listener("192.0.2.1:25", 4, 4)])
    assert told_all(seen) == (
        "192.0.2.1:80 (5 of 5, full), 192.0.2.1:443 (5 of 5, full), 192.0.2.1:22 (5 of 5, full)"
    )
    assert told_all(worst(None, [Listener("192.0.2.1:80", 2, 4)])) == "192.0.2.1:80 (2 of 5)"
    many = [Listener(f"[2001:db8::{nth}]:8080", 129, 128) for nth in range(50)]
    assert len(told_all(worst(None, many))) <= 255
    assert told_all(worst(None, [])) == "nobody waits"


def test_a_burst_between_two_pushes_is_seen_and_forgotten_with_the_next(
    sample_stand: Callable[..., Stand],
) -> None:
    burst = walk(queues=(Listener("0.0.0.0:80", 129, 128), Listener("[::]:22", 1, 9)), listen=2)
    quiet = walk(listen=2)
    it = sample_stand(quiet, quiet, burst, quiet, yaml="intervals: {sample: 1s, push: 3s}")
    it.steps(7)
    told = [
        {
            name: it.texts(push).get(f"tcpwatchd.listeners[{name}]")
            for name in ("fullest", "fullest_address", "full")
        }
        for push in range(3)
    ]
    nobody = {"fullest": "0", "fullest_address": "nobody waits", "full": "0"}
    assert told == [
        nobody,
        {"fullest": "100", "fullest_address": "0.0.0.0:80 (129 of 129, full)", "full": "1"},
        nobody,
    ]


def test_what_cannot_be_told_is_not_sent(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand(walk(queues=None, listen=2))
    it.steps(1)
    assert not [key for key in it.texts() if "accept_queue" in key]


@pytest.mark.parametrize("user", [0, NOBODY], ids=["root", "nobody"])
@pytest.mark.parametrize("mode", [FAST, FULL])
def test_connections_that_nobody_accepts_are_counted_at_their_listener(
    lab: Lab, mode: str, user: int
) -> None:
    """Backlogs of 3 and 0: four and one may wait, and then the queue is full."""

    def wait_in_line() -> tuple[list[tuple[str, float]], list[str]]:
        with ExitStack() as held:
            asked = []
            for family, host, backlog, clients in (
                (socket.AF_INET, "127.0.0.1", 3, 2),
                (socket.AF_INET6, "::1", 0, 1),
                (socket.AF_INET, "127.0.0.1", 5, 0),
            ):
                listener = held.enter_context(socket.socket(family))
                listener.bind((host, 0))
                listener.listen(backlog)
                for _ in range(clients):
                    held.enter_context(socket.create_connection(listener.getsockname()[:2]))
                port = listener.getsockname()[1]
                asked.append(f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}")
            queues = queues_seen(mode)
            assert queues is not None
            return sorted((one.address, one.percent) for one in queues), asked

    import encodings.idna  # noqa: F401, PLC0415 - before the child becomes nobody, who may not read it

    found, (half, full, _nobody) = lab.call(wait_in_line, user)
    assert found == sorted([(half, 50.0), (full, 100.0)])


def test_the_lab_has_listeners_and_nobody_waits_at_them(lab: Lab) -> None:
    lab.make(State.LISTEN, ipv4=3, ipv6=2)
    lab.make(State.ESTABLISHED, ipv4=3, ipv6=2)
    assert lab.call(functools.partial(queues_seen, FAST)) == ()


def test_psutil_cannot_tell(lab: Lab) -> None:
    lab.make(State.LISTEN, ipv4=3, ipv6=2)
    assert lab.call(lambda: open_sampler("psutil", Clock()).sample().reading.queues) is None
