"""OPTIONS: one row for each configuration key, with its default, its meaning and its parser.

`config.py` reads files by this table, and `config.example.yaml` is printed from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcpwatchd.config import value_parsers
from tcpwatchd.config.pattern_readers import DEFAULT_SPELLING, read_pattern, read_patterns, spelling
from tcpwatchd.config.service_readers import read_services
from tcpwatchd.config.tls_options import TLS_OPTIONS
from tcpwatchd.config.value_parsers import Option
from tcpwatchd.config.zabbix_options import ZABBIX_OPTIONS
from tcpwatchd.diagnosis.culprits import CULPRITS, DEFAULT_CULPRITS
from tcpwatchd.kernel.kernel_counters import DEFAULT_COUNTERS, KERNEL_COUNTERS
from tcpwatchd.metrics.key_patterns import DIALECTS, NONE
from tcpwatchd.metrics.spellings import SPELLINGS
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_GROUPS, STATE_TEXTS
from tcpwatchd.model.window import DEFAULT_STATISTICS, STATISTIC_NAMES

_PLAIN_SPELLINGS = [name for name in SPELLINGS if "-" not in name]
_statistics = value_parsers.several(STATISTIC_NAMES, DEFAULT_STATISTICS)
_DAY = value_parsers.duration(1, 86400)
NOTHING, LISTENERS = "nothing", "listeners"


def _culprits(value: Any) -> tuple[State, ...]:
    every, first = [state.parameter for state in CULPRITS], [DEFAULT_CULPRITS[0].parameter]
    chosen = value_parsers.several(every, first)(value)
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
            f"For {state.name}: {STATE_TEXTS[state].summary}.",
            example="[value, delta, min, max, avg]" if state is State.TIME_WAIT else "[value]",
        )
        for state in State
    )
    everything = Option(
        "statistics.all",
        list(DEFAULT_STATISTICS),
        _statistics,
        f"Statistics that are sent for each state: {', '.join(STATISTIC_NAMES)}. A group overrides this, a "
        "state overrides its group; [] sends none.",
    )
    return (everything, *groups, *states)


OPTIONS: tuple[Option, ...] = (
    *ZABBIX_OPTIONS,
    *TLS_OPTIONS,
    Option(
        "intervals.sample",
        "1s",
        value_parsers.duration(0.1, 3600),
        "Interval between samples, as far as budget.cpu_percent allows. Minimum, maximum and average are "
        "computed from these samples.",
    ),
    Option(
        "intervals.push",
        "60s",
        value_parsers.duration(0.1, 86400),
        "Interval between pushes: values are computed from the samples and sent in one batch.",
    ),
    Option("intervals.limits", "60s", _DAY, "How often the limits of the kernel are read, at a push."),
    Option(
        "intervals.culprits",
        "60s",
        _DAY,
        "How often the holders of states with many sockets are looked up, at a push.",
    ),
    Option(
        "intervals.urgent",
        "5s",
        value_parsers.duration_or_off(1, 86400),
        "Values of a condition that an alarm rests on are sent when it appears, at most this often, or off.",
    ),
    Option(
        "intervals.unchanged",
        "10m",
        value_parsers.duration_or_off(1, 86400),
        "A value that does not change is sent again after this time, or six times this time if no graph has "
        "it. off: at each push, as keys of other scripts always are.",
    ),
    Option(
        "spool.path",
        "/var/lib/tcpwatchd/spool.db",
        value_parsers.path,
        "File of the backlog. All values pass through it, whether or not the server is reachable.",
    ),
    Option(
        "spool.max_size",
        "64MiB",
        value_parsers.size,
        "Maximum size of the backlog. Beyond it the oldest values are discarded.",
    ),
    Option(
        "spool.max_age",
        "7d",
        value_parsers.duration(60),
        "Maximum age of a waiting value. Older values are discarded.",
    ),
    Option(
        "replay.rate",
        1000,
        value_parsers.rate,
        "Maximum rate at which a backlog is sent after an outage, in values a second for each server; "
        "oldest values first, live values after them. It starts at 1/500 of this rate, grows while the "
        "server answers quickly, and is halved when an answer is slow or fails.",
    ),
    Option(
        "replay.delay",
        "30s",
        value_parsers.duration(0, 3600),
        "After an outage the backlog starts at a random moment within this time, so that many hosts do not "
        "start in the same second.",
    ),
    Option(
        "sampler.backend",
        "auto",
        value_parsers.one_of("auto", "netlink", "psutil"),
        "How sockets are read: netlink (Linux, cheap), psutil (everywhere, expensive), or auto: netlink if "
        "it works.",
    ),
    Option(
        "sampler.mode",
        "fast",
        value_parsers.one_of("fast", "full"),
        "For netlink: fast takes ESTABLISHED and TIME_WAIT from counters of the kernel and reads only the "
        "other sockets; full reads all sockets in each sample.",
    ),
    Option(
        "sampler.audit",
        "5m",
        value_parsers.duration(1, 86400),
        "How often all sockets are read to check these counters, at the next push. While the counters are "
        "right, this time is doubled, up to 1h. If they are wrong, all sockets are read from then on, and "
        "this is logged.",
    ),
    Option(
        "budget.cpu_percent",
        1,
        value_parsers.percent,
        "CPU budget of sampling, in per cent of one core. If samples cost more, they are taken less often, "
        "down to one for each push.",
    ),
    Option(
        "log.level",
        "info",
        value_parsers.one_of("debug", "info", "warning", "error"),
        "Minimum level of log messages, which go to standard error.",
    ),
    Option(
        "counters",
        list(DEFAULT_COUNTERS),
        value_parsers.several(KERNEL_COUNTERS, DEFAULT_COUNTERS[:2]),
        f"Counters of the kernel that are sent: {', '.join(KERNEL_COUNTERS)}; [] sends none.",
    ),
    Option(
        "keys.dialect",
        NONE,
        value_parsers.one_of(NONE, *DIALECTS),
        "Also send the states under the item keys of another script or agent, so that its items and history "
        f"are kept: {', '.join(DIALECTS)}, or {NONE}.",
    ),
    Option(
        "keys.own",
        True,
        value_parsers.truth,
        "Whether the keys of tcpwatchd are sent too, in addition to those of another script.",
    ),
    Option(
        "keys.pattern",
        None,
        read_pattern,
        "Also send the states under this key of another script. STATE stands for each state, PORT or "
        "SERVICE for each service.",
        example='"tcp.status[STATE]"',
    ),
    Option(
        "keys.spelling",
        DEFAULT_SPELLING,
        spelling,
        f"Spelling of STATE in keys.pattern: {', '.join(_PLAIN_SPELLINGS)}; with -upper or -lower appended, "
        "in upper or lower case only.",
    ),
    Option(
        "keys.patterns",
        None,
        read_patterns,
        "Several patterns, each with its own spelling. total: the word in place of STATE for the number of "
        "all connections. json: true, without STATE: one value with all states.",
        example='[{pattern: "net.tcp.count.depend[PORT,,STATE]", total: CountAll}, '
        '{pattern: "net.tcp.count.bulk[PORT]", json: true}]',
    ),
    Option(
        "aliases",
        None,
        value_parsers.key_pairs,
        "Further keys for single values, as other key: key of tcpwatchd.",
        example='{"sockstat.tcp.orphan": "tcpwatchd.limit.used[orphans]"}',
    ),
    Option(
        "culprits.states",
        [state.parameter for state in DEFAULT_CULPRITS],
        _culprits,
        "States whose holders are reported: programs if the daemon may see them, else user and port. Any "
        f"of {', '.join(state.parameter for state in CULPRITS)}, [] for none.",
    ),
    Option(
        "culprits.threshold",
        50,
        value_parsers.sockets,
        "Number of sockets of a state from which on its holders are looked up.",
    ),
    Option(
        "culprits.age",
        "10m",
        _DAY,
        "Time after which a socket in CLOSE_WAIT, FIN_WAIT2 or CLOSE is old; alarms for leaks count these.",
    ),
    Option(
        "services",
        None,
        read_services,
        "Services: sockets that are counted separately. Each has a name and local_ports, remote_ports, or "
        "both (then both must match), and optionally local_addresses or remote_addresses. Zabbix discovers "
        "their items.",
        example="[{name: ssh, local_ports: [22]}, {name: web, local_ports: [80, 443]}, "
        '{name: db, remote_ports: ["3306-3310"], '
        "remote_addresses: [10.0.0.0/8]}]",
    ),
    Option(
        "discover",
        NOTHING,
        value_parsers.one_of(NOTHING, LISTENERS),
        "listeners: each listening port outside the ephemeral range becomes a service too.",
    ),
    Option(
        "namespaces",
        False,
        value_parsers.truth,
        "Whether other network namespaces of the host (containers) are counted too, from their counters. "
        "Zabbix discovers their items.",
    ),
    *_statistics_options(),
)
