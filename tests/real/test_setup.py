"""`tcpwatchd setup` against empty real servers, and daemons that nobody has told Zabbix of.

Needs Debian 12 and root.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tcpwatchd.metrics.catalogue import UPTIME
from tests.lab.host_in_stand import HostInStand
from tests.lab.ledger import dead_destination
from tests.lab.processes import Service, tcpwatchd, wait_for
from tests.lab.stands import SevenStand, brought_up
from tests.lab.zabbix_stand import Stand

AGENT_ACTIVE, TRAPPER = "7", "2"
KEYS = {"TIME_WAIT": "tcp.status[TIME_WAIT]", "LISTEN": "tcp.status[LISTEN]"}


@dataclass(frozen=True)
class Site:
    """A server, and a token of its Admin."""

    stand: Stand
    token: Path

    def setup(self, *arguments: str) -> list[str]:
        """The lines that it prints."""
        ran = tcpwatchd(
            "setup", "--url", self.stand.frontend_url, "--token-file", str(self.token), *arguments
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout.splitlines()

    def refused(self, *arguments: str, token: Path | None = None) -> str:
        ran = tcpwatchd(
            "setup", "--url", self.stand.frontend_url, "--token-file", str(token or self.token), *arguments
        )
        assert ran.returncode == 1, ran.stdout + ran.stderr
        return ran.stderr


def token_of(stand: Stand, userid: str, directory: Path) -> Path:
    (tokenid,) = stand.api("token.create", {"name": f"setup {userid}", "userid": userid})["tokenids"]
    (generated,) = stand.api("token.generate", [tokenid])
    path = directory / f"token-{userid}"
    path.write_text(generated["token"] + "\n", encoding="ascii")
    return path


@pytest.fixture(scope="module", params=[Stand, SevenStand])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Empty: no template of ours."""
    with brought_up(request.param, push_s=None) as stand:
        yield Site(stand, token_of(stand, "1", tmp_path_factory.mktemp("token")))


def has_values(host: HostInStand) -> bool:
    return len(host.stand.history(host.name, UPTIME)) >= 3


def changed(lines: list[str]) -> list[str]:
    """What is a change, of the lines that were printed."""
    return [line for line in lines if not line.startswith(("ok: ", "dry run: "))]


def test_one_command_and_daemons_that_nobody_knows_are_hosts_with_history(site: Site, tmp_path: Path) -> None:
    """No other call to the frontend changes anything."""
    dry = site.setup("--dry-run", "all")
    assert dry[-1] == "dry run: 4 changes, none made"
    assert all(line.startswith("would ") for line in dry[:-1])
    assert site.setup("--dry-run", "all") == dry, "nothing was changed by it"
    first = site.setup("all")
    assert len(first) == 4, first
    assert first[0].startswith("imported the template: revision ")
    assert first[1] == "created host group tcpwatchd"
    assert first[2].startswith("created action 'tcpwatchd: register hosts': metadata contains 'tcpwatchd'")
    assert first[3] == "created dashboard 'TCP sockets of all hosts' of the host group tcpwatchd"
    assert changed(site.setup("all")) == [], "again: nothing is to be changed"
    time.sleep(5)  # until the server has read the action
    with ExitStack() as hosts:
        dead = hosts.enter_context(dead_destination())
        its = []
        for nth in range(3):
            (directory := tmp_path / f"{nth}").mkdir()
            it = HostInStand(site.stand, f"new-{nth}", directory, f"127.0.0.1:{site.stand.server_port}")
            # What the template has is what is sent by default.
            yaml = f"""\
zabbix: {{servers: ["{it.destination}", "{dead}"], host: {it.name}, host_metadata: tcpwatchd linux}}
intervals: {{sample: 200ms, push: 1s, limits: 1s}}
spool: {{path: {it.spool}}}
replay: {{rate: 100000, delay: 0s}}
"""
            service = hosts.enter_context(Service(directory, yaml))
            service.ready()
            its.append((it, service))
        for it, service in its:
            wait_for(partial(site.stand.known, it.name), "the host is there", 60)
            wait_for(partial(has_values, it), "values in history", 90)
            service.stop()
            _taken, _history, verdict = it.judged()
            assert not verdict.lost, verdict


def test_items_of_a_script_become_trapper_items_and_go_back(site: Site, tmp_path: Path) -> None:
    """The same items: their history goes on, whoever brings the values."""
    site.setup("template")
    stand = site.stand
    hostid = stand.create_host("old", "tcpwatchd")
    usual = {"hostid": hostid, "value_type": 3, "delay": "1m", "type": AGENT_ACTIVE}
    for state, key in KEYS.items():
        stand.api("item.create", {**usual, "name": state, "key_": key})
    before = stand.items("old")
    assert len(changed(site.setup("convert", "--pattern", "tcp.status[STATE]", "--dry-run"))) == 2
    assert stand.items("old")[KEYS["LISTEN"]]["type"] == AGENT_ACTIVE
    told = site.setup("convert", "--pattern", "tcp.status[STATE]", "--hosts", "old")
    assert sorted(told) == [f"converted {key} of old" for key in sorted(KEYS.values())]
    assert site.setup("convert", "--pattern", "tcp.status[STATE]") == ["ok: 2 items are trapper items"]
    stand.wait_until_known("old")
    it = HostInStand(stand, "old", tmp_path, f"127.0.0.1:{stand.server_port}")
    with Service(tmp_path, it.yaml() + 'keys: {pattern: "tcp.status[STATE]"}\n') as service:
        service.ready()
        wait_for(lambda: len(stand.history("old", KEYS["LISTEN"])) >= 3, "values of the script's keys")
        service.stop()
    for key in KEYS.values():
        after = stand.items("old")[key]
        assert (after["itemid"], after["type"]) == (before[key]["itemid"], TRAPPER)
    site.setup("convert", "--pattern", "tcp.status[STATE]", "--back")
    for key in KEYS.values():
        after = stand.items("old")[key]
        assert {name: after[name] for name in ("itemid", "type", "delay", "value_type")} == {
            name: before[key][name] for name in ("itemid", "type", "delay", "value_type")
        }
    assert len(stand.history("old", KEYS["LISTEN"])) >= 3
    assert site.setup("convert", "--pattern", "tcp.status[STATE]", "--back") == [
        "ok: 2 items are not converted"
    ]


def test_hosts_that_are_there_get_the_template(site: Site) -> None:
    site.setup("template")
    stand = site.stand
    groupid = stand.api("hostgroup.create", {"name": "linked"})["groupids"][0]
    for name in ("there-1", "there-2", "there-3"):
        stand.api("host.create", {"host": name, "groups": [{"groupid": groupid}]})
    assert site.setup("link", "--hosts", "there-1") == ["linked tcpwatchd to there-1"]
    assert site.setup("link", "--group", "linked") == [
        "ok: 1 hosts have the template tcpwatchd",
        "linked tcpwatchd to there-2",
        "linked tcpwatchd to there-3",
    ]
    assert site.setup("link", "--group", "linked") == ["ok: 3 hosts have the template tcpwatchd"]
    assert UPTIME in stand.items("there-3")


def test_an_action_that_somebody_has_changed_is_put_right(site: Site) -> None:
    site.setup("all")
    (told,) = changed(site.setup("autoregistration", "--metadata", "linux web"))
    assert told.startswith("changed action")
    assert "'linux web'" in told
    assert changed(site.setup("autoregistration", "--metadata", "linux web")) == []


def test_who_has_no_rights_is_told_so(site: Site, tmp_path: Path) -> None:
    stand = site.stand
    (group,) = stand.api("usergroup.create", {"name": "guests only"})["usrgrpids"]
    user = {"username": "guest-1", "passwd": "Xk2_very-long", "roleid": "1", "usrgrps": [{"usrgrpid": group}]}
    (userid,) = stand.api("user.create", user)["userids"]
    no_rights = token_of(stand, userid, tmp_path)
    assert "Zabbix refused" in site.refused("template", token=no_rights)
    wrong = tmp_path / "wrong"
    wrong.write_text("0" * 64)
    words = site.refused("all", token=wrong)
    assert "is the token right, enabled and not expired?" in words
    assert "0" * 64 not in words
    assert "hosts are not in Zabbix: nobody" in site.refused("link", "--hosts", "nobody")
