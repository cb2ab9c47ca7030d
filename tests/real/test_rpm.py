"""The RPM package under a real systemd: installed, upgraded, removed; values in a real Zabbix server.

The tree is Debian's, with rpm from Debian: this machine has no registry of an RPM distribution. So what the
package requires is looked at, not resolved.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from release.rpm import build
from tcpwatchd import __version__
from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.booted_tree import BootedTree, make_tree
from tests.lab.processes import wait_for
from tests.lab.requirements import require
from tests.lab.zabbix_stand import Stand

CONFIG = "etc/tcpwatchd/config.yaml"
HOST = "from-rpm"


@pytest.fixture(scope="module")
def tree(directory: Path) -> Iterator[BootedTree]:
    """Debian 12 with rpm in it, and the package beside."""
    require(shutil.which("rpmbuild") is not None, "an RPM package needs rpmbuild; apt install rpm")
    made = make_tree("bookworm", directory)
    with BootedTree(made) as booted:
        booted.do("apt-get", "update")
        booted.do("apt-get", "install", "--yes", "--no-install-recommends", "rpm", timeout_s=300)
        yield booted


def rpm(tree: BootedTree, *words: str) -> str:
    # The packages of this tree are in dpkg's database.
    return tree.do("rpm", "--nodeps", *words) if "--query" not in words else tree.do("rpm", *words)


def test_it_is_installed_upgraded_and_removed(tree: BootedTree, directory: Path, stand: Stand) -> None:
    stand.create_host(HOST, TEMPLATE_NAME)
    stand.wait_until_known(HOST)
    package = build(directory)
    shutil.copy(package, tree.tree / "root")
    told = rpm(tree, "--install", f"/root/{package.name}")
    assert "set zabbix.servers in /etc/tcpwatchd/config.yaml" in told
    assert rpm(tree, "--verify", "tcpwatchd") == ""
    required = rpm(tree, "--query", "--requires", "tcpwatchd").splitlines()
    assert "python3 >= 3.9" in required
    assert [one for one in required if one.startswith("lib")] == []
    assert rpm(tree, "--query", "--configfiles", "tcpwatchd").split() == [f"/{CONFIG}"]

    assert "read with netlink" in tree.do("tcpwatchd", "sample")
    text = (
        f'zabbix: {{servers: ["127.0.0.1:{stand.server_port}"], host: {HOST}}}\n'
        "intervals: {sample: 200ms, push: 1s}\n"
    )
    (tree.tree / CONFIG).write_text(text, encoding="utf-8")
    assert tree.do("tcpwatchd", "check", "--connect").startswith("ok ")
    tree.do("systemctl", "enable", "--now", "tcpwatchd")
    wait_for(lambda: len(stand.history(HOST, UPTIME)) >= 3, "values in history")

    pid = tree.show("MainPID")
    spool = tree.tree / "var/lib/private/tcpwatchd/spool.db"
    inode = spool.stat().st_ino
    newer = build(directory, f"{__version__}+1")
    shutil.copy(newer, tree.tree / "root")
    rpm(tree, "--upgrade", f"/root/{newer.name}")
    assert (tree.tree / CONFIG).read_text(encoding="utf-8") == text
    assert spool.stat().st_ino == inode
    assert tree.show("ActiveState") == "active"
    assert tree.show("MainPID") != pid, "what runs is the new version"
    assert tree.do("systemctl", "is-enabled", "tcpwatchd").strip() == "enabled"

    rpm(tree, "--erase", "tcpwatchd")
    assert not (tree.tree / "opt/tcpwatchd").exists()
    assert tree.run("systemctl", "cat", "tcpwatchd").returncode != 0
    kept = tree.tree / f"{CONFIG}.rpmsave"
    assert kept.read_text(encoding="utf-8") == text
