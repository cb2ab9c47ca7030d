"""What `tcpwatchd setup` asks of an API and changes; tests/real/test_setup.py asks real servers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tcpwatchd.config.config import parse
from tcpwatchd.metrics.catalogue import selected
from tcpwatchd.metrics.key_patterns import KeyPattern
from tcpwatchd.setup.api import SetupError, open_api, read_token
from tcpwatchd.setup.changes import Changes
from tcpwatchd.setup.convert import convert, regex_of
from tcpwatchd.setup.fleet_dashboard import fleet_dashboard
from tcpwatchd.setup.import_template import import_template
from tcpwatchd.setup.link import hosts_of, link
from tcpwatchd.template.render import revision_of, template
from tests.lab.processes import tcpwatchd
from tests.lab.scripted_server import Connection, ScriptedServer

Answers = Mapping[str, Callable[[Any], Any]]


class Api:
    """Answers by a function for each method, and keeps what was asked."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {name.replace("_", ".", 1): answer for name, answer in answers.items()}
        self.asked: list[tuple[str, Any]] = []
        self.said: list[str] = []

    def __call__(self, method: str, params: Any) -> Any:
        self.asked.append((method, params))
        answer = self._answers.get(method, [])
        return answer(params) if callable(answer) else answer

    def changes(self, dry_run: bool = False) -> Changes:
        return Changes(self, self.said.append, dry_run)

    def of(self, method: str) -> list[Any]:
        return [params for asked, params in self.asked if asked == method]


@pytest.mark.parametrize(
    ("pattern", "spelling", "key", "fits"),
    [
        ("tcp.status[STATE]", "netstat", "tcp.status[TIME_WAIT]", True),
        ("tcp.status[STATE]", "netstat", "tcp.status[timewait]", False),
        ("tcp.status[STATE]", "ss", "tcp.status[TIME-WAIT]", True),
        ("tcp.status[STATE]", "netstat", "tcp.status[TIME_WAIT]x", False),
        ("tcp.status[STATE]", "netstat", "tcpxstatus[TIME_WAIT]", False),
        ("port[PORT,STATE]", "netstat", "port[443,LISTEN]", True),
        ("port[PORT,STATE]", "netstat", "port[https,LISTEN]", False),
        ("service[SERVICE,STATE]", "netstat", "service[nginx,LISTEN]", True),
    ],
)
def test_the_keys_of_a_pattern(pattern: str, spelling: str, key: str, fits: bool) -> None:
    assert bool(regex_of(KeyPattern(pattern, spelling)).fullmatch(key)) is fits


def item(itemid: str, key: str, **more: Any) -> dict[str, Any]:
    usual = {"type": "7", "delay": "1m", "interfaceid": "0", "master_itemid": "0", "trapper_hosts": ""}
    return {"itemid": itemid, "name": key, "key_": key, "hostid": "10", "tags": [], **usual, **more}


def test_an_item_is_converted_in_place_and_restored_to_what_it_was() -> None:
    of_team = {"tag": "team", "value": "web"}
    items = [
        item(
            "1",
            "tcp.status[LISTEN]",
            tags=[of_team],
            type="0",
            delay="30s;50s/1-7,00:00-24:00",
            interfaceid="4",
        ),
        item("2", "tcp.status[CLOSING]", type="18", delay="0", master_itemid="77"),
        item("3", "tcp.status[SYN_SENT]", type="2", delay="0"),
        item("4", "tcp.status[other]"),
    ]
    api = Api(item_get=lambda _: items, host_get=[{"hostid": "10", "host": "web-01"}])
    pattern = KeyPattern("tcp.status[STATE]", "netstat")
    convert(api.changes(), pattern, [], None)
    (converted,) = api.of("item.update")
    assert [(one["itemid"], one["type"]) for one in converted] == [("1", 2), ("2", 2)]
    assert api.said == [
        "ok: 1 items are trapper items",
        "converted tcp.status[LISTEN] of web-01",
        "converted tcp.status[CLOSING] of web-01",
    ]
    assert converted[0]["tags"][0] == of_team
    for one, update in zip(items, converted):
        one.update(type="2", delay="0", interfaceid="0", master_itemid="0", tags=update["tags"])
    convert(api.changes(), pattern, [], None, back=True)
    assert api.of("item.update")[1] == [
        {
            "itemid": "1",
            "type": "0",
            "delay": "30s;50s/1-7,00:00-24:00",
            "interfaceid": "4",
            "tags": [of_team],
        },
        {"itemid": "2", "type": "18", "master_itemid": "77", "tags": []},
    ]


def test_a_pattern_that_fits_nothing_is_an_error_that_names_spellings() -> None:
    api = Api(item_get=[item("1", "tcp.status[timewait]")])
    with pytest.raises(SetupError, match=r"spelling ss.*spellings are netstat"):
        convert(api.changes(), KeyPattern("tcp.status[STATE]", "ss"), [], None)


HOSTS = [{"hostid": f"{nth}", "host": f"web-{nth:03}", "parentTemplates": []} for nth in range(250)]


def of_names(params: Any) -> list[dict[str, Any]]:
    return [host for host in HOSTS if host["host"] in params["filter"]["host"]]


def test_many_hosts_are_linked_a_hundred_at_a_time_with_progress() -> None:
    api = Api(host_get=of_names, template_get=[{"templateid": "7"}])
    link(api.changes(), [str(host["host"]) for host in HOSTS], None)
    assert [len(params["hosts"]) for params in api.of("host.massadd")] == [100, 100, 50]
    assert "linked tcpwatchd to web-007" in api.said
    assert [line for line in api.said if line.startswith("  ")] == [
        "  100 of 250",
        "  200 of 250",
        "  250 of 250",
    ]


TEXT = template(selected(parse("", "")), 60.0)
DESCRIPTION = yaml.safe_load(TEXT)["zabbix_export"]["templates"][0]["description"]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([], "imported the template: revision {new}, 113 items"),
        (
            [{"description": DESCRIPTION, "items": "113", "triggers": "32"}],
            "ok: the template is revision {new}",
        ),
        (
            [{"description": "Printed by an older one.", "items": "113", "triggers": "32"}],
            "updated the template: revision {new}, before unknown",
        ),
        (
            [{"description": "Revision 01234567.", "items": "113", "triggers": "32"}],
            "updated the template: revision {new}, before 01234567",
        ),
        (
            [{"description": DESCRIPTION, "items": "112", "triggers": "32"}],
            "updated the template: revision {new}, before {new} with something deleted",
        ),
    ],
)
@pytest.mark.parametrize(("version", "groups"), [("6.0.14", "groups"), ("7.0.22", "template_groups")])
def test_the_template_is_imported_where_it_is_not_this_one(
    there: list[Any], said: str, version: str, groups: str
) -> None:
    api = Api(template_get=there, apiinfo_version=version)
    import_template(api.changes(), TEXT)
    new = revision_of(DESCRIPTION)
    assert api.said == [said.format(new=new)]
    imports = api.of("configuration.import")
    assert bool(imports) is not said.startswith("ok")
    for params in imports:
        assert groups in params["rules"]
        assert "deleteMissing" not in str(params["rules"]), "nothing is deleted by surprise"


def test_a_revision_stands_for_all_of_a_template() -> None:
    assert DESCRIPTION.endswith(f"Revision {revision_of(DESCRIPTION)}.")
    other = yaml.safe_load(template(selected(parse("counters: []", "")), 60.0))
    assert revision_of(other["zabbix_export"]["templates"][0]["description"]) != revision_of(DESCRIPTION)
    assert template(selected(parse("", "")), 60.0) == TEXT


def test_a_dry_run_changes_nothing() -> None:
    api = Api(host_get=of_names, template_get=[{"templateid": "7"}])
    changes = api.changes(dry_run=True)
    link(changes, ["web-001", "web-002"], None)
    assert api.said == ["would link tcpwatchd to web-001", "would link tcpwatchd to web-002"]
    assert changes.made == 2
    assert {method.partition(".")[2] for method, _ in api.asked} == {"get"}


def test_hosts_that_are_not_there_are_named() -> None:
    api = Api(host_get=of_names)
    with pytest.raises(SetupError, match="1 of 2 hosts are not in Zabbix: db-01"):
        hosts_of(api.changes(), ["web-001", "db-01"], None)
    with pytest.raises(SetupError, match="the host group Linux is not in Zabbix"):
        hosts_of(api.changes(), [], "Linux")


def answering(body: bytes) -> Callable[[Connection], None]:
    """A web server that says one thing."""

    def script(connection: Connection) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.read(1)
        (length,) = re.findall(rb"(?i)content-length: (\d+)", head)
        connection.read(int(length))
        connection.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body)
        connection.close()

    return script


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>not an API</html>", "Unable to parse json.*--url is the address of the frontend"),
        (b'{"result":"5.0.42"}', "for Zabbix 5.0.42 version -> the template needs Zabbix 6.0 or later"),
        (b'{"result":"5.4.12"}', "is Zabbix 5.4.12 -> the template needs Zabbix 6.0 or later"),
        (
            b'{"error":{"code":-32602,"message":"Invalid params.","data":"Not authorised."}}',
            "Zabbix refused apiinfo.version: Invalid params. Not authorised. -> is the token right",
        ),
    ],
)
def test_what_is_no_usable_api_is_said(body: bytes, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with ScriptedServer(answering(body)) as server, pytest.raises(SetupError, match=words):
        open_api(f"http://{server.node}/", "0" * 64)


def test_the_token_is_alone_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(SetupError, match="cannot be read: No such file"):
        read_token(path)
    path.write_text("a b\n")
    with pytest.raises(SetupError, match="is no API token: it has to hold the token alone"):
        read_token(path)
    path.write_text("0123abcd\n")
    assert read_token(path) == "0123abcd"


def test_on_the_command_line_what_is_missing_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("0123abcd\n")
    common = ["--url", "http://127.0.0.1:9/", "--token-file", str(path)]
    for arguments, code, words in (
        (["setup", *common, "all"], 1, "Unable to connect to http://127.0.0.1:9/"),
        (["setup", "all"], 2, "the following arguments are required: --url, --token-file"),
        (["setup", *common, "everything"], 2, "invalid choice: 'everything'"),
    ):
        ran = tcpwatchd(*arguments)
        assert ran.returncode == code, ran.stderr
        assert words in ran.stderr


@pytest.mark.parametrize(
    ("version", "group_field", "name_field", "columns"),
    [("6.0.14", "groupids", "columns.name.1", 24), ("7.0.22", "groupids.0", "columns.1.name", 72)],
)
def test_the_dashboard_is_made_once_and_put_right_where_it_was_changed(
    version: str, group_field: str, name_field: str, columns: int
) -> None:
    there: list[dict[str, Any]] = []
    api = Api(
        apiinfo_version=version,
        hostgroup_get=[{"groupid": "5"}],
        dashboard_get=lambda _: there,
        dashboard_create={"dashboardids": ["9"]},
    )
    fleet_dashboard(api.changes(), "tcpwatchd")
    (created,) = api.of("dashboard.create")
    (page,) = created["pages"]
    assert max(widget["x"] + widget["width"] for widget in page["widgets"]) == columns
    for widget in page["widgets"]:
        fields = {field["name"]: field["value"] for field in widget["fields"]}
        assert fields[group_field] == "5"
        if widget["type"] == "tophosts":
            assert fields[name_field] == widget["name"]
    there.append({"dashboardid": "9", "pages": created["pages"]})
    fleet_dashboard(api.changes(), "tcpwatchd")
    assert api.said[-1].startswith("ok: dashboard")
    there[0] = {"dashboardid": "9", "pages": [{"widgets": page["widgets"][1:]}]}
    fleet_dashboard(api.changes(), "tcpwatchd")
    assert api.said[-1].startswith("changed dashboard")
    assert len(api.of("dashboard.update")) == len(api.of("dashboard.create")) == 1
