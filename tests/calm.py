"""`make calm`: ordinary life for two hours, with the daemon as it is installed, and not one problem.

The life is `lab.ordinary_load`, in a network namespace. One daemon with default intervals sends to a real
Zabbix 6.0 and a real 7.0 with the whole template. Debian 12, root.

    python -m tests.calm [MINUTES]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.exit_code import exit_code
from tests.lab.lab_relay import relay
from tests.lab.ordinary_load import NOBODY_THERE
from tests.lab.processes import Service, wait_for
from tests.lab.socket_lab import REPOSITORY, Lab
from tests.lab.stands import SevenStand, brought_up
from tests.lab.zabbix_stand import Stand, StandError

HOST = "calm"
MINUTES = 120
_STARTED = time.monotonic()
# What has to be seen at some push, or the life was none.
LIFE = {"established": 100, "time_wait": 100, "close_wait": 40, "syn_sent": 1, "fin_wait2": 30, "listen": 3}


def say(text: str) -> None:
    print(f"{time.monotonic() - _STARTED:6.1f} s  {text}", flush=True)


@contextmanager
def living(lab: Lab) -> Iterator[None]:
    """The life in the lab, within the block."""
    for command in (
        "ip link add calm type veth peer name nobody",
        "ip link set nobody up",
        "ip addr add 10.8.0.1/24 dev calm",
        "ip link set calm up",
        f"ip neigh add {NOBODY_THERE} lladdr 02:00:00:00:00:77 dev calm",
    ):
        lab.run(command.split())
    entered = ["nsenter", "-t", str(lab.pid), "-n", "--"]
    with subprocess.Popen(
        [*entered, sys.executable, "-m", "tests.lab.ordinary_load"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    ) as load:
        assert load.stdout is not None
        assert load.stdout.readline() == "living\n"
        try:
            yield
            assert load.poll() is None, "the load ended early"
        finally:
            load.terminate()


def events(stand: Stand) -> list[dict[str, Any]]:
    """All problems of the host that began so far, those that are over too."""
    asked = {"source": 0, "object": 0, "value": 1, "output": "extend", "selectHosts": ["host"]}
    found: list[dict[str, Any]] = stand.api("event.get", asked)
    return [one for one in found if any(host["host"] == HOST for host in one["hosts"])]


def most(stand: Stand, state: str) -> int:
    """The most sockets that history has of a state."""
    return max((int(one.text) for one in stand.history(HOST, f"tcpwatchd.sockets.max[{state}]")), default=0)


def report(stand: Stand, minutes: float, due: Collection[str]) -> bool:
    """What one server has, for a person; True where there is nothing to object to. `due` are the states that
    have to be seen.
    """
    version = ".".join(map(str, stand.version))
    pushes = len(stand.history(HOST, UPTIME))
    seen = {state: most(stand, state) for state in LIFE}
    begun = events(stand)
    states = ", ".join(f"{state} {count}" for state, count in seen.items())
    print(f"Zabbix {version}: {pushes} pushes in {minutes:.0f} minutes; at most {states}")
    for event in begun:
        began = time.strftime("%H:%M:%S", time.localtime(int(event["clock"])))
        print(f"    PROBLEM at {began}: {event['name']}")
    print(f"    problems: {len(begun)}")
    lacking = [state for state in due if seen[state] < LIFE[state]]
    if lacking:
        print(f"    the life was none: {', '.join(lacking)}")
    return not begun and not lacking and pushes >= minutes - 1


def is_calm(minutes: float, due: Collection[str] = tuple(LIFE)) -> bool:
    """Whether nothing was cried for nothing, on both servers."""
    if os.geteuid() != 0:
        raise StandError("The lab and the test Zabbix need root: start it as root.")
    with (
        tempfile.TemporaryDirectory(prefix="tcpwatchd-calm-") as directory,
        brought_up(Stand, push_s=60.0) as six,
        brought_up(SevenStand, push_s=60.0) as seven,
        Lab() as lab,
        relay(lab, six.server_port) as to_six,
        relay(lab, seven.server_port) as to_seven,
    ):
        for stand in (six, seven):
            stand.create_host(HOST, TEMPLATE_NAME)
            stand.wait_until_known(HOST)
        yaml = f"""\
zabbix: {{servers: ["127.0.0.1:{to_six}", "127.0.0.1:{to_seven}"], host: {HOST}}}
spool: {{path: {directory}/spool.db}}
discover: listeners
"""
        with living(lab), Service(Path(directory), yaml, lab.pid) as service:
            service.ready()
            say(f"lives, and is watched; {minutes:g} minutes from now")
            time.sleep(60 * minutes)
            wait_for(lambda: len(seven.history(HOST, UPTIME)) >= minutes - 1, "its pushes", 120, 1.0)
            good = [report(stand, minutes, due) for stand in (six, seven)]
            print("\n".join(["the daemon's log:", *service.lines]))
    return all(good)


def main(minutes: float, due: Collection[str] = tuple(LIFE)) -> int:
    """The exit code."""
    return exit_code(lambda: is_calm(minutes, due))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES))
