"""Faults of programs and networks, made for real in a lab, and a daemon that watches them.

Each program says `listening` when its fault is there, or begins.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.lab_relay import relay
from tests.lab.processes import TCPWATCHD, wait_for
from tests.lab.socket_lab import REPOSITORY, Lab
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
# A program that calls where nobody answers, not even with a refusal.
BLACK_HOLE = """
import socket, time
calls = []
for number in range(30):
    call = socket.socket()
    call.setblocking(False)
    call.connect_ex(("10.9.7.7", 443))
    calls.append(call)
print("listening", flush=True)
time.sleep(600)
"""
# Connections that are opened and closed one after the other: each leaves a record of TIME_WAIT.
HASTY = """
import socket, time
listener = socket.socket()
listener.bind(("127.0.0.1", 8080))
listener.listen(200)
for _ in range(90):
    asking = socket.create_connection(("127.0.0.1", 8080))
    accepted = listener.accept()[0]
    asking.close()
    accepted.close()
print("listening", flush=True)
time.sleep(600)
"""

# A service that is well, as long as it runs.
LISTENS = """
import socket, time
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 8082))
listener.listen(5)
print("listening", flush=True)
time.sleep(600)
"""


def link_for_floods(lab: Lab) -> None:
    """A network of which the other end drops everything, and a short SYN queue."""
    for command in (
        "ip link add flood type veth peer name nobody",
        "ip link set nobody up",
        "ip addr add 10.9.0.1/16 dev flood",
        "ip link set flood up",
        "ip neigh add 10.9.7.7 lladdr 02:00:00:00:00:77 dev flood",
        "sysctl -qw net.ipv4.tcp_max_syn_backlog=16",
    ):
        lab.run(command.split())


@contextlib.contextmanager
def watched(
    stands: Sequence[Stand],
    lab: Lab,
    name: str,
    directory: Path,
    macros: Mapping[str, str],
    push: str = "500ms",
    sample: str = "100ms",
    more: str = "",
) -> Iterator[None]:
    """A daemon in the lab, whose first values have arrived at each of these servers."""
    for stand in stands:
        hostid = stand.create_host(name, TEMPLATE_NAME)
        for macro, value in macros.items():
            of_host = {"hostid": hostid, "macro": f"{{$TCPWATCHD.{macro}}}", "value": value}
            stand.api("usermacro.create", of_host)
        stand.wait_until_known(name)
    with contextlib.ExitStack() as relays:
        ports = [relays.enter_context(relay(lab, stand.server_port)) for stand in stands]
        servers = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        path = directory / "c.yaml"
        path.write_text(
            f"""\
zabbix: {{servers: [{servers}], host: {name}}}
intervals: {{sample: {sample}, push: {push}, culprits: 1s, limits: 1s}}
spool: {{path: {directory}/spool/spool.db}}
culprits: {{threshold: 10, age: 2s}}
budget: {{cpu_percent: 100}}
{more}
""",
            encoding="utf-8",
        )
        daemon = subprocess.Popen(["nsenter", "-t", str(lab.pid), "-n", *TCPWATCHD, "run", "-c", str(path)])
        try:
            for stand in stands:
                wait_for(partial(stand.history, name, UPTIME), "a first value in history", every_s=0.1)
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
