"""Names a network namespace and parses its files. Text in, no file opened.

The name comes from the cgroup paths of Docker, containerd, CRI-O, Podman, LXC, systemd-nspawn and systemd.
"""

from __future__ import annotations

import re

from tcpwatchd.kernel import procnet
from tcpwatchd.model.window import Namespace

# Every engine numbers its containers with 64 digits. The last number of a path is that of the innermost one,
# and what stands behind it is a cgroup that the container made itself.
_CONTAINER = re.compile(r"^.*[/:-]([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?:/.*)?$", re.MULTILINE)
# Kubernetes' UID of a pod; systemd wants it with underscores, and that of a static pod has no hyphens. In a
# container of a cgroup namespace of its own the path may begin at the pod.
_POD = re.compile(r"[-/]pod([0-9a-f]{8}(?:[-_]?[0-9a-f]{4}){3}[-_]?[0-9a-f]{12})\b")
_OTHERS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"/lxc(?:\.payload)?[./]([A-Za-z0-9_.-]{1,64})",
        r"/machine-([A-Za-z0-9_.-]{1,64})\.scope",
        r"/([A-Za-z0-9_.-]{1,64})\.service$",
    )
)


def called(cgroup: str, process: str) -> str:
    """The name by the cgroup (/proc/PID/cgroup) of a process that lives there, else the process's own."""
    for pattern in (_CONTAINER, *_OTHERS):
        if match := pattern.search(cgroup):
            return match[1]
    return key_part(process)


def container(cgroup: str) -> str:
    """The first 12 digits of the container's number, as `docker ps` shows it; empty where it is none."""
    match = _CONTAINER.search(cgroup)
    return match[1] if match else ""


def pod(cgroup: str) -> str:
    """The UID of the pod, as `kubectl get pods -o yaml` shows it; empty where it is none."""
    match = _POD.search(cgroup)
    return match[1].replace("_", "-") if match else ""


def key_part(name: str) -> str:
    """A name as an item key takes it without quotes."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name.strip())[:64] or "unnamed"


def counted(sockstat: str, sockstat6: str, snmp: str, netstat: str) -> Namespace:
    """The numbers of a namespace from its files; ValueError or KeyError where they are not understood.

    `sockstat6` is empty on a kernel without IPv6.
    """
    ipv4 = procnet.parse_sockstat(sockstat, "TCP")
    ipv6 = procnet.parse_sockstat(sockstat6, "TCP6")["inuse"] if sockstat6 else 0
    return Namespace(
        established=procnet.parse_snmp(snmp, "Tcp")["CurrEstab"],
        time_wait=ipv4["tw"],
        in_use=ipv4["inuse"] + ipv6,
        listen_overflows=procnet.parse_snmp(netstat, "TcpExt")["ListenOverflows"],
    )
