"""Closer looks at real sockets in a lab: who holds them, where they go, and which service they are of."""

from __future__ import annotations

import contextlib
import functools
import re
import resource
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from tcpwatchd.diagnosis.culprits import ELSEWHERE, UNSEEN
from tcpwatchd.diagnosis.ephemeral_ports import FEW
from tcpwatchd.diagnosis.inspector import SocketInspector
from tcpwatchd.diagnosis.services import Service
from tcpwatchd.kernel.netlink import NetlinkBackend
from tcpwatchd.model.sockets import State, Tally
from tcpwatchd.model.window import Ports
from tests.lab.socket_lab import NOBODY, Lab, Variant


@contextlib.contextmanager
def open_inspector(few: int = FEW) -> Iterator[SocketInspector]:
    kernel = NetlinkBackend()
    kernel.attempt()
    with contextlib.closing(kernel):
        yield SocketInspector(kernel, few)


def culprits(state: State) -> str:
    """By a second look, a minute after the first."""
    with open_inspector() as closer:
        closer.culprits([state], 0.0)
        return closer.culprits([state], 60.0)[state]


def resident(lab: Lab) -> str:
    name = Path(f"/proc/{lab.pid}/comm").read_text(encoding="ascii").strip()
    return f"{name}[{lab.pid}]"


def test_root_is_told_the_program_its_pid_the_number_and_the_age(lab: Lab) -> None:
    lab.make(State.CLOSE_WAIT, ipv4=60, ipv6=40)
    told = lab.call(functools.partial(culprits, State.CLOSE_WAIT))
    assert told == f"{resident(lab)} 100 (100 for 1m)"


def test_without_privilege_user_and_port_are_told(lab: Lab) -> None:
    lab.make(State.CLOSE_WAIT, ipv4=60)
    told = lab.call(functools.partial(culprits, State.CLOSE_WAIT), NOBODY)
    assert re.match(r"user root (to )?port \d+ \d+ \(\d+ for 1m\)", told)
    assert sum(map(int, re.findall(r"(?:port \d+|others) (\d+)", told))) == 60


def test_of_fin_wait2_only_what_is_held_is_told(lab: Lab) -> None:
    lab.make(State.FIN_WAIT2, ipv4=7)
    lab.make(Variant.LONG_ORPHANED_FIN_WAIT2, ipv4=20)
    assert lab.call(functools.partial(culprits, State.FIN_WAIT2)) == f"{resident(lab)} 7 (7 for 1m)"


def test_sockets_in_no_table_are_told_and_no_other(lab: Lab) -> None:
    lab.make(State.CLOSE, ipv4=11, ipv6=5)
    lab.make(Variant.RESET, ipv4=4)
    lab.make(State.ESTABLISHED, ipv4=9)
    assert lab.call(functools.partial(culprits, State.CLOSE)) == f"{resident(lab)} 20 (20 for 1m)"
    assert lab.call(functools.partial(culprits, State.CLOSE), NOBODY) == UNSEEN


def test_where_all_can_be_seen_and_none_is_here_they_are_of_other_namespaces(lab: Lab) -> None:
    """The number of CLOSE is the host's; who holds them is told of this namespace alone."""
    lab.make(State.ESTABLISHED, ipv4=9)
    assert lab.call(functools.partial(culprits, State.CLOSE)) == ELSEWHERE
    assert lab.call(functools.partial(culprits, State.CLOSE), NOBODY) == UNSEEN


def test_connections_that_nobody_has_accepted_are_their_listeners(lab: Lab) -> None:
    def look() -> tuple[int, str]:
        with socket.socket() as listener, open_inspector() as closer:
            listener.bind(("127.0.0.1", 0))
            listener.listen(30)
            for _ in range(10):
                socket.create_connection(listener.getsockname()).close()
            return listener.getsockname()[1], closer.culprits([State.CLOSE_WAIT], 0.0)[State.CLOSE_WAIT]

    port, told = lab.call(look)
    assert told == f"not accepted at port {port} 10"


def test_the_destination_that_takes_most_ports(lab: Lab) -> None:
    lab.run(["sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40099"])
    lab.run(["sysctl", "-qw", "net.ipv4.ip_local_reserved_ports=40010-40019"])

    def look() -> tuple[int, Ports, Ports]:
        with ExitStack() as held, open_inspector() as closer:
            none = closer.ports()
            ports = list[int]()
            for accepted in (80, 60):
                listener = held.enter_context(socket.socket())
                listener.bind(("127.0.0.1", 0 if ports else 8080))
                listener.listen(100)
                ports.append(listener.getsockname()[1])
                for _ in range(accepted):
                    held.enter_context(socket.create_connection(listener.getsockname()))
            return ports[0], none, closer.ports()

    port, none, busiest = lab.call(look)
    assert none == Ports("", "", 0, 90)
    # The same local ports serve both destinations: 140 connections of 90 ports.
    assert busiest == Ports(f"127.0.0.1:{port}", "127.0.0.1", 80, 90)


def test_a_sample_and_the_kernels_filter_find_what_reading_all_finds(lab: Lab) -> None:
    """Of 3,000 connections half go by IPv6 sockets that speak IPv4, and 2,500 to another destination."""

    def look() -> tuple[int, list[Ports], list[Ports]]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
        with ExitStack() as held, open_inspector() as exact, open_inspector(few=0) as sampling:
            ports = list[int]()
            for connections, mapped in ((3000, 1500), (2500, 0)):
                listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
                port = listener.getsockname()[1]
                ports.append(port)
                for nth in range(connections):
                    family = socket.AF_INET6 if nth < mapped else socket.AF_INET
                    client = held.enter_context(socket.socket(family))
                    client.connect(("::ffff:127.0.0.1" if nth < mapped else "127.0.0.1", port))
            return ports[0], [exact.ports()], [sampling.ports(5500) for _ in range(8)]

    lab.run(["sysctl", "-qw", "net.core.somaxconn=4096"])
    port, exact, sampled = lab.call(look)
    assert exact[0].remote == f"127.0.0.1:{port}"
    assert exact[0].used == 3000
    assert sampled == exact * 8


def test_services_and_what_listens(lab: Lab) -> None:
    def look() -> Mapping[str, Tally]:
        with ExitStack() as held, open_inspector() as closer:
            listeners = []
            for family, address, port in (
                (socket.AF_INET, "127.0.0.1", 8080),
                (socket.AF_INET6, "::1", 8081),
                (socket.AF_INET, "127.0.0.1", 45000),
            ):
                listener = held.enter_context(socket.socket(family))
                listener.bind((address, port))
                listener.listen(30)
                listeners.append(listener)
                for _ in range(port % 10 + 2):
                    held.enter_context(socket.create_connection((address, port)))
            services = [
                Service("web", ((8080, 8089),)),
                Service("clients", remote_ports=((8080, 8080), (45000, 45000))),
            ]
            closer.services(services, discover=True)
            listeners[0].close()
            return closer.services(services, discover=True)

    found = lab.call(look)
    counts = {
        name: {state.name: tally[state] for state in State if tally[state]} for name, tally in found.items()
    }
    # What nobody had accepted is reset with its listener. That one is down, and stays a service.
    assert counts == {
        "web": {"ESTABLISHED": 3, "LISTEN": 1},
        "clients": {"ESTABLISHED": 2},
        "8080": {},
        "8081": {"ESTABLISHED": 3, "LISTEN": 1},
    }
