"""The Ansible role over ssh, on a booted Debian 12 and 13: all is there after one run, and a second run, in
check mode too, changes nothing. Values of both are in a real Zabbix server.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.deb import build
from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.metrics.spellings import SPELLINGS
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.generated import ROOT
from tests.lab.booted_tree import BootedTree, make_tree
from tests.lab.processes import wait_for
from tests.lab.requirements import require
from tests.lab.zabbix_stand import Stand

PLAYBOOKS = ROOT / "packaging/ansible"
PORTS = {"bookworm": 22012, "trixie": 22013}
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
CONFIG = "etc/tcpwatchd/config.yaml"


RECAP = re.compile(r"^(\w+) +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0 ", re.MULTILINE)
UNTOUCHED = dict.fromkeys(PORTS, 0)


@dataclass(frozen=True)
class Hosts:
    """Booted trees with sshd, and how Ansible reaches them."""

    trees: Mapping[str, BootedTree]
    inventory: Path

    def play(self, name: str, variables: Mapping[str, object], *more: str) -> Mapping[str, int]:
        """One playbook, which has to work; how many tasks changed something, by host."""
        ran = self.run(name, variables, *more)
        assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
        return {host: int(changed) for host, changed in RECAP.findall(ran.stdout)}

    def run(self, name: str, variables: Mapping[str, object], *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PLAYBOOK), "-i", str(self.inventory), "-e", json.dumps(variables), *more, name],
            capture_output=True,
            text=True,
            timeout=1200,
            cwd=PLAYBOOKS,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.inventory.parent),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_HOST_KEY_CHECKING": "False",
                "ANSIBLE_NOCOLOR": "1",
            },
        )


@pytest.fixture(scope="module")
def hosts(directory: Path) -> Iterator[Hosts]:
    for program in ("ssh-keygen", "ssh"):
        require(shutil.which(program) is not None, f"Ansible needs {program}; apt install openssh-client")
    require(PLAYBOOK.exists(), "ansible-playbook is not there; pip install ansible-core")
    key = directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    lines = []
    with ExitStack() as held:
        trees = {}
        for suite, port in PORTS.items():
            tree = held.enter_context(BootedTree(make_tree(suite, directory)))
            tree.do("apt-get", "update")
            # Ansible's module for apt needs python3-apt, and would fetch it in the play.
            needed = ("openssh-server", "python3-apt")
            tree.do("apt-get", "install", "--yes", "--no-install-recommends", *needed, timeout_s=300)
            (tree.tree / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
            shutil.copy(key.with_suffix(".pub"), tree.tree / "root/.ssh/authorized_keys")
            listening = f"Port {port}\nListenAddress 127.0.0.1\nPermitRootLogin prohibit-password\n"
            (tree.tree / "etc/ssh/sshd_config.d/test.conf").write_text(listening, encoding="ascii")
            tree.do("systemctl", "restart", "ssh")
            lines.append(
                f"{suite} ansible_host=127.0.0.1 ansible_port={port} ansible_user=root "
                f"ansible_ssh_private_key_file={key} ansible_python_interpreter=/usr/bin/python3 "
                "ansible_ssh_common_args='-o UserKnownHostsFile=/dev/null'"
            )
            trees[suite] = tree
        inventory = directory / "hosts"
        inventory.write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield Hosts(trees, inventory)


@pytest.fixture(scope="module")
def variables(directory: Path, stand: Stand) -> dict[str, object]:
    for suite in PORTS:
        stand.create_host(suite, TEMPLATE_NAME)
        stand.wait_until_known(suite)
    return {
        "tcpwatchd_package": str(build(directory)),
        "tcpwatchd_servers": [f"127.0.0.1:{stand.server_port}"],
        # Both trees have the host name of this machine.
        "tcpwatchd_host": "{{ inventory_hostname }}",
        "tcpwatchd_config": {"intervals": {"sample": "200ms", "push": "1s"}},
    }


def test_one_run_installs_all_and_a_second_changes_nothing(
    hosts: Hosts, variables: Mapping[str, object], stand: Stand
) -> None:
    assert all(hosts.play("tcpwatchd.yml", variables, "--check").values()), "it would install it"
    for tree in hosts.trees.values():
        assert not (tree.tree / "opt/tcpwatchd").exists(), "check mode installs nothing"
    changed = hosts.play("tcpwatchd.yml", variables)
    assert all(changed[suite] > 3 for suite in PORTS), changed
    for suite, tree in hosts.trees.items():
        assert tree.show("ActiveState") == "active"
        assert tree.do("systemctl", "is-enabled", "tcpwatchd").strip() == "enabled"
        wait_for(lambda suite=suite: len(stand.history(suite, UPTIME)) >= 3, f"values of {suite}")  # type: ignore[misc]
    assert hosts.play("tcpwatchd.yml", variables) == UNTOUCHED
    assert hosts.play("tcpwatchd.yml", variables, "--check") == UNTOUCHED


def test_a_change_reloads_and_a_wrong_configuration_is_not_written(
    hosts: Hosts, variables: Mapping[str, object]
) -> None:
    hosts.play("tcpwatchd.yml", variables)
    pids = {suite: tree.show("MainPID") for suite, tree in hosts.trees.items()}
    slower = {**variables, "tcpwatchd_config": {"intervals": {"sample": "300ms", "push": "1s"}}}
    assert hosts.play("tcpwatchd.yml", slower) == dict.fromkeys(PORTS, 2), "the file and the reload"
    for suite, tree in hosts.trees.items():
        wait_for(lambda tree=tree: "INFO reloaded" in tree.journal(), f"the reload of {suite}")  # type: ignore[misc]
        assert tree.show("MainPID") == pids[suite]
    texts = {suite: (tree.tree / CONFIG).read_text(encoding="utf-8") for suite, tree in hosts.trees.items()}
    ran = hosts.run("tcpwatchd.yml", {**variables, "tcpwatchd_config": {"intervals": {"push": "never"}}})
    assert ran.returncode != 0
    assert "'never' is not a duration" in ran.stdout
    for suite, tree in hosts.trees.items():
        assert (tree.tree / CONFIG).read_text(encoding="utf-8") == texts[suite]
        assert tree.show("ActiveState") == "active"


def test_the_move_sends_the_keys_of_the_script_and_then_removes_its_lines(
    hosts: Hosts, variables: Mapping[str, object], stand: Stand
) -> None:
    line = "UserParameter=tcp.status[*],/usr/local/bin/tcp_status.sh $1\n"
    kept = "Server=127.0.0.1\n# UserParameter=tcp.status[*] was here\n"
    agent = "etc/zabbix/zabbix_agentd.d/tcp.conf"
    for suite, tree in hosts.trees.items():
        (found,) = stand.api("host.get", {"filter": {"host": [suite]}, "output": ["hostid"]})
        for state in SPELLINGS["compact"].values():
            key = f"tcp.status[{state}]"
            item = {"hostid": found["hostid"], "name": key, "key_": key, "type": 2, "value_type": 3}
            stand.api("item.create", item)
        path = tree.tree / agent
        path.parent.mkdir(parents=True)
        path.write_text(kept + line, encoding="utf-8")
        # The agent itself is not in the tree: the service that is restarted is one that does nothing.
        unit = tree.tree / "etc/systemd/system/zabbix-agent.service"
        unit.write_text("[Service]\nExecStart=/bin/sleep infinity\n", encoding="utf-8")
        tree.do("systemctl", "daemon-reload")
    stand.wait_until_read()
    hosts.play("move_over.yml", variables)
    for suite, tree in hosts.trees.items():
        assert (tree.tree / agent).read_text(encoding="utf-8") == kept
        assert tree.do("systemctl", "is-active", "zabbix-agent").strip() == "active"
        wait_for(
            lambda suite=suite: stand.history(suite, "tcp.status[listen]"),  # type: ignore[misc]
            f"values of {suite} under the old key",
        )
    assert hosts.play("move_over.yml", variables) == UNTOUCHED
