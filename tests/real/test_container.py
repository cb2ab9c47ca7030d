"""The image's file system, made with the commands of the Dockerfile, run as the manifest says; no engine.

The user, the mounts, the read-only root, the capabilities and the shared namespaces are read from the
manifest. Values are in a real Zabbix server.
"""

from __future__ import annotations

import re
import subprocess
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.deb import build
from tcpwatchd.config.config import parse
from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.generated import ROOT
from tests.lab.booted_tree import make_tree
from tests.lab.processes import run_until
from tests.lab.requirements import require
from tests.lab.zabbix_stand import Stand

DOCKERFILE = ROOT / "packaging/container/Dockerfile"
MANIFEST = ROOT / "packaging/kubernetes/tcpwatchd.yaml"
HOST = "node"
# A root file system that cannot be written to, as an engine mounts it; its mounts end with the command.
ENTER = """
mount --bind "$0" "$0"
mount -t proc proc "$0/proc"
mount --bind /dev "$0/dev"
mount -t tmpfs -o "$1" tmpfs "$0/var/lib/tcpwatchd"
mount --bind "$2" "$0/etc/tcpwatchd"
mount -o remount,bind,ro "$0/etc/tcpwatchd"
mount -o remount,bind,ro "$0"
root=$0
shift 2
exec chroot "$root" "$@"
"""


@pytest.fixture(scope="module")
def image(directory: Path) -> Path:
    """What the Dockerfile describes, step by step; any other instruction in it fails here."""
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    steps = [line.partition(" ")[::2] for line in text.splitlines() if line and not line.startswith("#")]
    names = [name for name, _ in steps]
    assert names == ["FROM", "COPY", "RUN", "USER", "VOLUME", "ENTRYPOINT", "CMD"]
    said = dict(steps)
    assert said["FROM"] == "debian:12-slim"
    assert said["COPY"] == "dist/tcpwatchd_*.deb /tmp/"
    tree = make_tree("bookworm", directory)
    # systemd-nspawn has a /tmp of its own: what is copied there comes by a mount.
    copied = directory / "copied"
    build(copied)
    subprocess.run(
        [
            *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={tree}"),
            *(f"--bind={copied}:/tmp", "sh", "-ec", said["RUN"]),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=300,
    )
    assert said["USER"] == "65534:65534"
    assert said["ENTRYPOINT"] == '["/usr/bin/tcpwatchd"]'
    assert said["CMD"] == '["run", "-c", "/etc/tcpwatchd/config.yaml"]'
    return tree


def documents() -> dict[str, Any]:
    return {one["kind"]: one for one in yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8"))}


def within(image: Path, config: Path, *command: str) -> list[str]:
    """What one command is in a container as the manifest has it; a signal reaches the command itself."""
    pod = documents()["DaemonSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    rights = container["securityContext"]
    assert (pod["hostNetwork"], pod["hostPID"]) == (True, True), "it is run in these namespaces of the host"
    assert (rights["readOnlyRootFilesystem"], rights["allowPrivilegeEscalation"]) == (True, False)
    assert rights["capabilities"] == {"drop": ["ALL"]}
    paths = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert paths == {"config": "/etc/tcpwatchd", "spool": "/var/lib/tcpwatchd"}
    user, group = (pod["securityContext"][name] for name in ("runAsUser", "runAsGroup"))
    return [
        *("unshare", "--mount", "--propagation=private", "sh", "-ec", ENTER, str(image)),
        *(f"gid={pod['securityContext']['fsGroup']},mode=2770", str(config)),
        *("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"),
        *("--bounding-set=-all", "--inh-caps=-all"),
        *command,
    ]


def enter(image: Path, config: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """One command there, to its end; its exit code is for the caller."""
    return subprocess.run(
        within(image, config, *command), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
    )


def test_it_runs_with_nothing_but_what_the_manifest_gives(image: Path, directory: Path, stand: Stand) -> None:
    stand.create_host(HOST, TEMPLATE_NAME)
    stand.wait_until_known(HOST)
    config = directory / "config"
    config.mkdir()
    (config / "config.yaml").write_text(
        f'zabbix: {{servers: ["127.0.0.1:{stand.server_port}"], host: {HOST}}}\n'
        "intervals: {sample: 200ms, push: 1s}\nnamespaces: true\n",
        encoding="utf-8",
    )
    config.chmod(0o755)
    status = enter(image, config, "cat", "/proc/self/status").stdout
    assert re.search(r"^Uid:\s+65534\s+65534", status, re.MULTILINE)
    assert re.findall(r"^Cap(?:Prm|Eff|Bnd):\s+(\w+)", status, re.MULTILINE) == ["0" * 16] * 3
    assert enter(image, config, "touch", "/usr/written").returncode != 0
    sampled = enter(image, config, "tcpwatchd", "sample")
    assert sampled.returncode == 0, sampled.stderr
    assert "read with netlink" in sampled.stdout
    checked = enter(image, config, "tcpwatchd", "check", "--connect")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    log = run_until(
        within(image, config, "tcpwatchd", "run", "-c", "/etc/tcpwatchd/config.yaml"),
        lambda: len(stand.history(HOST, UPTIME)) >= 3,
        "values in history",
    )
    assert "cannot" not in log


def test_the_manifest_is_one_for_kubernetes_and_its_configuration_is_taken() -> None:
    name = "kubernetes_validate"
    require(find_spec(name) is not None, "the schemas of Kubernetes; pip install kubernetes-validate")
    validation = import_module(name)
    every = documents()
    assert set(every) == {"Namespace", "ConfigMap", "DaemonSet"}
    for one in every.values():
        validation.validate(one, validation.latest_version(), strict=True)
    assert parse(every["ConfigMap"]["data"]["config.yaml"], "the ConfigMap").namespaces
    labels = every["DaemonSet"]["spec"]["template"]["metadata"]["labels"]
    assert every["DaemonSet"]["spec"]["selector"]["matchLabels"] == labels
