"""Installed as each kind of host has it, not booted: a sample, a check, and values in real Zabbix."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from release import deb, pyz
from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.booted_tree import make_tree
from tests.lab.mounted_tree import done, within
from tests.lab.processes import run_until
from tests.lab.pythons import interpreter
from tests.lab.requirements import require
from tests.lab.zabbix_stand import Stand

Command = Callable[..., "list[str]"]


@pytest.fixture(scope="module")
def package(directory: Path) -> Path:
    return deb.build(directory)


@pytest.fixture(scope="module")
def program(directory: Path) -> Path:
    return pyz.build(directory)


def works(command: Command, config: Path, seen_as: str, stand: Stand, host: str) -> None:
    """`command` makes a process of the words of ours. It sees the file `config` under the name `seen_as`."""
    stand.create_host(host, TEMPLATE_NAME)
    stand.wait_until_known(host)
    spool = Path(seen_as).with_suffix(".db")
    config.write_text(
        f'zabbix: {{servers: ["127.0.0.1:{stand.server_port}"], host: {host}}}\n'
        f"intervals: {{sample: 200ms, push: 1s}}\nspool: {{path: {spool}}}\n",
        encoding="utf-8",
    )
    assert "read with netlink" in told(command("sample"))
    assert told(command("check", "--connect", "-c", seen_as)).startswith("ok ")
    run_until(
        command("run", "-c", seen_as), lambda: len(stand.history(host, UPTIME)) >= 3, f"values of {host}"
    )


def told(command: list[str]) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("suite", ["bookworm", "trixie", "sid"])
def test_from_debians_package(suite: str, directory: Path, package: Path, stand: Stand) -> None:
    tree = make_tree(suite, directory)
    shutil.copy(package, tree / "root")
    installed = done(tree, "dpkg", "--install", f"/root/{package.name}")
    assert "set zabbix.servers in /etc/tcpwatchd/config.yaml" in installed
    assert done(tree, "dpkg", "--verify", "tcpwatchd") == ""
    works(
        partial(within, tree, "tcpwatchd"),
        tree / "etc/tcpwatchd/config.yaml",
        "/etc/tcpwatchd/config.yaml",
        stand,
        f"deb-{suite}",
    )
    done(tree, "dpkg", "--purge", "tcpwatchd")
    assert not (tree / "opt/tcpwatchd").exists()
    shutil.rmtree(tree)


def test_from_one_file_with_python_3_9(program: Path, directory: Path, stand: Stand) -> None:
    python = interpreter("3.9")
    require(bool(python), "python3.9 is not on this machine")
    config = directory / "one-file.yaml"
    works(lambda *words: [python, str(program), *words], config, str(config), stand, "pyz-39")


def test_from_one_file_with_python_3_14(program: Path, directory: Path, stand: Stand) -> None:
    tree = make_tree("sid", directory)
    shutil.copy(program, tree / "root/tcpwatchd.pyz")
    works(
        partial(within, tree, "python3.14", "/root/tcpwatchd.pyz"),
        tree / "root/config.yaml",
        "/root/config.yaml",
        stand,
        "pyz-314",
    )
    shutil.rmtree(tree)
