"""Network namespaces: what they are called, what their files say, and real ones found without privilege."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tcpwatchd.kernel.namespaces import read_namespaces
from tcpwatchd.kernel.netns import called, container, counted, pod
from tcpwatchd.model.sockets import State
from tcpwatchd.model.window import Namespace
from tests.lab.socket_lab import NOBODY, Lab, Variant, require_lab

LONG = "0123456789ab" + "c" * 52
SOCKSTAT = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 2 alloc 6 mem 1\nUDP: inuse 1 mem 0\n"
SNMP = "Tcp: RtoMin CurrEstab InSegs\nTcp: 200 3 9\n"
NETSTAT = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 4 5\nIpExt: InOctets\nIpExt: 7\n"


OUTER = "f" * 64
UID = "1f6b2c3d-0a4e-4d55-9b1c-7a8e9f001122"
SLICE = f"kubepods-burstable-pod{UID.replace('-', '_')}.slice"
STATIC = "8f3c1a2b4d5e6f708192a3b4c5d6e7f8"
NUMBER = "0123456789ab"


@pytest.mark.parametrize(
    ("cgroup", "pod_uid"),
    [
        pytest.param(f"0::/system.slice/docker-{LONG}.scope", "", id="Docker, version 2"),
        pytest.param(f"12:pids:/docker/{LONG}\n1:name=systemd:/docker/{LONG}", "", id="Docker, version 1"),
        pytest.param(f"0::/system.slice/docker-{LONG}.scope/init", "", id="Docker, systemd inside"),
        pytest.param(
            f"0::/user.slice/user-1000.slice/user@1000.service/app.slice/docker-{LONG}.scope",
            "",
            id="Docker, rootless",
        ),
        pytest.param(
            f"0::/kubepods.slice/kubepods-burstable.slice/{SLICE}/cri-containerd-{LONG}.scope",
            UID,
            id="containerd, systemd, version 2",
        ),
        pytest.param(
            f"11:memory:/kubepods/besteffort/pod{UID}/{LONG}\n0::/", UID, id="containerd, cgroupfs, version 1"
        ),
        pytest.param(f"0::/kubepods/pod{UID}/{LONG}", UID, id="containerd, cgroupfs, a guaranteed pod"),
        pytest.param(
            f"0::/system.slice/containerd.service/{SLICE}:cri-containerd:{LONG}",
            UID,
            id="containerd, names of runc",
        ),
        pytest.param(
            f"0::/kubepods.slice/kubepods-pod{UID.replace('-', '_')}.slice/crio-{LONG}.scope/container",
            UID,
            id="CRI-O with crun",
        ),
        pytest.param(
            f"10:cpu,cpuacct:/kubepods.slice/kubepods-besteffort.slice/{SLICE}/crio-{LONG}.scope",
            UID,
            id="CRI-O, version 1",
        ),
        pytest.param(f"0::/kubepods.slice/{SLICE}/docker-{LONG}.scope", UID, id="Docker under Kubernetes"),
        pytest.param(
            f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{STATIC}.slice/cri-containerd-{LONG}.scope",
            STATIC,
            id="a static pod",
        ),
        pytest.param(
            f"0::/docker/{OUTER}/kubelet.slice/kubelet-kubepods.slice/kubelet-{SLICE}/cri-containerd-{LONG}.scope",
            UID,
            id="a node that is a container itself",
        ),
        pytest.param(f"0::/../../pod{UID}/{LONG}", UID, id="seen in a container"),
        pytest.param(f"0::/machine.slice/libpod-{LONG}.scope/container", "", id="Podman"),
        pytest.param(f"4:devices:/libpod_parent/libpod-{LONG}", "", id="Podman, cgroupfs"),
        pytest.param(
            f"0::/machine.slice/machine-libpod_pod_{OUTER}.slice/libpod-{LONG}.scope", "", id="Podman, a pod"
        ),
        pytest.param(
            f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{LONG}.scope/container",
            "",
            id="Podman, rootless",
        ),
        pytest.param(f"0::/system.slice/nerdctl-{LONG}.scope", "", id="nerdctl"),
        pytest.param(f"9:perf_event:/ecs/{STATIC}/{LONG}", "", id="ECS"),
    ],
)
def test_a_namespace_of_a_container_is_called_by_its_number(cgroup: str, pod_uid: str) -> None:
    assert (called(cgroup, "java\n"), container(cgroup), pod(cgroup)) == (NUMBER, NUMBER, pod_uid)


@pytest.mark.parametrize(
    ("cgroup", "name"),
    [
        pytest.param("0::/lxc.payload.web-1/system.slice/nginx.service", "web-1", id="LXC"),
        pytest.param("0::/lxc/web-1", "web-1", id="LXC, older"),
        pytest.param("0::/machine.slice/machine-debian.scope/payload", "debian", id="systemd-nspawn"),
        pytest.param("0::/system.slice/systemd-hostnamed.service", "systemd-hostnamed", id="a unit"),
        pytest.param(
            "0::/system.slice/pod-cleaner.service", "pod-cleaner", id="a unit that looks like a pod"
        ),
        pytest.param("0::/", "my_sh_1", id="nothing but a process"),
        pytest.param("", "my_sh_1", id="no cgroups"),
    ],
)
def test_what_is_no_container_is_called_by_what_started_it(cgroup: str, name: str) -> None:
    assert (called(cgroup, "my sh:1\n"), container(cgroup), pod(cgroup)) == (name, "", "")


def test_a_process_without_a_usable_name() -> None:
    assert called("", "\n") == "unnamed"
    assert len(called("", "x" * 300)) == 64


@pytest.mark.parametrize(("sockstat6", "in_use"), [("TCP6: inuse 4\n", 9), ("", 5)])
def test_the_numbers_are_those_of_the_files(sockstat6: str, in_use: int) -> None:
    assert counted(SOCKSTAT, sockstat6, SNMP, NETSTAT) == Namespace(3, 2, in_use, 4)


@pytest.mark.parametrize("missing", range(4))
def test_files_that_are_not_understood_are_an_error(missing: int) -> None:
    texts = [SOCKSTAT, "TCP6: inuse 4\n", SNMP, NETSTAT]
    texts[missing] = "something else\n"
    with pytest.raises((ValueError, KeyError)):
        counted(*texts)


@pytest.fixture
def labs() -> Iterator[tuple[Lab, Lab]]:
    require_lab()
    with Lab() as one, Lab() as other:
        yield one, other


def look() -> Mapping[str, Namespace]:
    return read_namespaces()


@pytest.mark.parametrize("user", [0, NOBODY], ids=["root", "nobody"])
def test_real_namespaces_are_found_and_counted_without_privilege(labs: tuple[Lab, Lab], user: int) -> None:
    first, second = labs
    first.make(State.ESTABLISHED, ipv4=3, ipv6=2)
    first.make(State.LISTEN, ipv4=1)
    first.make(Variant.ORPHANED_FIN_WAIT2, ipv6=1)
    second.make(State.LISTEN, ipv4=4)

    def overflow() -> None:
        with contextlib.ExitStack() as held:
            listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            held.enter_context(socket.create_connection(listener.getsockname()))
            asking = held.enter_context(socket.socket())
            asking.settimeout(0.2)
            with contextlib.suppress(TimeoutError, socket.timeout):
                asking.connect(listener.getsockname())

    second.call(overflow)
    found = first.call(look, user)
    # From the first lab, the second is elsewhere, and so is the namespace of these tests.
    # Whether the SYN is repeated in that time is up to the kernel.
    assert any(Namespace(0, 0, 4, overflows) in found.values() for overflows in (1, 2, 3))
    from_second = second.call(look, user)
    assert [one for one in from_second.values() if one.established >= 10 and one.time_wait == 1]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,80}", name) for name in found)
    assert len(found) == len(from_second)


def test_a_name_of_ip_netns_is_the_name(labs: tuple[Lab, Lab], tmp_path: Path) -> None:
    first, second = labs
    # As `ip netns attach` does it, in a directory of our own.
    mark = tmp_path / "blue 1"
    mark.touch()
    subprocess.run(["mount", "--bind", f"/proc/{second.pid}/ns/net", str(mark)], check=True)
    try:
        found = first.call(lambda: read_namespaces(named=str(tmp_path)))
    finally:
        subprocess.run(["umount", str(mark)], check=True)
    assert "blue_1" in found
