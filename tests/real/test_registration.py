"""Hosts that register themselves with real servers, and hosts that are there before their daemon is.

Needs Debian 12 and root.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.host_in_stand import HostInStand
from tests.lab.ledger import dead_destination
from tests.lab.processes import Service, tcpwatchd, wait_for
from tests.lab.stands import SevenStand, brought_up
from tests.lab.tls_peers import require_psk
from tests.lab.zabbix_stand import Stand

METADATA = "tcpwatchd linux"
KEY = "1f87b595725ac58dd977beef14b97461a7c1045b9a1c963065002c5473194952"


@pytest.fixture(scope="module", params=[Stand, SevenStand])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    """With an action that registers whoever says METADATA."""
    with brought_up(request.param) as made:
        made.register_hosts(METADATA, TEMPLATE_NAME)
        made.wait_until_read()
        yield made


@pytest.fixture
def dead() -> Iterator[str]:
    """It keeps in the spool all that was ever committed."""
    with dead_destination() as address:
        yield address


def host(stand: Stand, name: str, directory: Path) -> HostInStand:
    return HostInStand(stand, name, directory, f"127.0.0.1:{stand.server_port}")


def yaml(of: HostInStand, dead: str, metadata: str = METADATA, more: str = "") -> str:
    return of.yaml(dead).replace("timeout: 5s", f'timeout: 5s, host_metadata: "{metadata}"{more}')


def wait_until_registered(it: HostInStand) -> None:
    wait_for(lambda: it.stand.known(it.name), "the host is registered", 60)
    wait_for(lambda: len(it.stand.history(it.name, UPTIME)) >= 5, "values in history", 90)


def test_an_unknown_host_is_there_with_all_values_since_its_first(
    stand: Stand, dead: str, tmp_path: Path
) -> None:
    it = host(stand, "unknown", tmp_path)
    with Service(tmp_path, yaml(it, dead, more=", host_interface: 192.0.2.9")) as service:
        service.ready()
        wait_until_registered(it)
        service.stop()
        assert f"does not know host {it.name}" in service.log()
        assert f"with metadata {METADATA}" in service.log()
    _taken, _history, verdict = it.judged()
    assert verdict, verdict
    (found,) = stand.api(
        "host.get", {"filter": {"host": [it.name]}, "selectInterfaces": "extend", "output": ["hostid"]}
    )
    assert [one["ip"] for one in found["interfaces"]] == ["192.0.2.9"]


def test_without_an_action_for_it_values_wait_and_a_reload_asks_again(
    stand: Stand, dead: str, tmp_path: Path
) -> None:
    it = host(stand, "no-action", tmp_path)
    with Service(tmp_path, yaml(it, dead, "something else")) as service:
        service.ready()
        wait_for(lambda: "is there an enabled autoregistration action" in service.log(), "what to do")
        assert not stand.known(it.name)
        service.config.write_text(yaml(it, dead), encoding="utf-8")
        service.reload()
        wait_until_registered(it)
        service.stop()
    _taken, _history, verdict = it.judged()
    assert verdict, verdict


def test_check_says_what_registering_would_do_and_registers_nobody(stand: Stand, tmp_path: Path) -> None:
    it = host(stand, "checked", tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(
        it.yaml().replace("timeout: 5s", f"timeout: 5s, host_metadata: {METADATA}"), encoding="utf-8"
    )
    ran = tcpwatchd("check", "--connect", "-c", str(config))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "refused every value of host checked; `tcpwatchd run` will tell it of the host" in ran.stdout
    assert not stand.known("checked")


def test_a_host_registers_by_its_key(stand: Stand, dead: str, tmp_path: Path) -> None:
    require_psk()
    accepted = {"tls_accept": 3, "tls_psk_identity": "everyone", "tls_psk": KEY}
    stand.api("autoregistration.update", accepted)
    psk = tmp_path / "zabbix.psk"
    psk.touch(mode=0o600)
    psk.write_text(f"{KEY}\n")
    it = host(stand, "by-psk", tmp_path)
    tls = f", tls: {{connect: psk, psk_identity: everyone, psk_file: {psk}}}"
    with Service(tmp_path, yaml(it, dead, more=tls)) as service:
        service.ready()
        wait_until_registered(it)
        service.stop()
    _taken, _history, verdict = it.judged()
    assert verdict, verdict


def test_a_host_whose_daemon_has_never_sent_raises_no_alarm(stand: Stand, tmp_path: Path) -> None:
    """One that has sent, and is stopped then, does."""
    macro = {"macro": "{$TCPWATCHD.NODATA}", "value": "30s"}
    for name in ("never", "stopped"):
        hostid = stand.create_host(name, TEMPLATE_NAME)
        stand.api("usermacro.create", {"hostid": hostid, **macro})
    stand.wait_until_known("stopped")
    it = host(stand, "stopped", tmp_path)
    with Service(tmp_path, it.yaml()) as service:
        service.ready()
        wait_for(lambda: stand.history("stopped", UPTIME), "a first value")
        service.stop()
    wait_for(partial(stand.problems, "stopped"), "the alarm of a daemon that was stopped", 120, 1.0)
    (problem,) = stand.problems("stopped")
    assert problem["name"] == "tcpwatchd on stopped sends nothing for 30s"
    assert stand.problems("never") == []
