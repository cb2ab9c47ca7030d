"""The unit: what systemd says of it, and that it does not blind the daemon."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tcpwatchd.config.config import DEFAULT_PATH, parse
from tests.generated import ROOT
from tests.lab.requirements import require

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


def without_its_program(unit: Path, directory: Path) -> Path:
    """The program is not installed on the machine that tests; anything that can be executed will do."""
    copy = directory / unit.name
    text = unit.read_text(encoding="utf-8").replace("/opt/tcpwatchd/bin/tcpwatchd", "/bin/true")
    copy.write_text(text, encoding="utf-8")
    return copy


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    require(program is not None, "systemd-analyze is missing (Debian package systemd)")
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=60)


def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    ran = analyze("verify", str(without_its_program(UNIT, tmp_path)))
    assert [line for line in ran.stderr.splitlines() if UNIT.name in line] == []
    assert ran.returncode == 0


def test_it_is_exposed_as_little_as_it_can_be(tmp_path: Path) -> None:
    unit = without_its_program(UNIT, tmp_path)
    ran = analyze("security", "--offline=true", "--threshold=15", str(unit))
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("drop_in", sorted(UNIT.parent.glob("*.conf")), ids=lambda path: path.name)
def test_a_drop_in_is_understood(drop_in: Path, tmp_path: Path) -> None:
    unit = without_its_program(UNIT, tmp_path)
    directory = tmp_path / f"{UNIT.name}.d"
    directory.mkdir()
    shutil.copy(drop_in, directory)
    ran = analyze("verify", str(unit))
    assert ran.returncode == 0
    assert drop_in.name not in ran.stderr
