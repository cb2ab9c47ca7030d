"""What alarms are for, made for real in a lab: kernel, daemon, a real Zabbix 6.0 server, the problem's text.

Each condition has to raise its own problem and no other. Thresholds that ask for minutes are set to seconds
by the template's macros, on the host. Needs Debian 12 and root.
"""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.model.sockets import State
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.lab_relay import relay
from tests.lab.processes import TCPWATCHD, wait_for
from tests.lab.socket_lab import REPOSITORY, Lab, require_lab
from tests.lab.stands import brought_up
from tests.lab.zabbix_stand import Stand

# A program that leaks: it accepts, and when the peer closes it does not. Ten more each half second.
LEAK = """
import socket, time
held = []
with socket.socket() as listener:
    listener.bind(("127.0.0.1", 8080))
    listener.listen(50)
    print("listening", flush=True)
    for _ in range(100):
        for _ in range(10):
            asking = socket.create_connection(("127.0.0.1", 8080))
            held.append(listener.accept()[0])
            asking.close()
        time.sleep(0.5)
"""
# SYNs from addresses where nobody is, to a listener with a short backlog.
FLOOD = """
import socket, struct, time
def checksum(raw):
    total = sum(struct.unpack(f"!{len(raw) // 2}H", raw))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
here = socket.inet_aton("10.9.0.1")
listener = socket.socket()
listener.bind(("10.9.0.1", 8080))
listener.listen(8)
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
raw.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
print("listening", flush=True)
for number in range(3000):
    there = socket.inet_aton(f"10.9.{1 + number % 200}.{1 + number // 200}")
    head = struct.pack("!HHIIBBHHH", 20000 + number, 8080, number, 0, 5 << 4, 2, 1024, 0, 0)
    false = there + here + struct.pack("!BBH", 0, 6, len(head))
    head = head[:16] + struct.pack("!H", checksum(false + head)) + head[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, there, here)
    raw.sendto(ip + head, ("10.9.0.1", 0))
    time.sleep(0.005)
"""
# A program that hangs: nobody takes what waits at its listener.
HANGS = """
import socket, time
listener = socket.socket()
listener.bind(("127.0.0.1", 8080))
listener.listen(4)
waiting = [socket.create_connection(("127.0.0.1", 8080)) for _ in range(5)]
print("listening", flush=True)
time.sleep(60)
"""
# A program without a pool: each call a connection of its own, to one place.
NO_POOL = """
import socket, time
listener = socket.socket()
listener.bind(("127.0.0.1", 8080))
listener.listen(200)
held = []
for _ in range(90):
    held.append(socket.create_connection(("127.0.0.1", 8080)))
    held.append(listener.accept()[0])
print("listening", flush=True)
time.sleep(60)
"""


@contextlib.contextmanager
def watched(
    stand: Stand, lab: Lab, name: str, directory: Path, macros: Mapping[str, str], push: str = "500ms"
) -> Iterator[None]:
    """A daemon in the lab, whose first values have arrived at the server."""
    hostid = stand.create_host(name, TEMPLATE_NAME)
    for macro, value in macros.items():
        stand.api("usermacro.create", {"hostid": hostid, "macro": f"{{$TCPWATCHD.{macro}}}", "value": value})
    stand.wait_until_known(name)
    with relay(lab, stand.server_port) as port:
        path = directory / "c.yaml"
        path.write_text(
            f"""\
zabbix: {{servers: ["127.0.0.1:{port}"], host: {name}}}
intervals: {{sample: 100ms, push: {push}, culprits: 1s, limits: 1s}}
spool: {{path: {directory}/spool/spool.db}}
culprits: {{threshold: 10, age: 2s}}
budget: {{cpu_percent: 100}}
""",
            encoding="utf-8",
        )
        daemon = subprocess.Popen(["nsenter", "-t", str(lab.pid), "-n", *TCPWATCHD, "run", "-c", str(path)])
        try:
            wait_for(lambda: stand.history(name, UPTIME), "a first value in history")
            yield
        finally:
            daemon.terminate()
            daemon.wait(30)


@contextlib.contextmanager
def running(lab: Lab, program: str) -> Iterator[int]:
    """A program in the lab; its pid."""
    command = ["nsenter", "-t", str(lab.pid), "-n", "--", sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening\n"
            yield process.pid
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """With the template of a push a minute: what lasts for three pushes takes a second and a half here."""
    with brought_up(Stand, push_s=60.0) as made:
        yield made


def tags_of(problem: dict[str, Any]) -> dict[str, str]:
    of_items = ("scope", "component", "state")
    return {one["tag"]: one["value"] for one in problem["tags"] if one["tag"] not in of_items}


def the_only_problem(stand: Stand, name: str) -> dict[str, Any]:
    """The first problem of this host, after which no other has come for a few pushes."""
    wait_for(lambda: stand.problems(name), "a problem", 60)
    seen = len(stand.history(name, UPTIME))
    wait_for(lambda: len(stand.history(name, UPTIME)) > seen + 5, "five more pushes")
    (problem,) = stand.problems(name)
    (whole,) = stand.api("problem.get", {"eventids": problem["eventid"], "selectTags": ["tag", "value"]})
    return {**problem, "tags": whole["tags"]}


def test_a_program_that_leaks_is_named_with_pid_and_number(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    macros = {"LEAK.TIME": "5s", "LEAK.MIN": "20"}
    with Lab() as lab, watched(stand, lab, "leak", tmp_path, macros):
        with running(lab, LEAK) as pid:
            problem = the_only_problem(stand, "leak")
            named = r"TCP: CLOSE_WAIT leak: (\S+)\[(\d+)\] (\d+) \((\d+) for 2s\)"
            told = re.fullmatch(named, problem["name"])
            assert told, problem["name"]
            assert told[1] == Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
            assert int(told[2]) == pid
            assert 20 < int(told[3]) <= 1000
            assert tags_of(problem) == {"program": told[1]}
        wait_for(lambda: not stand.problems("leak"), "the end of the problem with the end of the program")


def test_a_flood_of_syns_is_one_problem_and_no_other(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    with Lab() as lab:
        for command in (
            "ip link add flood type veth peer name nobody",
            "ip link set nobody up",
            "ip addr add 10.9.0.1/16 dev flood",
            "ip link set flood up",
            "sysctl -qw net.ipv4.tcp_max_syn_backlog=16",
        ):
            lab.run(command.split())
        with watched(stand, lab, "flood", tmp_path, {}), running(lab, FLOOD):
            problem = the_only_problem(stand, "flood")
    named = r"TCP: SYN flood, or a backlog too short: \d+ SYN cookies in a push"
    assert re.fullmatch(named, problem["name"]), problem["name"]


def test_a_full_accept_queue_is_one_problem_and_no_other(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    with Lab() as lab, watched(stand, lab, "queue", tmp_path, {}), running(lab, HANGS):
        problem = the_only_problem(stand, "queue")
        assert problem["name"] == "TCP: Accept queue full: 127.0.0.1:8080 (5 of 5, full)"
        assert tags_of(problem) == {"listener": "127.0.0.1:8080"}


def test_a_full_accept_queue_does_not_wait_for_the_push(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    with Lab() as lab, watched(stand, lab, "urgent", tmp_path, {}, push="10m"):
        began_s = time.monotonic()
        with running(lab, HANGS):
            wait_for(lambda: stand.problems("urgent"), "the problem")
            print(f"{time.monotonic() - began_s:.1f} s from the program's start to the problem")
            (problem,) = stand.problems("urgent")
        assert problem["name"] == "TCP: Accept queue full for a moment: 127.0.0.1:8080 (5 of 5, full)"
        assert len(stand.history("urgent", UPTIME)) == 1, "no push since the first"


def test_ports_that_run_out_towards_one_destination_are_one_problem_and_no_other(
    stand: Stand, tmp_path: Path
) -> None:
    require_lab()
    with Lab() as lab:
        lab.run(["sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40099"])
        with watched(stand, lab, "ports", tmp_path, {}), running(lab, NO_POOL):
            problem = the_only_problem(stand, "ports")
    text = "127.0.0.1:8080 from 127.0.0.1 (90 of 100 ports, running out)"
    assert problem["name"] == f"TCP: Many ephemeral ports to one destination: {text}"
    assert tags_of(problem) == {"destination": "127.0.0.1:8080"}


def test_a_black_hole_is_one_problem_and_no_other(stand: Stand, tmp_path: Path) -> None:
    """Nobody answers: after seven seconds each SYN was sent again three times."""
    require_lab()
    with Lab() as lab:
        lab.make(State.SYN_SENT, ipv4=30)
        with watched(stand, lab, "black-hole", tmp_path, {}):
            problem = the_only_problem(stand, "black-hole")
        assert problem["name"].startswith("TCP: Peers do not answer (SYN_SENT): ")
        assert tags_of(problem) == {
            "program": Path(f"/proc/{lab.pid}/comm").read_text(encoding="ascii").strip()
        }
