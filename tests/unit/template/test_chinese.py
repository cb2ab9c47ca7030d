"""Chinese, whole: each item, trigger and macro has its text, with the commands and names of the English."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
import yaml

from tcpwatchd.metrics.catalogue import CATALOGUE, RULES
from tcpwatchd.metrics.metric import Described
from tcpwatchd.metrics.trigger import MACROS, NODATA_MACRO
from tcpwatchd.metrics.triggers import EVERY_TRIGGER
from tcpwatchd.template.chinese import macro_meaning_zh, paragraphs_zh, rule_meaning_zh, trigger_paragraphs_zh
from tcpwatchd.template.counters_zh import COUNTERS_ZH
from tcpwatchd.template.explain import explain
from tcpwatchd.template.own_values_zh import OWN_VALUES_ZH
from tcpwatchd.template.render import template
from tcpwatchd.template.sockets_zh import FOUND_ZH, LIMITS_ZH, STATISTICS_ZH
from tcpwatchd.template.text_zh import MACROS_ZH
from tcpwatchd.template.triggers_zh import TRIGGERS_ZH
from tests.lab.processes import tcpwatchd

CHINESE = re.compile("[\u4e00-\u9fff]")
COMMAND = re.compile(r"`([a-z]+ [^`]*)`")
NAME = re.compile(
    r"(?:net\.ipv4\.)?tcp_[a-z_]+|fs\.file-max|net\.core\.somaxconn|CAP_[A-Z_]+"
    r"|(?:spool|budget|sampler|culprits|intervals|zabbix)\.[a-z_]+|\{\$TCPWATCHD\.[A-Z_.]+"
)
ITEMS = [*CATALOGUE.values(), *(prototype for rule in RULES for prototype in rule.prototypes)]


def assert_says_the_same(chinese: Sequence[str], english: Sequence[str]) -> None:
    assert len(chinese) == len(english)
    assert all(CHINESE.search(paragraph) for paragraph in chinese)
    for what in (COMMAND, NAME):
        assert set(what.findall(" ".join(chinese))) == set(what.findall(" ".join(english)))


@pytest.mark.parametrize("metric", ITEMS, ids=lambda metric: metric.key)
def test_an_item(metric: Described) -> None:
    assert_says_the_same(paragraphs_zh(metric), metric.paragraphs)


@pytest.mark.parametrize("name", list(EVERY_TRIGGER))
def test_a_trigger(name: str) -> None:
    trigger = EVERY_TRIGGER[name]
    assert_says_the_same(trigger_paragraphs_zh(name, trigger), trigger.paragraphs)


def test_every_macro_and_rule_and_nothing_that_there_is_not() -> None:
    filters = {macro for rule in RULES for macro in rule.filters}
    macros = {*MACROS, NODATA_MACRO, *filters}
    for macro in macros:
        assert CHINESE.search(macro_meaning_zh(macro))
    assert len(MACROS_ZH) == len(macros)
    for rule in RULES:
        assert CHINESE.search(rule_meaning_zh(rule))
    assert set(TRIGGERS_ZH) == set(EVERY_TRIGGER)
    for table, part in ((COUNTERS_ZH, "counter"), (OWN_VALUES_ZH, "self"), (LIMITS_ZH, "limit")):
        assert {f"tcpwatchd.{part}[{name}]" for name in table} == {
            key for key in CATALOGUE if key.startswith(f"tcpwatchd.{part}[")
        }
    assert {f"tcpwatchd.{rest}" for rest in FOUND_ZH} < set(CATALOGUE)
    assert len(STATISTICS_ZH) == 11


def test_the_template_has_english_names_and_chinese_descriptions() -> None:
    (english,), (chinese,) = (
        yaml.safe_load(template(CATALOGUE.values(), 60, language=language))["zabbix_export"]["templates"]
        for language in ("en", "zh")
    )
    for ours, theirs in zip(english["items"], chinese["items"]):
        assert {**ours, "description": ""} == {**theirs, "description": ""}
        assert CHINESE.search(theirs["description"])
    assert english["description"] != chinese["description"]
    printed = tcpwatchd("template", "--lang", "zh").stdout
    assert "主机的 TCP 套接字状态" in printed


def test_explained_are_alarms_keys_counters_and_limits() -> None:
    for subject in ("no_answer", "ports[busiest]", "OutSegs", "memory", "services.discovery", "self[cpu]"):
        text, found = explain(subject, chinese=True)
        assert found
        assert CHINESE.search(text), subject
        assert text.splitlines()[0] == explain(subject)[0].splitlines()[0]
    overview, _ = explain(None, chinese=True)
    assert len(overview.splitlines()) == len(explain(None)[0].splitlines())
