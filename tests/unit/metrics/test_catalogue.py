"""The catalogue, and all that is derived from it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwatchd.config.config import parse
from tcpwatchd.diagnosis.culprits import CULPRITS
from tcpwatchd.kernel.kernel_counters import KERNEL_COUNTERS
from tcpwatchd.kernel.kernel_limits import KERNEL_LIMITS
from tcpwatchd.metrics.catalogue import CATALOGUE, RULES, UPTIME, by_key, evaluate, selected
from tcpwatchd.metrics.graphs import GRAPHS, PAGES
from tcpwatchd.metrics.metric import Rule, ValueType
from tcpwatchd.metrics.self_metrics import BY_DELIVERY, HEARTBEAT
from tcpwatchd.metrics.state_metrics import STATISTICS
from tcpwatchd.metrics.trigger import MACROS, NODATA_MACRO
from tcpwatchd.metrics.triggers import TRIGGERS
from tcpwatchd.model.backlog_level import Level, Lost
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.sockets import Listener, State
from tcpwatchd.model.states import STATE_TEXTS
from tcpwatchd.model.vitals import Vitals
from tcpwatchd.model.window import STATISTIC_NAMES, AcceptQueues, Findings, Limit, Ports, Statistics, Window
from tcpwatchd.template.explain import explain
from tcpwatchd.template.generations import GENERATIONS
from tcpwatchd.template.render import template
from tcpwatchd.template.render_graphs import stable_uuid
from tests import generated
from tests.lab.fakes import UNGUARDED, snapshot

VITALS = Vitals(
    version="0",
    backend="netlink",
    mode="fast",
    uptime_s=1,
    cpu_percent=0.123456789,
    sample_interval_s=0.3,
    sample_cpu_s=0.00025,
    rss_bytes=2**40,
    spool=Level(4, 5, 6, 13, 14, 15, 16),
    lost=Lost(7, 8, 9, 10, 11),
    refused=12,
    clock_steps=15,
    failures=17,
)
STAMP = Stamp(1_700_000_000, 1)
FIXED_STATES = (
    "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait", "close", "close_wait",
    "last_ack", "listen", "closing",
)  # fmt: skip


def window(**of_all: Any) -> Window:
    held = {"last": 5, "delta": -2, "minimum": 1, "maximum": 9, "average": 4.5, **of_all}
    return Window(
        snapshot(0),
        dict.fromkeys(State, Statistics(**held)),
        samples=60,
        dropped=1,
        missed=2,
        audit=0,
        queues=AcceptQueues(Listener("192.0.2.1:80", 3, 4), 2, 1),
        increases=dict.fromkeys(KERNEL_COUNTERS, 3),
        unanswered=dict.fromkeys(State, 4),
        limits=dict.fromkeys(KERNEL_LIMITS, Limit(1, 3)),
        found=Findings(
            Ports("192.0.2.7:443", "192.0.2.1", 3, 9),
            dict.fromkeys(CULPRITS, "java[4211] 4031"),
            dict.fromkeys(State, 5),
        ),
    )


def items(text: str) -> dict[str, Any]:
    (only,) = yaml.safe_load(text)["zabbix_export"]["templates"]
    return {item["key"]: item for item in only["items"]}


@pytest.mark.parametrize("name", sorted(str(path.relative_to(generated.ROOT)) for path in generated.files()))
def test_committed_files_are_what_the_catalogue_says(name: str) -> None:
    """If this fails: python -m tests.generated"""
    path = generated.ROOT / name
    assert path.read_text(encoding="utf-8") == generated.files()[path]


def test_the_fixed_keys_are_there() -> None:
    for state in FIXED_STATES:
        for middle in ("", ".delta", ".min", ".max", ".avg"):
            assert f"tcpwatchd.sockets{middle}[{state}]" in CATALOGUE


def test_what_can_be_configured_is_what_there_is() -> None:
    assert tuple(STATISTICS) == STATISTIC_NAMES


@settings(max_examples=20)  # each prints a template
@given(chosen=st.dictionaries(st.sampled_from(State), st.sets(st.sampled_from(sorted(STATISTICS)))))
def test_what_is_sent_is_in_the_template_and_back(chosen: dict[State, set[str]]) -> None:
    statistics = {state: tuple(chosen.get(state, ())) for state in State}
    metrics = selected(replace(parse("", "defaults"), statistics=statistics))
    sent = {value.key: value.text for value in evaluate(metrics, window(), VITALS, STAMP, UNGUARDED)}
    assert sorted({*sent, *BY_DELIVERY}) == sorted(items(template(metrics, 60)))


def test_every_value_suits_its_items_type() -> None:
    rules = {
        ValueType.UNSIGNED: r"\d{1,19}",
        ValueType.FLOAT: r"-?\d+(\.\d{1,6})?",
        ValueType.CHAR: r".{1,255}",
    }
    for value in evaluate(CATALOGUE.values(), window(), VITALS, STAMP, UNGUARDED):
        assert re.fullmatch(rules[CATALOGUE[value.key].value_type], value.text), value
        assert value.stamp == STAMP


def test_numbers_are_written_exactly() -> None:
    values = evaluate(CATALOGUE.values(), window(average=1_234_567.25), VITALS, STAMP, UNGUARDED)
    texts = {value.key: value.text for value in values}
    assert texts["tcpwatchd.sockets.avg[listen]"] == "1234567.25"
    assert texts["tcpwatchd.sockets.delta[listen]"] == "-2"
    assert texts["tcpwatchd.self[cpu]"] == "0.123457"
    assert texts["tcpwatchd.self[sample_cpu]"] == "0.00025"
    assert texts["tcpwatchd.self[rss]"] == "1099511627776"


def test_without_a_sample_only_the_daemon_speaks_of_itself() -> None:
    empty = Window(None, {}, samples=0, dropped=60, missed=0)
    keys = {value.key for value in evaluate(CATALOGUE.values(), empty, VITALS, STAMP, UNGUARDED)}
    unaudited = "tcpwatchd.self[audit_difference]"
    own = {key for key in CATALOGUE if key.startswith("tcpwatchd.self[")}
    assert keys == own - {unaudited, *BY_DELIVERY}


def test_what_the_disk_does_not_tell_is_no_value() -> None:
    blind = replace(VITALS, spool=None)
    keys = {value.key for value in evaluate(CATALOGUE.values(), window(), blind, STAMP, UNGUARDED)}
    names = (
        "spool_values",
        "spool_age",
        "spool_size",
        "refused_keys",
        "set_aside",
        "memory_values",
        "disk_hang",
    )
    assert set(CATALOGUE) - keys == {*BY_DELIVERY, *(f"tcpwatchd.self[{name}]" for name in names)}


def test_no_delta_is_no_value() -> None:
    keys = {value.key for value in evaluate(CATALOGUE.values(), window(delta=None), VITALS, STAMP, UNGUARDED)}
    assert keys == {key for key in CATALOGUE if ".delta" not in key} - {*BY_DELIVERY}


@pytest.mark.parametrize(
    "key", ["tcpwatchd.sockets", "tcpwatchd[x]", "other.key[x]", "tcpwatchd.a[b c]", "tcpwatchd.a[]"]
)
def test_a_malformed_key_refuses_at_import(key: str) -> None:
    metric = CATALOGUE[UPTIME]
    with pytest.raises(ValueError, match="malformed"):
        by_key([metric.__class__(**{**metric.__dict__, "key": key})])


def test_a_key_that_stands_twice_refuses_at_import() -> None:
    with pytest.raises(ValueError, match="twice"):
        by_key([CATALOGUE[UPTIME]] * 2)


def test_the_template_is_one_zabbix_6_0_takes() -> None:
    text = template(CATALOGUE.values(), 60)
    export = yaml.safe_load(text)["zabbix_export"]
    assert export["version"] == "6.0"
    (only,) = export["templates"]
    named = [only, *export["groups"], *only["items"], *export["triggers"]]
    uuids = [one["uuid"] for one in named]
    assert len(set(uuids)) == len(uuids)
    assert all(re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", uuid) for uuid in uuids)
    for item in only["items"]:
        assert item["type"] == "TRAP"
        assert item["history"] != "0"  # without history a repeated value would be counted twice
        assert len(item["name"]) <= 255
        assert len(item.get("description", "")) <= 65535
    for trigger in export["triggers"]:
        assert "/T/" not in trigger["expression"] + trigger.get("recovery_expression", "")
        assert len(trigger["name"]) <= 255
    expressions = [trigger["expression"] for trigger in export["triggers"]]
    silence = [f"nodata(/tcpwatchd/{key},{{$TCPWATCHD.NODATA}})=1" for key in (HEARTBEAT, UPTIME)]
    # A host that has never sent has no last value, so that this cannot be judged: no alarm.
    assert " and ".join([*silence, f"last(/tcpwatchd/{UPTIME})>=0"]) in expressions


def test_uuids_are_the_same_for_ever() -> None:
    """A changed UUID would double the item on every server that has the template."""
    export = yaml.safe_load(template(CATALOGUE.values(), 60))["zabbix_export"]
    (only,) = export["templates"]
    assert only["uuid"] == "f2ccfffe4c0f4344822431eba95d3ed8"
    uuids = {item["key"]: item["uuid"] for item in only["items"]}
    assert uuids["tcpwatchd.sockets[established]"] == "55f19bb2efd849848d1649b8c6ef3b2e"
    silence = next(one["uuid"] for one in export["triggers"] if "nodata" in one["expression"])
    assert silence == "e1134df0997d48d5b6ab1af02c49e935"


@pytest.mark.parametrize(("push_s", "nodata"), [(0.5, "60s"), (10, "60s"), (60, "300s"), (90.5, "453s")])
def test_silence_is_five_pushes_and_at_least_a_minute(push_s: float, nodata: str) -> None:
    (only,) = yaml.safe_load(template(CATALOGUE.values(), push_s))["zabbix_export"]["templates"]
    assert {one["macro"]: one["value"] for one in only["macros"]}[NODATA_MACRO] == nodata


# --- alarms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(TRIGGERS))
def test_an_alarm_looks_at_what_is_sent_by_default_and_is_explained(name: str) -> None:
    trigger, default = TRIGGERS[name], parse("", "defaults")
    sent = {metric.key for metric in selected(default)}
    assert trigger.keys
    assert trigger.keys <= sent
    assert set(trigger.behind) <= set(TRIGGERS) - {name}
    for subject in (name, trigger.title, trigger.event, re.sub(r"\{[^}]*\}", "4711 (of 12)", trigger.event)):
        text, found = explain(subject)
        assert found
        assert text.startswith(f"{name}\n")
        assert "Do next: " in text
        assert max(len(line) for line in text.splitlines()[3:] if "(//" not in line) <= 80


def test_every_threshold_is_used() -> None:
    used = frozenset().union(*(trigger.macros for trigger in TRIGGERS.values()))
    assert used == {*MACROS, NODATA_MACRO}


def test_a_template_has_the_alarms_whose_items_it_has() -> None:
    few = [CATALOGUE[UPTIME], CATALOGUE[HEARTBEAT], CATALOGUE["tcpwatchd.sockets.old[close_wait]"]]
    export = yaml.safe_load(template(few, 60))["zabbix_export"]
    assert {one["uuid"] for one in export["triggers"]} == {
        stable_uuid("trigger", name) for name in ("nodata", "close_wait_leak")
    }
    macros = {one["macro"] for one in export["templates"][0]["macros"]}
    leaks = (f"{{$TCPWATCHD.LEAK.{name}}}" for name in ("MIN", "MANY", "TIME"))
    assert macros == {NODATA_MACRO, *leaks, *(macro for rule in RULES for macro in rule.filters)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.noun)
def test_what_is_discovered_can_be_chosen_by_macros_and_is_tagged(rule: Rule) -> None:
    export = yaml.safe_load(template(CATALOGUE.values(), 3600))["zabbix_export"]
    (found,) = (one for one in export["templates"][0]["discovery_rules"] if one["key"] == rule.key)
    assert [one["value"] for one in found["filter"]["conditions"]] == list(rule.filters)
    assert [one.get("operator") for one in found["filter"]["conditions"]] == [None, "NOT_MATCHES_REGEX"]
    tag = {"tag": rule.noun.lower(), "value": rule.macro}
    assert all(tag in item["tags"] for item in found["item_prototypes"])
    keys = {item["key"] for item in found["item_prototypes"]}
    for trigger in found.get("trigger_prototypes", ()):
        used = set(re.findall(r"/tcpwatchd/(tcpwatchd[^]]+\])", trigger["expression"]))
        assert used
        assert used <= keys
        assert ",10800s)" in trigger["expression"] or ",180m)" in trigger["expression"], "three pushes"


def test_an_alarm_of_a_service_is_explained_by_the_text_that_zabbix_sends() -> None:
    for subject in ("service_gone", "TCP: Service nginx: nothing listens any more"):
        text, found = explain(subject)
        assert found
        assert text.startswith("service_gone\n")


@pytest.mark.parametrize("key", sorted(CATALOGUE))
def test_every_key_is_explained(key: str) -> None:
    text, found = explain(key)
    assert found
    assert key in text
    assert "A rise: " in text
    assert "Look next: " in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("spelling", "state"),
    [
        ("close_wait", State.CLOSE_WAIT), ("CLOSE-WAIT", State.CLOSE_WAIT), ("TIME_WAIT", State.TIME_WAIT),
        ("fin-wait-1", State.FIN_WAIT1), ("FIN_WAIT2", State.FIN_WAIT2), ("ESTAB", State.ESTABLISHED),
        ("SYN_RCVD", State.SYN_RECV), ("UNCONN", State.CLOSE), ("closed", State.CLOSE),
        ("LastAck", State.LAST_ACK),
    ],
)  # fmt: skip
def test_states_are_known_by_the_names_people_bring(spelling: str, state: State) -> None:
    text, found = explain(spelling)
    assert found
    assert text.startswith(state.name)
    assert STATE_TEXTS[state].title in text.splitlines()[0]


def test_what_is_not_known_names_the_nearest() -> None:
    text, found = explain("close_wayt")
    assert not found
    assert "did you mean close_wait" in text


def test_the_texts_do_not_repeat_the_folklore() -> None:
    """TIME-WAIT is 60 s and no sysctl changes it; CLOSE-WAIT has no timeout; FIN-WAIT-2 may have none."""
    assert "for 60 seconds" in STATE_TEXTS[State.TIME_WAIT].meaning
    assert "This time is compiled in" in STATE_TEXTS[State.TIME_WAIT].meaning
    assert "no timeout" in STATE_TEXTS[State.CLOSE_WAIT].meaning
    assert "no time limit" in STATE_TEXTS[State.FIN_WAIT2].meaning
    assert "tcp_fin_timeout (60 seconds)" in STATE_TEXTS[State.FIN_WAIT2].meaning


def test_the_readme_sends_nobody_to_a_key_that_is_not_there() -> None:
    readme = Path(generated.ROOT / "README.md").read_text(encoding="utf-8")
    for key in re.findall(r"tcpwatchd\.(?:sockets|self)[a-z.]*\[[a-z_0-9]+\]", readme):
        assert key in CATALOGUE


# --- graphs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(GRAPHS))
def test_a_graph_draws_what_is_sent_by_default_in_colours_of_its_own(name: str) -> None:
    default = parse("", "defaults")
    sent = {metric.key for metric in selected(default)}
    lines = GRAPHS[name].lines
    assert {line.key for line in lines} <= sent
    assert len({line.colour for line in lines}) == len({line.key for line in lines}) == len(lines)


@pytest.mark.parametrize(("zabbix", "columns", "rows"), [("6.0", 24, 12), ("7.0", 72, 12)])
def test_the_dashboard_shows_every_graph_once_on_pages_of_one_screen(
    zabbix: str, columns: int, rows: int
) -> None:
    """Of 1920 × 1080: a row is 70 pixels, and the frontend takes 130 of the height."""
    assert sorted(name for page in PAGES.values() for name in page.graphs) == sorted(GRAPHS)
    (only,) = yaml.safe_load(template(CATALOGUE.values(), 60, zabbix))["zabbix_export"]["templates"]
    for page in only["dashboards"][0]["pages"]:
        taken = [
            (column, line)
            for widget in page["widgets"]
            for column in range(int(widget["x"]), int(widget["x"]) + int(widget["width"]))
            for line in range(int(widget["y"]), int(widget["y"]) + int(widget["height"]))
        ]
        assert len(set(taken)) == len(taken)
        assert max(column for column, _ in taken) < columns
        assert max(line for _, line in taken) < rows


def test_both_generations_have_the_same_uuids_and_differ_in_their_pages_alone() -> None:
    """So that the newer one changes a template in place."""

    def bare(zabbix: str) -> Any:
        export = yaml.safe_load(template(CATALOGUE.values(), 60, zabbix))["zabbix_export"]
        (only,) = export["templates"]
        only["dashboards"][0].pop("pages")
        for differs in ("description", "vendor"):
            only.pop(differs, None)
        groups = export.pop("template_groups", None) or export.pop("groups")
        return {**export, "version": "", "groups": groups}

    six, seven = (bare(zabbix) for zabbix in GENERATIONS)
    assert six == seven


def test_a_graph_without_its_items_is_left_out() -> None:
    few = [CATALOGUE[UPTIME], CATALOGUE["tcpwatchd.sockets[close_wait]"]]
    export = yaml.safe_load(template(few, 60))["zabbix_export"]
    drawn = {
        graph["name"]: [line["item"]["key"] for line in graph["graph_items"]] for graph in export["graphs"]
    }
    assert drawn == {
        GRAPHS[name].title: ["tcpwatchd.sockets[close_wait]"] for name in ("states", "forgotten")
    }
    pages = export["templates"][0]["dashboards"][0]["pages"]
    shown = [widget["fields"][0]["value"] for page in pages for widget in page["widgets"]]
    assert {value.get("name") for value in shown} == {None, *drawn}
    assert {value["key"] for value in shown if "key" in value} == {metric.key for metric in few}
