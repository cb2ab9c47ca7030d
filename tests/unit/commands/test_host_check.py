"""What check says of this host: sockets, spool and clock."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tcpwatchd.commands.host_check import look_at_host
from tcpwatchd.config.config import Config, parse
from tests.lab.disks import open_spool
from tests.lab.socket_lab import NOBODY, Lab, require_lab


def config(directory: Path, more: str = "") -> Config:
    return parse(f"spool: {{path: {directory}/spool/spool.db, max_size: 1MiB}}\n{more}", "test")


def said(config: Config) -> dict[str, str]:
    return {verdict.subject: f"{verdict.level} {verdict.text}" for verdict in look_at_host(config)}


def test_a_host_that_is_fit(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    told = said(config(tmp_path))
    assert told["sockets"] in ("ok read with netlink", "ok read with psutil")
    assert told["spool"].startswith(f"ok {tmp_path}/spool/spool.db, ")
    assert told["clock"].split()[0] in ("ok", "warn")
    assert list(tmp_path.rglob("*.db")) == [], "nothing is made by looking"


def test_a_spool_that_the_daemon_has_open_is_fine(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    there = config(tmp_path)
    spool = open_spool(there.spool_path, ("a",))
    try:
        assert said(there)["spool"] == f"ok {there.spool_path} is in use by the daemon that runs"
    finally:
        spool.close()


def test_a_directory_that_is_not_there_will_be_made(tmp_path: Path) -> None:
    assert said(config(tmp_path))["spool"].startswith(f"ok {tmp_path}/spool/spool.db, ")
    assert not (tmp_path / "spool").exists()


def test_a_disk_that_is_smaller_than_an_outage_may_need(tmp_path: Path) -> None:
    wide = parse(f"spool: {{path: {tmp_path}/spool.db, max_size: 999999GiB}}", "test")
    assert "warn" in said(wide)["spool"]
    assert "less than spool.max_size" in said(wide)["spool"]


def test_a_directory_that_is_not_the_users() -> None:
    require_lab()
    # Not pytest's own directory, which nobody else may enter.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made, Lab() as lab:
        directory = Path(made)
        directory.chmod(0o755)
        (directory / "spool").mkdir(mode=0o755)
        told = lab.call(lambda: said(config(directory)), NOBODY)
    assert told["spool"] == f"FAIL {directory}/spool cannot be written"


@pytest.mark.parametrize("backend", ["netlink", "psutil"])
def test_how_sockets_are_read(tmp_path: Path, backend: str) -> None:
    (tmp_path / "spool").mkdir()
    assert said(config(tmp_path, f"sampler: {{backend: {backend}}}"))["sockets"] == f"ok read with {backend}"
