"""Moving over: a host with the old scripts' keys, watched by a real agent first and by the daemon then.

Its items stay the same ones, with their history. Needs Debian 12 and root.
"""

from __future__ import annotations

import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tcpwatchd.metrics.key_patterns import of_dialect
from tcpwatchd.template.render import TEMPLATE_NAME, dialect_template
from tests.lab.processes import Service, wait_for
from tests.lab.zabbix_stand import Stand
from tests.lab.zabbix_stand.processes import free_port

# As Zabbix numbers them.
AGENT, TRAPPER = "0", "2"
UNSIGNED = "3"
OLD = "7777"  # what the old script says; it is no number of sockets that there are here
STATES = ("established", "timewait", "listen", "closed")


@contextmanager
def agent(directory: Path, port: int) -> Iterator[None]:
    """A Zabbix agent with a script for tcp.status[*], as hosts have it today."""
    own = directory / "agent"
    own.mkdir()
    (own / "agentd.conf").write_text(
        f"PidFile={own}/agentd.pid\nLogType=console\nServer=127.0.0.1\nListenIP=127.0.0.1\nListenPort={port}\n"
        f"StartAgents=1\nHostname=old\nUserParameter=tcp.status[*],echo {OLD}\n",
        encoding="utf-8",
    )
    program = shutil.which("zabbix_agentd", path="/usr/sbin:/usr/bin")
    assert program
    user = pwd.getpwnam("zabbix")
    for path in (directory, own, own / "agentd.conf"):
        shutil.chown(path, user.pw_uid, user.pw_gid)
    with subprocess.Popen(
        [
            *("setpriv", "--reuid=zabbix", "--regid=zabbix", "--clear-groups"),
            *(program, "--foreground", "--config", str(own / "agentd.conf")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture
def directory(stand: Stand) -> Iterator[Path]:
    """Below the stand's own, where the agent's user may go."""
    made = stand.directory / "move"
    made.mkdir()
    yield made
    shutil.rmtree(made)


def test_a_host_keeps_its_items_and_their_history(stand: Stand, directory: Path) -> None:
    port = free_port()
    interface = {"type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": str(port)}
    hostid = stand.create_host("old", TEMPLATE_NAME, interfaces=[interface])
    interfaceid = stand.api("hostinterface.get", {"hostids": hostid})[0]["interfaceid"]
    for state in STATES:
        stand.api(
            "item.create",
            {
                "hostid": hostid,
                "name": f"TCP {state}",
                "key_": f"tcp.status[{state}]",
                "type": int(AGENT),
                "value_type": int(UNSIGNED),
                "interfaceid": interfaceid,
                "delay": "1s",
            },
        )
    keys = [f"tcp.status[{state}]" for state in STATES]
    with agent(directory, port):
        for key in keys:
            wait_for(lambda key=key: len(stand.history("old", key)) >= 2, f"{key} by the agent", 60)  # type: ignore[misc]
    before = {key: stand.items("old")[key] for key in keys}
    # What README says to do in the frontend: Mass update, Type: Zabbix trapper.
    for item in before.values():
        stand.api("item.update", {"itemid": item["itemid"], "type": int(TRAPPER)})
    stand.wait_until_read()
    yaml = f"""\
zabbix: {{servers: ["127.0.0.1:{stand.server_port}"], host: old}}
intervals: {{sample: 100ms, push: 500ms}}
spool: {{path: {directory}/spool/spool.db}}
keys: {{dialect: tcp.status, own: false}}
"""
    with Service(directory, yaml) as service:
        service.ready()
        for key in keys:

            def both(key: str = key) -> bool:
                texts = [row.text for row in stand.history("old", key)]
                return texts[:2] == [OLD, OLD] and texts[-1] != OLD

            wait_for(both, f"{key}: old values and new ones")
        service.stop()
    after = stand.items("old")
    for key in keys:
        assert after[key]["itemid"] == before[key]["itemid"]
        assert (before[key]["type"], after[key]["type"]) == (AGENT, TRAPPER)


def test_the_template_of_a_dialect_is_taken_and_changes_nothing_the_second_time(stand: Stand) -> None:
    text = dialect_template("linux_status")
    stand.import_template(text)
    stand.create_host("new", f"{TEMPLATE_NAME} linux_status")
    before = stand.items("new")
    assert set(before) == set(of_dialect("linux_status"))
    stand.import_template(text)
    assert stand.items("new") == before
