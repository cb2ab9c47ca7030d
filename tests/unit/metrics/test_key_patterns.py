"""Keys of other scripts as patterns: what is sent under them, and what a wrong pattern is told."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from tcpwatchd.config.config import parse
from tcpwatchd.diagnosis.services import Service
from tcpwatchd.metrics.spellings import SPELLINGS
from tcpwatchd.model.errors import ConfigError
from tcpwatchd.model.sockets import State, Tally
from tcpwatchd.model.window import Namespace, Ports
from tests.lab.fakes import NoneIsOld, tally, walk
from tests.lab.processes import tcpwatchd
from tests.lab.sample_stand import Stand

WALK = walk(established=7, time_wait=3, listen=2)
WEB = tally(established=5, time_wait=2, listen=1)


class Inspector(NoneIsOld):
    """Counts one service, and one port that was discovered."""

    def __init__(self) -> None:
        self.found = True

    def ports(self, _connections: int) -> Ports:
        return Ports("", "", 0, 9)

    def culprits(
        self, states: Collection[State], now_s: float, _totals: Mapping[State, int]
    ) -> Mapping[State, str]:
        return dict.fromkeys(states, f"{now_s}")

    def forget(self, state: State) -> None:
        assert state in State

    def services(
        self, configured: Sequence[Service], discover: bool, _connections: int
    ) -> Mapping[str, Tally]:
        if not self.found:
            return {}
        return {
            **{service.name: WEB for service in configured},
            **({"22": tally(listen=1)} if discover else {}),
        }

    def namespaces(self) -> Mapping[str, Namespace]:
        return {"c1": Namespace(1, 2, 3, 4)}


def pushed(directory: Path, text: str, closer: Inspector | None = None) -> dict[str, str]:
    """The values of one push, by key."""
    it = Stand(directory, WALK, yaml=text, closer=closer or Inspector())
    it.steps(61)  # inspections come from the second push on
    texts = it.texts()
    it.spool.close()
    return texts


# As they stand in configurations and templates in public use.
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            '{pattern: "tcp.status[STATE]", spelling: netstat}',
            {"tcp.status[TIME_WAIT]": "3", "tcp.status[ESTABLISHED]": "7", "tcp.status[FIN_WAIT1]": "0"},
        ),
        ('{pattern: "Tcp.Status[STATE]", spelling: compact-upper}', {"Tcp.Status[TIMEWAIT]": "3"}),
        (
            '{pattern: "tcp.status[STATE]", spelling: ss}',
            {"tcp.status[ESTAB]": "7", "tcp.status[FIN-WAIT-1]": "0"},
        ),
        ('{pattern: "tcp.STATE.count", spelling: zabbix}', {"tcp.time_wait.count": "3"}),
        ('{pattern: "tcp[STATE]", spelling: kernel}', {"tcp[TCP_TIME_WAIT]": "3"}),
        ('{pattern: "tcp[STATE]", spelling: ss-lower}', {"tcp[time-wait]": "3"}),
        ('{patterns: [{pattern: "tcp[STATE]", total: all}]}', {"tcp[all]": "12", "tcp[LISTEN]": "2"}),
        (
            '{pattern: "a[STATE]", patterns: [{pattern: "b[STATE]", spelling: compact}]}',
            {"a[TIME_WAIT]": "3", "b[timewait]": "3"},
        ),
    ],
)
def test_the_states_go_under_the_keys_of_a_pattern_too(
    tmp_path: Path, keys: str, expected: Mapping[str, str]
) -> None:
    texts = pushed(tmp_path, f"keys: {keys}")
    assert expected.items() <= texts.items()
    assert texts["tcpwatchd.sockets[time_wait]"] == "3"


def test_ports_and_services_have_their_keys(tmp_path: Path) -> None:
    """Those of the most used community template among them."""
    texts = pushed(
        tmp_path,
        'keys: {patterns: [{pattern: "net.tcp.count.depend[PORT,,STATE]", total: CountAll}, '
        '{pattern: "net.tcp.count.bulk[PORT]", json: true}, {pattern: "svc[SERVICE,STATE]", spelling: ss}]}\n'
        "services: [{name: web, local_ports: [80]}, {name: two, local_ports: [81, 82]}]\ndiscover: listeners",
    )
    assert texts["net.tcp.count.depend[80,,TIME_WAIT]"] == "2"
    assert texts["net.tcp.count.depend[80,,CountAll]"] == "8"
    assert texts["net.tcp.count.depend[22,,LISTEN]"] == "1"
    assert json.loads(texts["net.tcp.count.bulk[80]"])["TIME_WAIT"] == 2
    assert "CLOSE" not in json.loads(texts["net.tcp.count.bulk[80]"])  # it has no port
    assert texts["svc[two,TIME-WAIT]"] == "2"
    ports = {
        key.partition("[")[2].partition(",")[0] for key in texts if key.startswith("net.tcp.count.depend[")
    }
    assert ports == {"80", "22"}  # of a service with two ports, neither is the one


def test_a_json_of_all_states_of_the_host(tmp_path: Path) -> None:
    texts = pushed(tmp_path, 'keys: {patterns: [{pattern: "tcp.all", spelling: compact, json: true}]}')
    assert json.loads(texts["tcp.all"]) == {
        word: {"established": 7, "timewait": 3, "listen": 2, "closed": 7}.get(word, 0)
        for word in SPELLINGS["compact"].values()
    }


def test_a_service_that_was_not_counted_is_absent_and_no_zero(tmp_path: Path) -> None:
    closer = Inspector()
    closer.found = False
    text = 'keys: {pattern: "net.tcp.count.depend[PORT,,STATE]"}\nservices: [{name: web, local_ports: [80]}]'
    assert not [key for key in pushed(tmp_path, text, closer) if key.startswith("net.tcp.count")]


def test_their_keys_can_stand_alone(tmp_path: Path) -> None:
    texts = pushed(tmp_path, 'keys: {pattern: "tcp.status[STATE]", spelling: compact, own: false}')
    assert set(texts) == {f"tcp.status[{word}]" for word in SPELLINGS["compact"].values()}


def test_what_is_not_sent_of_ours_is_sent_of_theirs(tmp_path: Path) -> None:
    texts = pushed(tmp_path, 'keys: {pattern: "tcp.status[STATE]"}\nstatistics: {all: []}')
    assert texts["tcp.status[TIME_WAIT]"] == "3"


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_spelling_has_one_word_a_state(name: str) -> None:
    words = SPELLINGS[name]
    assert len(set(words.values())) == len(words)
    assert set(words) >= set(State) - {State.CLOSE}


@pytest.mark.parametrize(
    ("alias", "key"),
    [
        ("web.time_wait", "tcpwatchd.service[web,time_wait]"),
        ("web.change", "tcpwatchd.service.delta[web,time_wait]"),
        ("c1.established", "tcpwatchd.namespace[c1,established]"),
        ("ssh.listen", "tcpwatchd.service[22,listen]"),
    ],
)
def test_values_of_services_and_namespaces_can_have_any_key(tmp_path: Path, alias: str, key: str) -> None:
    it = Stand(
        tmp_path,
        WALK,
        yaml=f'aliases: {{"{alias}": "{key}"}}\nservices: [{{name: web, local_ports: [80]}}]\n'
        "discover: listeners\nnamespaces: true",
        closer=Inspector(),
    )
    it.steps(122)
    texts = it.texts()
    it.spool.close()
    assert texts[alias] == texts[key]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('keys: {pattern: "tcp.status"}', "keys.pattern: 'tcp.status' has no STATE"),
        ('keys: {pattern: "SUPPORT[UPSTATE]"}', "has no STATE"),
        ('keys: {pattern: "tcp status[STATE]"}', "is no item key"),
        ("keys: {pattern: 5}", "keys.pattern: 5 is no item key"),
        ('keys: {pattern: "a[STATE]", spelling: nope}', "keys.spelling: 'nope' is not one of netstat, ss,"),
        ('keys: {patterns: "a[STATE]"}', "is not a list of patterns"),
        ("keys: {patterns: [{spelling: ss}]}", "keys.patterns[0]: {'spelling': 'ss'} is no pattern"),
        ('keys: {patterns: [{pattern: "a[STATE]", x: 1}]}', "keys.patterns[0].x: unknown key"),
        ('keys: {patterns: [{pattern: "a[STATE]", json: true}]}', "neither STATE nor total"),
        (
            'keys: {patterns: [{pattern: "a[STATE]", total: LISTEN}]}',
            "keys.patterns[0].total: 'LISTEN' is a state",
        ),
        ('keys: {pattern: "a[PORT,STATE]"}', "a[PORT,STATE] is of services, and there are none"),
        (
            'keys: {pattern: "a[PORT,STATE]"}\nservices: [{name: a, local_ports: [80, 443]}]',
            "has PORT, and no service has just one port",
        ),
        (
            'keys: {pattern: "tcp.status[STATE]", spelling: compact, dialect: tcp.status}',
            "gives the key tcp.status[established], as does keys.dialect or aliases",
        ),
        (
            'keys: {patterns: [{pattern: "a[STATE]"}, {pattern: "a[STATE]"}]}',
            "keys.patterns[1]: a[STATE] gives the key a[ESTABLISHED], as does keys.patterns[0]",
        ),
        (
            'keys: {pattern: "tcpwatchd.sockets[STATE]", spelling: zabbix}',
            "gives the key tcpwatchd.sockets[established], as does a key of tcpwatchd",
        ),
        ('aliases: {"a": "tcpwatchd.service[web,listen]"}', "is of no service here; configured: none"),
        ('aliases: {"a": "tcpwatchd.namespace[c1,established]"}', "is sent only with namespaces: true"),
    ],
)
def test_what_cannot_be_is_said(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text, "c.yaml")
    assert complaint in "\n".join(refused.value.lines())


def test_the_template_of_patterns_has_the_keys_that_are_sent(tmp_path: Path) -> None:
    yaml_text = (
        'keys: {patterns: [{pattern: "a[PORT,STATE]", total: all}, {pattern: "b[SERVICE]", json: true}, '
        '{pattern: "c[STATE]", spelling: ss}]}\n'
        "services: [{name: web, local_ports: [80]}, {name: two, local_ports: [81, 82]}]\n"
    )
    path = tmp_path / "c.yaml"
    path.write_text(yaml_text, encoding="utf-8")
    ran = tcpwatchd("template", "--patterns", "-c", str(path))
    assert ran.returncode == 0, ran.stderr
    (only,) = yaml.safe_load(ran.stdout)["zabbix_export"]["templates"]
    keys = {item["key"] for item in only["items"]}
    sent = {key for key in pushed(tmp_path, yaml_text) if key.startswith(("a[", "b[", "c["))}
    assert keys == sent
    assert {item["value_type"] for item in only["items"] if item["key"].startswith("b[")} == {"TEXT"}
    assert len({item["uuid"] for item in only["items"]}) == len(keys)
