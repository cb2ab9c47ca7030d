"""Debian packages that tests need, and how to install them without starting a single service.

This file alone knows: the package names, apt-get, and /usr/sbin/policy-rc.d.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .errors import StandError

# Named with their version, and php8.2-cgi among them: the package "php", which the frontend
# depends on, takes apache2 along unless another web SAPI is in the same installation.
PACKAGES = (
    "postgresql",
    "zabbix-server-pgsql",
    "zabbix-frontend-php",
    "zabbix-agent",  # zabbix_sender
    "php8.2-cli",
    "php8.2-cgi",
    "php8.2-pgsql",
    "fonts-dejavu-core",  # without it the frontend draws graphs without a word in them
    "locales",  # without en_US the frontend shows an error above every page
    "iproute2",  # ss, the independent count, and ip
    "util-linux",  # unshare, nsenter, setpriv
    "systemd",  # systemd-analyze
    "systemd-container",  # systemd-nspawn, which boots a tree
    "debootstrap",
    "rpm",  # rpmbuild
    "lintian",
    "openssh-client",  # by which Ansible reaches a tree
)

# What compiles the extra tcpwatchd[psk] for Debian's own Python; no stand needs it.
COMPILER = ("gcc", "libc6-dev", "libssl-dev", "python3-dev")

# What `make bench` holds tcpwatchd against, and what it needs to do so.
BENCH = (
    "iproute2",
    "net-tools",
    "mawk",
    "collectd-core",
    "prometheus-node-exporter",
    "zabbix-agent",
    "zabbix-agent2",
    "clang",  # and with it the BPF program
    "libbpf-dev",
    "bpftool",
    "mount",
    "util-linux",  # setpriv
)

# Package -> service that it would start at every boot of the machine from now on.
SERVICES = {
    "postgresql": "postgresql",
    "zabbix-server-pgsql": "zabbix-server",
    "zabbix-agent": "zabbix-agent",
    "zabbix-agent2": "zabbix-agent2",
    "collectd-core": "collectd",
    "prometheus-node-exporter": "prometheus-node-exporter",
}

POLICY = Path("/usr/sbin/policy-rc.d")
SAVED_POLICY = Path("/usr/sbin/policy-rc.d.before-tcpwatchd")
REFUSE_ALL_STARTS = "#!/bin/sh\n# tcpwatchd installs packages: no service may start.\nexit 101\n"


def missing(wanted: Sequence[str] = PACKAGES) -> list[str]:
    """Packages that are not installed. Fails where this is no Debian 12."""
    _require_debian_12()
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it complains there about each unknown package
        text=True,
        check=False,
    )
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [package for package in wanted if package not in installed]


def install(packages: Sequence[str] = PACKAGES) -> list[str]:
    """Install what is missing and return it; no service starts, now or at the next boot."""
    wanted = missing(packages)
    if not wanted:
        return []
    if os.geteuid() != 0:
        raise StandError(
            f"These packages are missing: {' '.join(wanted)}. Only root can install them: "
            "run this again as root."
        )
    with _no_service_starts():
        # Old lists are good enough if this fails: then the installation itself will tell.
        update = _apt_get("update", "-q")
        result = _apt_get("install", "-q", "-y", "--no-install-recommends", *wanted)
    if result.returncode != 0:
        end = (update.stdout if update.returncode else "") + result.stdout
        raise StandError(
            f"apt-get could not install {' '.join(wanted)}. Put right what it says, then run "
            "this again:\n" + "\n".join("    " + line for line in end.splitlines()[-15:])
        )
    for package in wanted:
        if package in SERVICES:
            run_to_end(["update-rc.d", SERVICES[package], "disable"])
    return wanted


def _require_debian_12() -> None:
    release: dict[str, str] = {}
    try:
        for line in Path("/etc/os-release").read_text().splitlines():
            name, _, value = line.partition("=")
            release[name] = value.strip('"')
    except OSError:
        pass  # then it is no Debian either
    if (release.get("ID"), release.get("VERSION_ID")) != ("debian", "12"):
        raise StandError(
            "The test Zabbix needs Debian 12 with apt-get; this is "
            f"{release.get('PRETTY_NAME', 'an unknown system')}. "
            "Use a Debian 12 machine, virtual machine or container."
        )


@contextmanager
def _no_service_starts() -> Iterator[None]:
    # A saved policy that is already there stems from a run that was killed: then the present
    # one is ours, and the saved one is what has to come back.
    if os.path.lexists(POLICY) and not os.path.lexists(SAVED_POLICY):
        POLICY.rename(SAVED_POLICY)
    try:
        POLICY.write_text(REFUSE_ALL_STARTS)
        POLICY.chmod(0o755)
        yield
    finally:
        if os.path.lexists(SAVED_POLICY):
            SAVED_POLICY.replace(POLICY)
        elif POLICY.exists():
            POLICY.unlink()


def _apt_get(*arguments: str) -> subprocess.CompletedProcess[str]:
    options = ["-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=120"]
    return run_to_end(["apt-get", *options, *arguments])


def run_to_end(command: Sequence[str], directory: Path = Path("/")) -> subprocess.CompletedProcess[str]:
    """Run to the end even at Ctrl-C, which apt itself may obey only where it does no harm."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            env=environment,
            start_new_session=True,  # so that the terminal's Ctrl-C does not reach dpkg
        )
    except FileNotFoundError:
        raise StandError(f"{command[0]} is missing: the test Zabbix needs Debian 12.") from None
    try:
        output, _ = process.communicate()
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.communicate()
        raise
    return subprocess.CompletedProcess([*command], process.returncode, output)
