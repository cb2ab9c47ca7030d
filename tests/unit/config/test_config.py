"""A configuration is taken whole or refused with every problem in it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.config.config import Config, load, parse
from tcpwatchd.config.options import OPTIONS
from tcpwatchd.diagnosis.culprits import CULPRITS
from tcpwatchd.kernel.kernel_counters import DEFAULT_COUNTERS, KERNEL_COUNTERS
from tcpwatchd.model.errors import ConfigError
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_GROUPS
from tcpwatchd.zabbix.addresses import Node, parse_nodes
from tcpwatchd.zabbix.tls import TlsSettings
from tests.generated import ROOT


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse(text, "c.yaml")
    return refused.value.lines()


def test_everything_has_a_default() -> None:
    config = parse("", "c.yaml")
    assert config == Config(
        servers=("127.0.0.1",),
        host=socket.gethostname(),
        source_ip="",
        host_metadata="",
        host_interface="",
        timeout_s=10.0,
        batch_size=250,
        tls=TlsSettings(),
        sample_s=1.0,
        push_s=60.0,
        limits_s=60.0,
        culprits_s=60.0,
        urgent_s=5.0,
        unchanged_s=600.0,
        spool_path=Path("/var/lib/tcpwatchd/spool.db"),
        spool_max_size_bytes=64 * 2**20,
        spool_max_age_s=7 * 86400.0,
        replay_rate=1000,
        replay_delay_s=30.0,
        backend="auto",
        mode="fast",
        audit_s=300.0,
        cpu_percent=1.0,
        log_level="info",
        counters=DEFAULT_COUNTERS,
        culprits_states=(State.CLOSE_WAIT, State.FIN_WAIT2, State.SYN_SENT, State.CLOSE),
        culprits_threshold=50,
        culprits_age_s=600.0,
        aliases={},
        own_keys=True,
        key_patterns=(),
        services=(),
        discover=False,
        namespaces=False,
        statistics=dict.fromkeys(State, ("value", "delta", "max")),
    )


def test_the_example_is_the_defaults_and_shows_every_key() -> None:
    text = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
    assert parse(text, "example") == parse("", "defaults")
    # With every commented key put in force, each known key is there exactly once and its example is valid.
    names = {option.path.rsplit(".", 1)[-1] for option in OPTIONS}
    lines = [
        line.replace("# ", "", 1) if line.strip()[2:].partition(":")[0] in names else line
        for line in text.splitlines()
    ]
    everything = "\n".join(lines)
    with pytest.raises(ConfigError) as refused:
        parse(everything, "example")
    # Only that they are not all of use at once.
    assert {problem.message.partition(":")[0] for problem in refused.value.problems} == {
        "is of use only with connect"
    }

    known = {option.path for option in OPTIONS}

    def leaves(node: object, path: str) -> list[str]:
        if isinstance(node, dict) and path.lstrip(".") not in known:
            return [leaf for key, inner in node.items() for leaf in leaves(inner, f"{path}.{key}")]
        return [path[1:]]

    assert sorted(leaves(yaml.safe_load(everything), "")) == sorted(option.path for option in OPTIONS)


def test_all_problems_come_at_once_each_with_its_place() -> None:
    text = """\
zabbix:
  servers: zabbix.example.com
  batchsize: 250
  host: 12
  tls: {connect: tls}
intervals:
  sample: 5
  pussh: 60s
intervals:
  push: 1 parsec
statistics:
  closing: [value, median]
spool: 7
sampler: {backend: ebpf}
"""
    assert problems(text) == [
        "c.yaml:2: zabbix.servers: 'zabbix.example.com' is not a list of servers; "
        'write ["zabbix.example.com"]',
        "c.yaml:3: zabbix.batchsize: unknown key; did you mean zabbix.batch_size?",
        "c.yaml:4: zabbix.host: 12 is not a Zabbix host name; letters, digits, spaces, '.', '-' and '_', as "
        "in the field Host name of the frontend (quote it if it looks like a number)",
        "c.yaml:5: zabbix.tls.connect: 'tls' is not one of unencrypted, psk, cert",
        "c.yaml:7: intervals.sample: 5 is not a duration (a number needs its unit); write for example 500ms, "
        "1s, 5m, 2h or 7d",
        "c.yaml:8: intervals.pussh: unknown key; did you mean intervals.push?",
        "c.yaml:9: intervals: stands twice; first in line 6",
        "c.yaml:12: statistics.closing[1]: 'median' is not one of value, delta, min, max, avg, ipv4, ipv6",
        "c.yaml:13: spool: is not a section; write keys below it, indented",
        "c.yaml:14: sampler.backend: 'ebpf' is not one of auto, netlink, psutil",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[", "c.yaml:1: is not YAML: expected the node content, but found '<stream end>'"),
        ("- a\n- b\n", "c.yaml:1: is not a section; write keys below it, indented"),
        ("zabbix: &a\n  servers: *a\n", "c.yaml:2: zabbix.servers: "),
        ("interval: {}", "c.yaml:1: interval: unknown key; did you mean intervals?"),
        ("push: 60s", "c.yaml:1: push: unknown key; did you mean intervals.push?"),
        ("wholly_other: 1", "c.yaml:1: wholly_other: unknown key"),
        ("zabbix: {servers: []}", "c.yaml:1: zabbix.servers: [] is not a list of servers"),
        ("zabbix:\n  servers:\n", "c.yaml:2: zabbix.servers: None is not a list of servers"),
        ("zabbix: {servers: [a, a]}", "c.yaml:1: zabbix.servers: ['a', 'a'] names a server twice"),
        ('zabbix: {servers: ["a:0"]}', "c.yaml:1: zabbix.servers[0]: 'a:0' is no address"),
        ("zabbix: {host: ''}", "c.yaml:1: zabbix.host: '' is not a Zabbix host name"),
        ("zabbix: {batch_size: true}", "c.yaml:1: zabbix.batch_size: True is not a whole number"),
        ("zabbix: {servers: !!python/object:os.system {}}", "c.yaml:1: zabbix.servers: is not a plain value"),
        ("intervals: {sample: 50ms}", "c.yaml:1: intervals.sample: '50ms' is too short; at least 100ms"),
        ("intervals: {sample: 2h}", "c.yaml:1: intervals.sample: '2h' is too long; at most 1h"),
        ("intervals: {sample: 5s, push: 1s}", "c.yaml:1: intervals.push: is shorter than intervals.sample"),
        ("intervals: {sample: 2m}", "c.yaml:1: intervals.push: is shorter than intervals.sample"),
        ("spool: {path: spool.db}", "c.yaml:1: spool.path: 'spool.db' is not an absolute path"),
        ("spool: {max_size: 64}", "c.yaml:1: spool.max_size: 64 is not a size (a number needs its unit)"),
        ("spool: {max_size: 64B}", "c.yaml:1: spool.max_size: '64B' is too small; at least 1MiB"),
        ("statistics: {all: [[value]]}", "c.yaml:1: statistics.all[0]: ['value'] is not one of"),
        ('spool: {path: "/\\ud800"}', "c.yaml:1: spool.path: '/\\ud800' is not an absolute path"),
        ('zabbix: {servers: ["\\ud800"]}', "c.yaml:1: zabbix.servers[0]: '\\ud800' holds a character that"),
        ("statistics: {estab: [value]}", "c.yaml:1: statistics.estab: unknown key"),
        ("? [a, b]\n: 1", "c.yaml:1: ?: unknown key"),
    ],
)
def test_a_wrong_file_says_what_would_be_right(text: str, line: str) -> None:
    (found,) = problems(text)
    assert found.startswith(line)


def test_each_wrong_entry_is_a_problem_of_its_own_with_its_path_and_line() -> None:
    text = """\
zabbix:
  servers: ["http://a", b, "c:0"]
services:
  - name: web
    local_ports:
      - 80
      - 70000
      - "9-8"
  - {name: a b, remote_addresses: [10.0.0.1/8], ports: 5}
  - 80
counters:
  - ActiveOpens
  - Nonsense
culprits: {states: [close_wait, closing]}
aliases:
  "a b": x
  good: 5
"""
    assert [line.partition("; ")[0] for line in problems(text)] == [
        "c.yaml:2: zabbix.servers[0]: 'http://a' is no address",
        "c.yaml:2: zabbix.servers[2]: 'c:0' is no address",
        "c.yaml:7: services[0].local_ports[1]: 70000 is not a port",
        "c.yaml:8: services[0].local_ports[2]: '9-8' is not a port",
        "c.yaml:9: services[1].name: 'a b' is no name of a service",
        "c.yaml:9: services[1].remote_addresses[0]: '10.0.0.1/8' is no address or prefix (10.0.0.1/8 has "
        "host bits set)",
        "c.yaml:9: services[1].ports: unknown key",
        "c.yaml:10: services[2]: 80 is no service",
        f"c.yaml:13: counters[1]: 'Nonsense' is not one of {', '.join(KERNEL_COUNTERS)}",
        f"c.yaml:14: culprits.states[1]: 'closing' is not one of {', '.join(s.parameter for s in CULPRITS)}",
        "c.yaml:16: aliases.a b: 'a b' is no item key",
        "c.yaml:17: aliases.good: 5 is no item key",
    ]


def test_a_value_is_quoted_in_its_problem_but_never_at_length() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghijklm", "bcdefghijklmn")
    )
    found = problems(f"{bomb}zabbix: {{servers: *n}}")
    assert len(found) == 15
    assert all(len(line) < 400 for line in found)


def test_a_state_overrides_its_group_and_a_group_overrides_all() -> None:
    config = parse("statistics: {all: [avg], active_close: [min, value], time_wait: []}", "c.yaml")
    assert config.statistics[State.ESTABLISHED] == ("avg",)
    assert config.statistics[State.FIN_WAIT1] == ("value", "min")
    assert config.statistics[State.TIME_WAIT] == ()


def test_every_state_is_in_one_group_and_no_group_is_named_as_a_state() -> None:
    grouped = [state for states in STATE_GROUPS.values() for state in states]
    assert sorted(grouped) == sorted(State)
    assert not set(STATE_GROUPS) & {state.parameter for state in State}


@pytest.mark.parametrize(
    ("entry", "nodes"),
    [
        ("zabbix.example.com", [Node("zabbix.example.com", 10051)]),
        ("192.0.2.1:10052", [Node("192.0.2.1", 10052)]),
        ("[2001:db8::1]:10051", [Node("2001:db8::1", 10051)]),
        ("[fe80::1%eth0]", [Node("fe80::1%eth0", 10051)]),
        ("::1", [Node("::1", 10051)]),
        ("a; b:1", [Node("a", 10051), Node("b", 1)]),
    ],
)
def test_addresses(entry: str, nodes: list[Node]) -> None:
    assert list(parse_nodes(entry)) == nodes


@pytest.mark.parametrize(
    "entry", ["", "a;", ";", "a:", "a:x", "a:65536", "a b", "http://a", "[::1", "a,b", "[a]"]
)
def test_what_is_no_address(entry: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        parse_nodes(entry)


def test_a_node_is_written_as_it_is_read() -> None:
    for entry in ("a:1", "[::1]:10051"):
        assert [str(node) for node in parse_nodes(entry)] == [entry]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "none.yaml")
    assert "No such file or directory; copy config.example.yaml" in refused.value.lines()[0]


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"zabbix: \xff")
    with pytest.raises(ConfigError, match="1 problem"):
        load(path)


def taken_or_refused(text: str) -> None:
    """Either a configuration, or a ConfigError with something to say; any other error fails the test."""
    try:
        parse(text, "c.yaml")
    except ConfigError as error:
        lines = error.lines()
    else:
        return
    assert lines


NAMES = st.sampled_from(["x", *sorted({name for option in OPTIONS for name in option.path.split(".")})])
SCALARS = st.sampled_from(
    [None, True, 0, 250, 1.5, "", "1s", "64MiB", "auto", "a;b", "/s", "value", "\u00e9"]
)
YAML_VALUES = SCALARS | st.lists(SCALARS | st.lists(SCALARS, max_size=1), max_size=3)


@given(
    document=st.dictionaries(
        NAMES,
        YAML_VALUES | st.dictionaries(NAMES, YAML_VALUES | st.dictionaries(NAMES, YAML_VALUES, max_size=2)),
        max_size=4,
    )
)
def test_any_document_is_a_configuration_or_a_config_error(document: object) -> None:
    taken_or_refused(yaml.safe_dump(document))


@given(text=st.text(max_size=60))
def test_any_text_is_a_configuration_or_a_config_error(text: str) -> None:
    taken_or_refused(text)
