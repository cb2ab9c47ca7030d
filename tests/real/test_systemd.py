"""The Debian package under a real systemd, as an operator has it: from its installation to its purge.

Needs root, the network for a Debian tree, and for the values in history a real Zabbix server on this host.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from release.deb import build
from tcpwatchd import __version__
from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.generated import ROOT
from tests.lab.booted_tree import BootedTree, make_tree
from tests.lab.processes import wait_for
from tests.lab.zabbix_stand import Stand

CONFIG = "etc/tcpwatchd/config.yaml"
HOST = "booted"
LEAK = """
import socket, time
listener = socket.create_server(("127.0.0.1", 18080))
held = []
for _ in range(30):
    asking = socket.create_connection(("127.0.0.1", 18080))
    held.append(listener.accept()[0])
    asking.close()
time.sleep(120)
"""
QUICK = "intervals: {sample: 100ms, push: 500ms}\nbudget: {cpu_percent: 100}\n"


@pytest.fixture(scope="module")
def package(directory: Path) -> Path:
    return build(directory)


@pytest.fixture(scope="module")
def tree(directory: Path, package: Path) -> Iterator[BootedTree]:
    """Debian 12 with the package in it, and nothing configured yet."""
    made = make_tree("bookworm", directory)
    shutil.copy(package, made / "root")
    with BootedTree(made) as booted:
        told = booted.do("apt-get", "install", "--yes", f"/root/{package.name}")
        assert "set zabbix.servers in /etc/tcpwatchd/config.yaml" in told
        yield booted


@pytest.fixture
def service(tree: BootedTree, stand: Stand) -> Iterator[BootedTree]:
    """The service, running with values each half second to the stand."""
    configure(tree, stand)
    tree.do("systemctl", "reset-failed", "tcpwatchd")
    tree.do("systemctl", "start", "tcpwatchd")
    yield tree
    tree.do("systemctl", "stop", "tcpwatchd")


def configure(tree: BootedTree, stand: Stand, more: str = QUICK) -> None:
    text = f'zabbix: {{servers: ["127.0.0.1:{stand.server_port}"], host: {HOST}, timeout: 2s}}\n{more}'
    (tree.tree / CONFIG).write_text(text, encoding="utf-8")


def drop_in(tree: BootedTree, text: str) -> Path:
    path = tree.tree / "etc/systemd/system/tcpwatchd.service.d/test.conf"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    tree.do("systemctl", "daemon-reload")
    return path


def test_install_edit_one_line_enable_and_values_are_in_zabbix(tree: BootedTree, stand: Stand) -> None:
    name = tree.do("uname", "-n").strip()
    for host in (name, HOST):
        stand.create_host(host, TEMPLATE_NAME)
        stand.wait_until_known(host)
    path = tree.tree / CONFIG
    example = path.read_text(encoding="utf-8")
    line = f'  servers: ["127.0.0.1:{stand.server_port}"]'
    edited, lines = re.subn(r"(?m)^  servers: .*$", line, example)
    assert lines == 1
    path.write_text(edited, encoding="utf-8")
    assert tree.do("tcpwatchd", "check").startswith("ok ")
    tree.do("systemctl", "enable", "--now", "tcpwatchd")
    assert tree.show("ActiveState") == "active"
    wait_for(lambda: stand.history(name, UPTIME), "values in history")
    assert re.fullmatch(
        r"\d+ established, \d+ values pushed, \d+ more waiting on disk", tree.show("StatusText")
    )
    assert "INFO tcpwatchd" in tree.journal("--priority=info")
    assert "INFO tcpwatchd" not in tree.journal("--priority=warning")
    tree.do("systemctl", "stop", "tcpwatchd")


def test_a_reload_takes_a_good_configuration_and_refuses_a_bad_one(service: BootedTree, stand: Stand) -> None:
    wait_for(lambda: "delivers" in service.journal(), "the first delivery")
    configure(service, stand, QUICK.replace("500ms", "700ms"))
    service.do("systemctl", "reload", "tcpwatchd")
    wait_for(lambda: "INFO reloaded" in service.journal(), "the reload")
    configure(service, stand, "intervals: {push: never}\n")
    service.do("systemctl", "reload", "tcpwatchd")
    wait_for(lambda: "not reloaded" in service.journal("--priority=err"), "the refusal")
    assert "intervals.push: 'never' is not a duration" in service.journal("--priority=err")
    assert service.show("ActiveState") == "active"
    seen = len(stand.history(HOST, UPTIME))
    wait_for(lambda: len(stand.history(HOST, UPTIME)) > seen + 2, "values as before")


def test_a_daemon_that_hangs_is_restarted(service: BootedTree) -> None:
    quick = drop_in(service, "[Service]\nWatchdogSec=2\nTimeoutStopSec=2\nTimeoutAbortSec=2\nRestartSec=0\n")
    try:
        service.do("systemctl", "restart", "tcpwatchd")
        before = int(service.show("NRestarts"))
        pid = service.show("MainPID")
        time.sleep(5)  # longer than the watchdog waits: well and told so
        assert service.show("MainPID") == pid
        service.do("systemctl", "kill", "--signal=STOP", "tcpwatchd")
        wait_for(lambda: int(service.show("NRestarts")) > before, "a restart", 30)
        wait_for(lambda: service.show("ActiveState") == "active", "it runs again")
        assert "watchdog" in service.journal().lower()
    finally:
        quick.unlink()
        service.do("systemctl", "daemon-reload")


def test_killed_while_the_server_is_away_it_loses_nothing(service: BootedTree, stand: Stand) -> None:
    seen = len(stand.history(HOST, UPTIME))
    wait_for(lambda: len(stand.history(HOST, UPTIME)) > seen, "values")
    stand.stop_server()
    away_since = int(time.time())
    time.sleep(4)
    killed_at = int(time.time())
    service.do("systemctl", "kill", "--signal=KILL", "tcpwatchd")
    wait_for(lambda: service.show("ActiveState") == "active", "it runs again", 30)
    stand.start_server()
    wait_for(
        lambda: [row for row in stand.history(HOST, UPTIME) if row.clock > killed_at + 5], "new values", 60
    )

    def seconds() -> set[int]:
        return {row.clock for row in stand.history(HOST, UPTIME)}

    missing = set(range(away_since + 1, killed_at)) - seconds()
    wait_for(lambda: not set(range(away_since + 1, killed_at)) - seconds(), f"the values of {missing}", 30)


def test_a_wrong_configuration_is_no_restart_loop(tree: BootedTree) -> None:
    (tree.tree / CONFIG).write_text("intervals: {sample: never}\n", encoding="utf-8")
    assert tree.run("systemctl", "start", "tcpwatchd").returncode != 0
    time.sleep(6)  # longer than RestartSec
    assert tree.show("ActiveState") == "failed"
    assert (tree.show("NRestarts"), tree.show("ExecMainStatus")) == ("0", "78")
    assert "intervals.sample: 'never' is not a duration" in tree.journal()


def test_it_ends_within_five_seconds_though_the_server_is_dead(tree: BootedTree, stand: Stand) -> None:
    configure(tree, stand)
    tree.do("systemctl", "reset-failed", "tcpwatchd")
    tree.do("systemctl", "start", "tcpwatchd")
    stand.stop_server()
    try:
        time.sleep(2)
        began_s = time.monotonic()
        tree.do("systemctl", "stop", "tcpwatchd")
        assert time.monotonic() - began_s < 5
        assert tree.show("Result") == "success"
    finally:
        stand.start_server()


def test_who_leaks_is_told_by_user_and_with_the_drop_in_by_program(service: BootedTree, stand: Stand) -> None:
    source = service.tree / "usr/share/doc/tcpwatchd/culprits.conf"
    configure(service, stand, QUICK + "culprits: {threshold: 10}\n")
    service.do("systemd-run", "--unit=leak", "--uid=nobody", "python3", "-c", LEAK)
    pid = service.do("systemctl", "show", "--value", "--property=MainPID", "leak").strip()
    service.do("systemctl", "restart", "tcpwatchd")

    def told(words: str) -> bool:
        # The network is this host's, whose other programs may hold some too.
        return any(words in row.text for row in stand.history(HOST, "tcpwatchd.culprits[close_wait]"))

    wait_for(lambda: told("user nobody port 18080 30"), "the user and the port")
    privileged = drop_in(service, source.read_text(encoding="utf-8"))
    try:
        service.do("systemctl", "restart", "tcpwatchd")
        wait_for(lambda: told(f"python3[{pid}] 30"), "the program")
    finally:
        service.do("systemctl", "stop", "leak")
        privileged.unlink()
        service.do("systemctl", "daemon-reload")


def test_a_key_that_only_root_may_read_is_handed_to_the_service(service: BootedTree, stand: Stand) -> None:
    key = "5ec4e7" * 10 + "beef"
    tls = {"tls_connect": 1, "tls_accept": 2, "tls_psk_identity": "booted-psk", "tls_psk": key}
    stand.create_host("booted-psk", TEMPLATE_NAME, **tls)
    secret = service.tree / "etc/tcpwatchd/zabbix.psk"
    secret.write_text(key, encoding="ascii")
    secret.chmod(0o600)
    source = service.tree / "usr/share/doc/tcpwatchd/credentials.conf"
    handed = drop_in(service, source.read_text(encoding="utf-8"))
    (service.tree / CONFIG).write_text(
        f"""\
zabbix:
  servers: ["127.0.0.1:{stand.server_port}"]
  host: booted-psk
  timeout: 2s
  tls:
    connect: psk
    psk_identity: booted-psk
    psk_file: /run/credentials/tcpwatchd.service/zabbix.psk
{QUICK}""",
        encoding="utf-8",
    )
    try:
        stand.wait_until_read()
        service.do("systemctl", "restart", "tcpwatchd")
        wait_for(lambda: stand.history("booted-psk", UPTIME), "values over TLS with that key", 60)
    finally:
        handed.unlink()
        service.do("systemctl", "daemon-reload")


def test_where_netlink_is_refused_it_reads_with_psutil_and_says_so(service: BootedTree, stand: Stand) -> None:
    seen = len(stand.history(HOST, "tcpwatchd.self[backend]"))
    refusing = drop_in(
        service, "[Service]\nRestrictAddressFamilies=\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n"
    )
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as held:
            for _ in range(20):
                held.enter_context(socket.create_connection(listener.getsockname()))
            service.do("systemctl", "restart", "tcpwatchd")
            # The value of the daemon before this one may still be on its way into the history.
            backends = "tcpwatchd.self[backend]"
            wait_for(
                lambda: "psutil" in [value.text for value in stand.history(HOST, backends)[seen:]],
                "the backend's name",
            )
            assert stand.history(HOST, backends)[-1].text == "psutil"
            assert "AF_NETLINK is not allowed here" in service.journal("--priority=warning")
            established = stand.history(HOST, "tcpwatchd.sockets[established]")[-1]
            assert int(established.text) >= 40  # both ends of each
    finally:
        refusing.unlink()
        service.do("systemctl", "daemon-reload")


def test_an_upgrade_keeps_configuration_and_spool_and_a_purge_leaves_nothing(
    tree: BootedTree, stand: Stand, directory: Path
) -> None:
    configure(tree, stand)
    tree.do("systemctl", "reset-failed", "tcpwatchd")
    tree.do("systemctl", "enable", "--now", "tcpwatchd")
    pid, text = tree.show("MainPID"), (tree.tree / CONFIG).read_text(encoding="utf-8")
    spool = tree.tree / "var/lib/private/tcpwatchd/spool.db"
    inode = spool.stat().st_ino
    newer = build(directory, f"{__version__}+1")
    shutil.copy(newer, tree.tree / "root")
    tree.do("apt-get", "install", "--yes", f"/root/{newer.name}")
    assert (tree.tree / CONFIG).read_text(encoding="utf-8") == text
    assert spool.stat().st_ino == inode
    assert tree.show("ActiveState") == "active"
    assert tree.show("MainPID") != pid, "what runs is the new version"
    tree.do("apt-get", "purge", "--yes", "tcpwatchd")
    left = tree.run("sh", "-c", "ls -d /opt/tcpwatchd /etc/tcpwatchd /var/lib/*/tcpwatchd /var/lib/tcpwatchd")
    assert left.stdout == ""
    assert tree.run("systemctl", "cat", "tcpwatchd").returncode != 0


def test_the_commands_of_readme_install_it_from_a_clone(tree: BootedTree) -> None:
    """README's block, word for word; only that pip finds in a directory what it would fetch."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(python3 -m venv /opt.*?)^```", readme, re.MULTILINE | re.DOTALL)
    clone, wheels = tree.tree / "root/clone", tree.tree / "root/wheels"
    pip = (sys.executable, "-m", "pip")
    tag = tree.do("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    needed = ("psutil", "PyYAML", "setuptools", "wheel")
    binary = ("--only-binary=:all:", "--python-version", tag, "--dest", str(wheels))
    for command in (
        ("git", "clone", "--quiet", str(ROOT), str(clone)),
        (*pip, "download", "--quiet", *binary, *needed),
        (*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), "py-zabbix"),
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    tree.do("apt-get", "update")
    tree.do("apt-get", "install", "--yes", "--no-install-recommends", "python3-venv")
    local = "export PIP_NO_INDEX=1 PIP_FIND_LINKS=/root/wheels"
    tree.do("sh", "-e", "-c", f"cd /root/clone\n{local}\n{block}", timeout_s=300)
    tree.do("systemctl", "daemon-reload")
    tree.do("systemctl", "enable", "--now", "tcpwatchd")
    assert tree.show("ActiveState") == "active"
    assert tree.do("tcpwatchd", "check").startswith("ok ")
    assert "passed" in tree.do("tcpwatchd", "demo", "--seconds", "2")
    tree.do("systemctl", "disable", "--now", "tcpwatchd")


def test_it_installs_and_runs_on_debian_13(directory: Path, package: Path) -> None:
    made = make_tree("trixie", directory)
    shutil.copy(package, made / "root")
    with BootedTree(made) as booted:
        booted.do("apt-get", "install", "--yes", f"/root/{package.name}")
        booted.do("systemctl", "enable", "--now", "tcpwatchd")
        assert booted.show("ActiveState") == "active"
        assert "passed" in booted.do("tcpwatchd", "demo", "--seconds", "3")
        booted.do("apt-get", "purge", "--yes", "tcpwatchd")
