"""What is discovered: the rule's value, the values of each thing, and the prototypes of the template."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tcpwatchd.daemon.open_window import OpenWindow
from tcpwatchd.diagnosis.services import SERVICE_STATES
from tcpwatchd.metrics.catalogue import CATALOGUE, RULES, evaluate, is_discovered
from tcpwatchd.model.sockets import Tally
from tcpwatchd.model.window import Findings, Namespace, Window
from tcpwatchd.template.explain import explain
from tcpwatchd.template.render import template
from tests.lab.fakes import UNGUARDED, snapshot, tally
from tests.unit.metrics.test_catalogue import STAMP, VITALS


def texts(window: Window) -> dict[str, str]:
    return {value.key: value.text for value in evaluate([], window, VITALS, STAMP, UNGUARDED)}


def pushed(window: OpenWindow, at_s: float, **services: Tally) -> dict[str, str]:
    window.add(snapshot(at_s))
    window.find(Findings(services=services))
    return texts(window.close())


def test_services_are_named_first_and_then_told_state_by_state() -> None:
    told = pushed(OpenWindow(150), 0, web=tally(established=7, listen=1), db=tally())
    assert next(iter(told)) == "tcpwatchd.services.discovery"
    assert json.loads(told["tcpwatchd.services.discovery"]) == [{"{#SERVICE}": "db"}, {"{#SERVICE}": "web"}]
    assert told["tcpwatchd.service[web,established]"] == "7"
    assert told["tcpwatchd.service[db,established]"] == "0"
    assert len(told) == 1 + 2 * len(SERVICE_STATES)  # no change without a push before


def test_a_change_is_against_the_push_before_and_not_across_a_gap() -> None:
    window = OpenWindow(150)
    key = "tcpwatchd.service.delta[web,established]"
    assert key not in pushed(window, 0, web=tally(established=7))
    assert pushed(window, 60, web=tally(established=3))[key] == "-4"
    assert key not in pushed(window, 120)  # nobody looked
    assert key not in pushed(window, 180, web=tally(established=5))
    assert pushed(window, 240, web=tally(established=5))[key] == "0"
    assert key not in pushed(window, 1000, web=tally(established=9))


def test_where_nobody_looks_nothing_is_said() -> None:
    window = OpenWindow(150)
    window.add(snapshot(0))
    assert texts(window.close()) == {}


def test_what_is_sent_has_a_prototype_in_every_template() -> None:
    window = OpenWindow(150)
    for at_s in (0, 60):
        window.add(snapshot(at_s))
        window.find(Findings(services={"x": tally(listen=1)}, namespaces={"x": Namespace(1, 2, 3, 4)}))
        told = texts(window.close())
    (only,) = yaml.safe_load(template([], 60))["zabbix_export"]["templates"]
    rules: dict[str, Any] = {rule["key"]: rule for rule in only["discovery_rules"]}
    made = {
        one["key"].replace(rule.macro, "x") for rule in RULES for one in rules[rule.key]["item_prototypes"]
    }
    assert {key for key in told if is_discovered(key)} == made
    assert {key for key in told if not is_discovered(key)} == {rule.key for rule in RULES}
    for rule in rules.values():
        assert rule["type"] == "TRAP"
        for one in rule["item_prototypes"]:
            assert one["history"] != "0"
            assert len(one["name"]) <= 255


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_every_prototype_carries_its_macro(rule: Any) -> None:
    for prototype in rule.prototypes:
        assert prototype.key.count(rule.macro) == prototype.name.count(rule.macro) == 1
        assert re.fullmatch(r"tcpwatchd\.[a-z.]+\[[a-z_0-9,]+\]", prototype.key.replace(rule.macro, "x"))
    assert not any(is_discovered(key) for key in CATALOGUE)
    assert not is_discovered(rule.key)


def test_the_window_keeps_what_was_found_until_it_is_closed() -> None:
    window = OpenWindow(150)
    window.add(snapshot(0))
    window.find(Findings(services={"web": tally(listen=1)}))
    window.close()
    assert window.so_far().found == Findings()


def test_overflows_are_an_increase_and_a_new_namespace_of_an_old_name_has_none() -> None:
    window = OpenWindow(150)
    told = []
    for at_s, overflows in ((0, 5), (60, 7), (120, 7), (180, 2), (240, 3)):
        window.add(snapshot(at_s))
        window.find(Findings(namespaces={"c1": Namespace(1, 2, 3, overflows)}))
        told.append(texts(window.close()).get("tcpwatchd.namespace[c1,listen_overflows]"))
    assert told == [None, "2", "0", None, "1"]


def test_a_namespace_is_told_with_its_pod_and_container_which_are_tags_of_its_items() -> None:
    window = OpenWindow(150)
    window.add(snapshot(0))
    of_a_pod = Namespace(1, 2, 3, 4, pod="1f6b2c3d", container="0123456789ab")
    window.find(Findings(namespaces={"0123456789ab": of_a_pod, "nginx": Namespace(1, 2, 3, 4)}))
    rule = next(rule for rule in RULES if rule.macros)
    assert json.loads(texts(window.close())[rule.key]) == [
        {"{#NETNS}": "0123456789ab", "{#POD}": "1f6b2c3d", "{#CONTAINER}": "0123456789ab"},
        {"{#NETNS}": "nginx", "{#POD}": "", "{#CONTAINER}": ""},
    ]
    (only,) = yaml.safe_load(template([], 60))["zabbix_export"]["templates"]
    (described,) = (one for one in only["discovery_rules"] if one["key"] == rule.key)
    for item in described["item_prototypes"]:
        told = {tag["tag"]: tag["value"] for tag in item["tags"]}
        assert {"netns": "{#NETNS}", "pod": "{#POD}", "container": "{#CONTAINER}"}.items() <= told.items()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.key)
def test_what_is_discovered_is_explained_by_any_name(rule: Any) -> None:
    text, found = explain(rule.key)
    assert found
    for prototype in rule.prototypes:
        assert prototype.key in text
        told, found = explain(prototype.key.replace(rule.macro, "web-1.example"))
        assert found
        assert " ".join(prototype.look.split()) in " ".join(told.split())
