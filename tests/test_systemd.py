"""The unit: what systemd says of it, and that it does not blind the daemon."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tcpwatchd.config import DEFAULT_PATH, parse
from tests.generated import ROOT
from tests.requirements import require

UNIT = ROOT / "systemd" / "tcpwatchd.service"


def settings() -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE))


def test_it_may_ask_the_kernel_and_reach_its_spool() -> None:
    found = settings()
    assert set(found["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}
    assert found["Type"] == "notify"
    assert found["DynamicUser"] == "yes"
    assert parse("", "defaults").spool_path.parent == Path("/var/lib") / found["StateDirectory"]
    assert "78" in found["RestartPreventExitStatus"].split()
    assert f"run -c {DEFAULT_PATH}" in found["ExecStart"]
    for blinding in ("PrivateNetwork", "ProtectProc", "ProcSubset", "NetworkNamespacePath", "PrivateUsers"):
        assert blinding not in found


def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    require(analyze is not None, "systemd-analyze is missing (Debian package systemd)")
    # The program it starts is not installed on the machine that tests; anything that can be executed will do.
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8").replace("/opt/tcpwatchd/bin/tcpwatchd", "/bin/true")
    unit.write_text(text, encoding="utf-8")
    ran = subprocess.run([str(analyze), "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert [line for line in ran.stderr.splitlines() if UNIT.name in line] == []
    assert ran.returncode == 0
