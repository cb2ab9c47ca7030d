"""A resolver that never answers: sampling, other destinations and stopping do not wait for it.

Made for real, with the C library's resolver: a network namespace whose name server is an address from which
nothing comes back, and the daemon in it. Needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tcpwatchd.model.errors import SpoolError
from tcpwatchd.spool.backlog import read_backlog
from tests.lab.processes import TCPWATCHD, wait_for
from tests.lab.requirements import require

# What is sent into the pair of interfaces arrives at its other end, and nobody there answers.
_WORLD = """
set -e
ip link set lo up
ip link add near type veth peer name far
ip address add 192.0.2.1/24 dev near
ip link set near up
ip link set far up
ip neighbour add 192.0.2.53 lladdr 02:00:00:00:00:53 dev near nud permanent
mount --bind "$1" /etc/resolv.conf
shift
exec "$@"
"""


def pushes(path: Path) -> int:
    try:
        destinations = read_backlog(path)[0]
    except SpoolError:  # not there yet, or just being made
        return 0
    return destinations[0].pushes if destinations else 0


def test_a_look_up_that_hangs_stops_neither_sampling_nor_an_ending(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "a network namespace of its own needs root")
    require(all(map(shutil.which, ("ip", "unshare"))), "ip (iproute2) and unshare (util-linux) are missing")
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 192.0.2.53\noptions timeout:30 attempts:5\n")
    config = tmp_path / "c.yaml"
    config.write_text(
        "zabbix: {servers: [zabbix.example.com, '127.0.0.1:9'], host: h, timeout: 1s}\n"
        "intervals: {sample: 100ms, push: 200ms}\nbudget: {cpu_percent: 100}\n"
        f"spool: {{path: {tmp_path}/spool.db}}\n"
    )
    command = ["unshare", "--net", "--mount", "sh", "-c", _WORLD, "sh", str(resolver), *TCPWATCHD]
    daemon = subprocess.Popen([*command, "run", "-c", str(config)], stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: pushes(tmp_path / "spool.db") > 15, "pushes while the look-up hangs")
        rows = {row.destination: row.trouble for row in read_backlog(tmp_path / "spool.db")[0]}
        assert rows["zabbix.example.com"] == ""  # it hangs still: no word of it yet
        assert "refused the connection" in rows["127.0.0.1:9"]
        began_s = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        _, log = daemon.communicate(timeout=30)
        assert daemon.returncode == 0, log
        assert time.monotonic() - began_s < 10  # of the 30 s and more that the look-up takes
        assert "zabbix.example.com: " in log
        assert "values stay on disk for the next start" in log
    finally:
        if daemon.poll() is None:
            daemon.kill()
            daemon.communicate(timeout=10)
