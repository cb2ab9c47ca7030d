"""What is discovered, in a real Zabbix 6.0 server: its items are made, and their values are in history.

Needs Debian 12 and root.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.model.sockets import State
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.processes import Service, wait_for
from tests.lab.socket_lab import Lab, require_lab
from tests.lab.zabbix_stand import Stand


def configuration(stand: Stand, host: str, directory: Path, more: str) -> str:
    return f"""\
zabbix: {{servers: ["127.0.0.1:{stand.server_port}"], host: {host}}}
intervals: {{sample: 100ms, push: 500ms}}
spool: {{path: {directory}/spool/spool.db}}
budget: {{cpu_percent: 100}}
replay: {{rate: 100000, delay: 0s}}
{more}
"""


def made(stand: Stand, host: str, key: str) -> Callable[[], bool]:
    return lambda: key in stand.items(host)


def test_services_become_items_and_none_of_their_values_is_lost(stand: Stand, tmp_path: Path) -> None:
    stand.create_host("services", TEMPLATE_NAME)
    stand.wait_until_known("services")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        here, there = socket.create_connection(listener.getsockname()), listener.accept()[0]
        yaml = configuration(
            stand,
            "services",
            tmp_path,
            f"services: [{{name: web, local_ports: [{port}]}}, {{name: to-web, remote_ports: [{port}]}}]",
        )
        with Service(tmp_path, yaml) as service, here, there:
            service.ready()
            keys = [
                f"tcpwatchd.service{part}[{name},{state}]"
                for part in ("", ".delta")
                for name in ("web", "to-web")
                for state in ("established", "listen", "close_wait")
            ]
            for key in keys:
                wait_for(made(stand, "services", key), key)
            # What came before the items was refused, waits on disk, and is delivered when they are there.
            stand.wait_until_read()
            beat = stand.history("services", UPTIME)[0]

            def first_arrived() -> bool:
                service.reload()  # what was refused is tried again
                first = [stand.history("services", key)[:1] for key in keys]
                return all(rows and rows[0].clock <= beat.clock + 1 for rows in first)

            wait_for(first_arrived, "the first values of a service")
            service.stop()
    told = {key: {value.text for value in stand.history("services", key)} for key in keys}
    assert told["tcpwatchd.service[web,established]"] == {"1"}
    assert told["tcpwatchd.service[web,listen]"] == {"1"}
    assert told["tcpwatchd.service[to-web,established]"] == {"1"}
    assert told["tcpwatchd.service[to-web,listen]"] == {"0"}
    assert {float(text) for text in told["tcpwatchd.service.delta[web,established]"]} == {0}
    assert (
        stand.items("services")["tcpwatchd.service[web,established]"]["name"]
        == "TCP: Service web: ESTABLISHED sockets"
    )


def test_namespaces_become_items(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    stand.create_host("containers", TEMPLATE_NAME)
    stand.wait_until_known("containers")
    with Lab() as lab:
        lab.make(State.ESTABLISHED, ipv4=5)
        # It has no container's cgroup here, so it goes by a process; which, is the host's business.
        yaml = configuration(stand, "containers", tmp_path, "namespaces: true")
        with Service(tmp_path, yaml) as service:
            service.ready()

            def in_history() -> bool:
                keys = [key for key in stand.items("containers") if key.endswith(",established]")]
                service.reload()
                return any({row.text for row in stand.history("containers", key)} == {"10"} for key in keys)

            wait_for(in_history, "the connections in the namespace")
            service.stop()
