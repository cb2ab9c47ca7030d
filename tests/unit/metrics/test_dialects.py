"""Other people's keys: what is sent under them, the template for them, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import yaml

from tcpwatchd.config.config import parse
from tcpwatchd.metrics.key_patterns import DIALECTS, of_dialect
from tcpwatchd.model.errors import ConfigError
from tcpwatchd.model.sockets import State
from tests.lab.fakes import walk
from tests.lab.processes import tcpwatchd
from tests.lab.sample_stand import Stand

WALK = walk(established=7, time_wait=3)
# Two of each, as they stand in templates that are in use.
KNOWN = {
    "tcp.status": {"tcp.status[established]": "7", "tcp.status[timewait]": "3"},
    "tcp.status-ss": {"tcp.status[ESTAB]": "7", "tcp.status[TIME-WAIT]": "3"},
    "linux_status": {"linux_status[tcp_status,ESTAB]": "7", "linux_status[tcp_status,TIME-WAIT]": "3"},
    "tcp.establ": {"tcp.establ": "7", "tcp.timew": "3"},
    "net.tcp.socket.count": {
        "net.tcp.socket.count[,,,,established]": "7",
        "net.tcp.socket.count[,,,,time_wait]": "3",
    },
}


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_every_state_goes_under_a_key_of_the_dialect_too(
    dialect: str, sample_stand: Callable[..., Stand]
) -> None:
    it = sample_stand(WALK, yaml=f"keys: {{dialect: {dialect}}}")
    it.steps(1)
    texts = it.texts()
    assert KNOWN[dialect].items() <= texts.items()
    for theirs, ours in of_dialect(dialect).items():
        assert texts[theirs] == texts[ours]
    # One cannot tell a socket that is in no table by the first letters that scripts cut out of a table.
    assert set(DIALECTS[dialect]) >= set(State) - {State.CLOSE}


def test_their_keys_can_stand_alone(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand(WALK, yaml="keys: {dialect: tcp.establ, own: false}")
    it.steps(1)
    assert set(it.texts()) == set(of_dialect("tcp.establ"))


def test_single_values_can_have_any_key(sample_stand: Callable[..., Stand]) -> None:
    it = sample_stand(
        WALK, yaml='aliases: {"old.uptime": "tcpwatchd.self[uptime]"}\nkeys: {dialect: tcp.status}'
    )
    it.steps(1)
    texts = it.texts()
    assert texts["old.uptime"] == texts["tcpwatchd.self[uptime]"] == "0"
    assert texts["tcp.status[established]"] == "7"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("keys: {dialect: netstat}", "c.yaml:1: keys.dialect: 'netstat' is not one of none, tcp.status"),
        ('aliases: {"a b": x}', "c.yaml:1: aliases.a b: 'a b' is no item key"),
        ('aliases: {"a": "b"}', "c.yaml:1: aliases: a: b is no key of tcpwatchd"),
        ('aliases: {"a": 5}', "c.yaml:1: aliases.a: 5 is no item key"),
        ("aliases: [a]", "is no list of pairs"),
        (
            'aliases: {"a": "tcpwatchd.counter[InSegs]"}\ncounters: []',
            "c.yaml:1: aliases: a: tcpwatchd.counter[InSegs] is not sent with this configuration",
        ),
        (
            "statistics: {all: [max]}\nkeys: {dialect: tcp.establ}",
            "c.yaml:2: keys.dialect: tcp.establ: tcpwatchd.sockets[established] is not sent",
        ),
        ("keys: {own: false}", "c.yaml:1: keys.own: leaves nothing to send"),
    ],
)
def test_what_cannot_be_is_said(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text, "c.yaml")
    assert complaint in "\n".join(refused.value.lines())


@pytest.mark.parametrize("dialect", list(DIALECTS))
def test_the_template_of_a_dialect_has_its_keys(dialect: str) -> None:
    ran = tcpwatchd("template", "--dialect", dialect)
    (only,) = yaml.safe_load(ran.stdout)["zabbix_export"]["templates"]
    assert {item["key"] for item in only["items"]} == set(of_dialect(dialect))
    for item in only["items"]:
        assert item["type"] == "TRAP"
        assert item["history"] != "0"
        assert re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", item["uuid"])
    assert len({item["uuid"] for item in only["items"]}) == len(only["items"])
