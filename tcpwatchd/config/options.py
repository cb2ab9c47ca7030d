"""OPTIONS: one row a configuration key, with its default, its meaning and how its text is understood.

Alone knows which keys exist. `config.py` reads files by this table; `config.example.yaml` is printed from
it. A reader raises ValueError with the second half of a sentence: "is not a duration; write …".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcpwatchd.config import value_parsers
from tcpwatchd.config.pattern_readers import DEFAULT_SPELLING, read_pattern, read_patterns, spelling
from tcpwatchd.config.service_readers import read_services
from tcpwatchd.config.tls_options import TLS_OPTIONS
from tcpwatchd.config.value_parsers import Option
from tcpwatchd.diagnosis.culprits import CULPRITS, DEFAULT_CULPRITS
from tcpwatchd.kernel.kernel_counters import DEFAULT_COUNTERS, KERNEL_COUNTERS
from tcpwatchd.metrics.key_patterns import DIALECTS, NONE
from tcpwatchd.metrics.spellings import SPELLINGS
from tcpwatchd.metrics.state_metrics import DEFAULT_STATISTICS, STATISTICS
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_GROUPS, STATE_TEXTS
from tcpwatchd.zabbix.addresses import DEFAULT_PORT, parse_nodes


def _servers(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(entry, str) for entry in value):
        raise ValueError('is not a list of servers; write ["zabbix.example.com"]')
    nodes = [node for entry in value_parsers.each(parse_nodes)(value) for node in entry]
    if len(set(nodes)) != len(nodes):
        raise ValueError("names a server twice; each entry gets every value once")
    return tuple(value)


_PLAIN_SPELLINGS = [name for name in SPELLINGS if "-" not in name]
_statistics = value_parsers.several(STATISTICS, DEFAULT_STATISTICS)
NOTHING, LISTENERS = "nothing", "listeners"


def _culprits(value: Any) -> tuple[State, ...]:
    chosen = value_parsers.several([state.parameter for state in CULPRITS], [DEFAULT_CULPRITS[0].parameter])(
        value
    )
    return tuple(state for state in CULPRITS if state.parameter in chosen)


def _statistics_options() -> Sequence[Option]:
    groups = (
        Option(
            f"statistics.{group}",
            None,
            _statistics,
            f"For the states of this group: {', '.join(state.parameter for state in states)}.",
            example="[value, delta, max]",
        )
        for group, states in STATE_GROUPS.items()
    )
    states = (
        Option(
            f"statistics.{state.parameter}",
            None,
            _statistics,
            f"{STATE_TEXTS[state].title} alone: {STATE_TEXTS[state].summary}.",
            example="[value, delta, min, max, avg]" if state is State.TIME_WAIT else "[value]",
        )
        for state in State
    )
    everything = Option(
        "statistics.all",
        list(DEFAULT_STATISTICS),
        _statistics,
        f"What is sent of each state: any of {', '.join(STATISTICS)}. A group overrides this, a state "
        "overrides its group; [] sends nothing of it.",
    )
    return (everything, *groups, *states)


OPTIONS: tuple[Option, ...] = (
    Option(
        "zabbix.servers",
        ["127.0.0.1"],
        _servers,
        'Zabbix servers or proxies. Each entry gets every value. "a;b" in one entry is a failover pair: '
        f"one of the two gets it. Port {DEFAULT_PORT} if none is given.",
    ),
    Option(
        "zabbix.host",
        None,
        value_parsers.host,
        "The host's name in Zabbix, to the letter. Default: this machine's host name. What waits on disk "
        "goes out under the name that is configured now.",
        example="web-01",
    ),
    Option(
        "zabbix.source_ip",
        None,
        value_parsers.address,
        "An address of this host that connections to Zabbix come from. Default: the kernel chooses.",
        example="192.0.2.5",
    ),
    Option(
        "zabbix.timeout",
        "10s",
        value_parsers.duration(0.1, 300),
        "The longest one exchange with a server may take, from the look-up of its name to its answer.",
    ),
    Option("zabbix.batch_size", 250, value_parsers.batch_size, "The most values in one request."),
    *TLS_OPTIONS,
    Option(
        "intervals.sample",
        "1s",
        value_parsers.duration(0.1, 3600),
        "How often the kernel is asked, as long as budget.cpu_percent allows. Minimum, maximum and average "
        "rest on these samples.",
    ),
    Option(
        "intervals.push",
        "60s",
        value_parsers.duration(0.1, 86400),
        "How often values are made of the samples and sent, in one batch.",
    ),
    Option(
        "intervals.limits",
        "60s",
        value_parsers.duration(1, 86400),
        "How often the limits of the kernel are looked at, at a push.",
    ),
    Option(
        "intervals.culprits",
        "60s",
        value_parsers.duration(1, 86400),
        "How often it is looked who holds the sockets of a state that has become many, at a push.",
    ),
    Option(
        "spool.path",
        "/var/lib/tcpwatchd/spool.db",
        value_parsers.path,
        "The backlog on disk. Every value passes through it, server up or down.",
    ),
    Option(
        "spool.max_size",
        "64MiB",
        value_parsers.size,
        "The most it may take; then the oldest values are given up.",
    ),
    Option(
        "spool.max_age", "7d", value_parsers.duration(60), "The longest a value waits; then it is given up."
    ),
    Option(
        "replay.rate",
        1000,
        value_parsers.rate,
        "How fast a backlog follows after an outage at most, in values a second and server; oldest first, "
        "live values behind it. It begins at a five-hundredth of this, grows while the server answers "
        "quickly, and is halved when an answer is slow or fails.",
    ),
    Option(
        "replay.delay",
        "30s",
        value_parsers.duration(0, 3600),
        "After an outage the backlog begins at random within this time, so that a fleet does not come back "
        "in the same second.",
    ),
    Option(
        "sampler.backend",
        "auto",
        value_parsers.one_of("auto", "netlink", "psutil"),
        "How sockets are read: netlink (Linux, cheap), psutil (anywhere, costly), or auto: netlink if it "
        "answers.",
    ),
    Option(
        "sampler.mode",
        "fast",
        value_parsers.one_of("fast", "full"),
        "netlink: fast takes ESTABLISHED and TIME_WAIT from counters of the kernel and reads only the other "
        "sockets, full reads every socket each time.",
    ),
    Option(
        "sampler.audit",
        "5m",
        value_parsers.duration(1, 86400),
        "How often all sockets are read to check those counters, at the next push. Where they do not hold, "
        "all sockets are read from then on, and the log says so.",
    ),
    Option(
        "budget.cpu_percent",
        1,
        value_parsers.percent,
        "The most that sampling may cost, in per cent of one core. Where samples are dearer, they are taken "
        "less often, down to one a push.",
    ),
    Option(
        "log.level",
        "info",
        value_parsers.one_of("debug", "info", "warning", "error"),
        "The least that is logged, to standard error.",
    ),
    Option(
        "counters",
        list(DEFAULT_COUNTERS),
        value_parsers.several(KERNEL_COUNTERS, DEFAULT_COUNTERS[:2]),
        f"Which counters of the kernel are sent, any of {', '.join(KERNEL_COUNTERS)}; [] sends none.",
    ),
    Option(
        "keys.dialect",
        NONE,
        value_parsers.one_of(NONE, *DIALECTS),
        "Whose item keys the states are sent under too, so that a host that moves over keeps its items and "
        f"their history: {', '.join(DIALECTS)}, or {NONE}.",
    ),
    Option(
        "keys.own",
        True,
        value_parsers.truth,
        "Whether our own keys are sent beside those of another dialect.",
    ),
    Option(
        "keys.pattern",
        None,
        read_pattern,
        "A key of another script that the states are sent under too: STATE stands for each state, PORT or "
        "SERVICE for each service.",
        example='"tcp.status[STATE]"',
    ),
    Option(
        "keys.spelling",
        DEFAULT_SPELLING,
        spelling,
        f"How STATE is spelled there: {', '.join(_PLAIN_SPELLINGS)}; with -upper or -lower behind it in "
        "capital or small letters alone.",
    ),
    Option(
        "keys.patterns",
        None,
        read_patterns,
        "Several patterns, each with its spelling. total: what stands for STATE where all connections are "
        "counted. json: true, in place of STATE: one value with all states.",
        example='[{pattern: "net.tcp.count.depend[PORT,,STATE]", total: CountAll}, '
        '{pattern: "net.tcp.count.bulk[PORT]", json: true}]',
    ),
    Option(
        "aliases",
        None,
        value_parsers.key_pairs,
        "Further keys for single values, theirs: ours.",
        example='{"sockstat.tcp.orphan": "tcpwatchd.limit.used[orphans]"}',
    ),
    Option(
        "culprits.states",
        [state.parameter for state in DEFAULT_CULPRITS],
        _culprits,
        "Of which states it is told who holds their sockets, by program where the daemon may see that, else "
        f"by user and port; any of {', '.join(state.parameter for state in CULPRITS)}, [] for none.",
    ),
    Option(
        "culprits.threshold",
        50,
        value_parsers.sockets,
        "How many sockets of a state have to be there until somebody looks.",
    ),
    Option(
        "services",
        None,
        read_services,
        "Sockets counted apart, by name: local_ports, remote_ports, or both (then both must fit), and "
        "local_addresses or remote_addresses if wanted. Zabbix makes the items by itself.",
        example="[{name: ssh, local_ports: [22]}, {name: web, local_ports: [80, 443]}, "
        '{name: db, remote_ports: ["3306-3310"], '
        "remote_addresses: [10.0.0.0/8]}]",
    ),
    Option(
        "discover",
        NOTHING,
        value_parsers.one_of(NOTHING, LISTENERS),
        "listeners: makes a service of each listening port below or above the ephemeral ones, too.",
    ),
    Option(
        "namespaces",
        False,
        value_parsers.truth,
        "Whether the network namespaces of the host beside its own (containers) are counted too, from their "
        "counters; Zabbix makes the items by itself.",
    ),
    *_statistics_options(),
)
