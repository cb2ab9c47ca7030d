"""Metrics of the daemon and its samples: one row for each `tcpwatchd.self[NAME]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tcpwatchd.model.units import Number
from tcpwatchd.model.vitals import Vitals
from tcpwatchd.model.window import Window


class VitalRow(NamedTuple):
    """`kind` is `count`, `amount` (may be a fraction) or `text`; the three texts as in states.py."""

    name: str
    title: str
    kind: str
    units: str
    meaning: str
    rise: str
    look: str
    read: Callable[[Window, Vitals], Number]


# Values that never wait on disk: the delivery adds them to each request.
BY_DELIVERY = HEARTBEAT, ELSEWHERE = "tcpwatchd.self[heartbeat]", "tcpwatchd.self[waiting_elsewhere]"


def _added_by_delivery(_window: Window, _own: Vitals) -> Number:
    return None


SINCE = "since the previous push"
JOURNAL = "`journalctl -u tcpwatchd` on the host names the cause."

VITAL_ROWS: tuple[VitalRow, ...] = (
    VitalRow(
        "uptime",
        "Uptime",
        "count",
        "uptime",
        "Time since the daemon started. It is sent with every push.",
        "It always grows. A fall means that the daemon was restarted.",
        "`systemctl status tcpwatchd` on the host; then " + JOURNAL,
        lambda _, own: own.uptime_s,
    ),
    VitalRow(
        "heartbeat",
        "Heartbeat",
        "count",
        "s",
        "Sent with each request; its time stamp is the time of sending. The value is the age of the newest "
        "other value in the request: 0 or 1, and more while a backlog is sent.",
        "The host sends values that had to wait, the oldest first.",
        "If it is missing, the host sends nothing: `systemctl status tcpwatchd` on the host, then `tcpwatchd "
        "backlog`.",
        _added_by_delivery,
    ),
    VitalRow(
        "waiting_elsewhere",
        "Age of the oldest value that waits for another server",
        "count",
        "s",
        "Age of the oldest value on disk that another entry of zabbix.servers has not accepted yet. It is "
        "sent as the heartbeat is, and only once an hour while it stays 0.",
        "Another Zabbix server or proxy is not reachable, or does not accept values.",
        "`tcpwatchd backlog` on the host shows what waits, for which server, and since when.",
        _added_by_delivery,
    ),
    VitalRow(
        "version",
        "Version",
        "text",
        "",
        "The version that is running.",
        "It changes with an upgrade.",
        "`tcpwatchd --version` shows the one that is installed; they differ until the service is restarted.",
        lambda _, own: own.version,
    ),
    VitalRow(
        "backend",
        "Backend",
        "text",
        "",
        "How sockets are read: `netlink` (sock_diag, cheap) or `psutil` (fallback: correct, but it reads "
        "every descriptor of every process).",
        "A change to psutil means that the kernel, or the sandbox of the service, does not allow netlink "
        "any more.",
        JOURNAL + " Usual: the module tcp_diag is missing, or AF_NETLINK is not allowed in the unit.",
        lambda _, own: own.backend,
    ),
    VitalRow(
        "mode",
        "Sampling mode",
        "text",
        "",
        "`fast`: ESTABLISHED and TIME_WAIT are taken from counters of the kernel, the other sockets are "
        "read. `full`: all sockets are read.",
        "A change to full means that the counters are not reliable on this host: see audit_difference.",
        JOURNAL + " Otherwise sampler.mode is full in the configuration.",
        lambda _, own: own.mode,
    ),
    VitalRow(
        "audit_difference",
        "Audit difference between counters and dump",
        "count",
        "",
        "Number of sockets by which the kernel's counters and a full dump differ, beyond what changed "
        f"between them; the maximum {SINCE}. Sent only with pushes that include an audit (sampler.audit).",
        "Once: a burst of connections. After three audits in a row the counters are not used any more and "
        "the mode is full, until audits have agreed for a day.",
        JOURNAL + " Please report it, with the kernel's version.",
        lambda window, _: window.audit,
    ),
    VitalRow(
        "samples",
        "Samples taken",
        "count",
        "",
        f"Whole samples {SINCE}. Minimum, maximum and average are computed from them, and those of some "
        "states from counter_samples too.",
        "It is intervals.push divided by intervals.sample. If it is lower, samples were dropped, missed or "
        "spared.",
        "Compare with samples_dropped, samples_missed and samples_spared.",
        lambda window, _: window.samples,
    ),
    VitalRow(
        "counter_samples",
        "Samples of counters",
        "count",
        "",
        f"Ticks {SINCE} between two whole samples at which only counters and listeners were read. Minimum, "
        "maximum and average of ESTABLISHED, TIME_WAIT, LISTEN and CLOSE, and the accept queues, are "
        "computed from samples and counter_samples together.",
        "More than 0 means that samples cost so much that they are taken less often: see samples_spared.",
        "tcpwatchd.self[sample_interval] and [sample_cpu]; budget.cpu_percent allows more samples.",
        lambda window, _: window.counter_samples,
    ),
    VitalRow(
        "samples_dropped",
        "Samples dropped",
        "count",
        "",
        f"Samples {SINCE} that were dropped because the kernel's answer was truncated, interrupted or "
        "refused. A partial count would look like a fall.",
        "A few are harmless when many sockets change. If all are dropped, the kernel does not answer and no "
        "state values are sent.",
        JOURNAL,
        lambda window, _: window.dropped,
    ),
    VitalRow(
        "samples_missed",
        "Samples missed",
        "count",
        "",
        f"Sample ticks {SINCE} that passed while the daemon was busy, stopped or suspended.",
        "The host is short of CPU, was suspended, or a sample takes longer than intervals.sample.",
        "Compare sample_cpu with intervals.sample; look at the load of the host.",
        lambda window, _: window.missed,
    ),
    VitalRow(
        "samples_spared",
        "Samples spared",
        "count",
        "",
        f"Ticks {SINCE} without a whole sample, to keep to budget.cpu_percent. Counters are read instead: "
        "see counter_samples.",
        "A sample costs more: there are more sockets, or netlink or the fast mode is not used any more.",
        "Compare sample_cpu, backend and mode; a larger budget.cpu_percent takes more samples.",
        lambda window, _: window.spared,
    ),
    VitalRow(
        "failures",
        "Failed parts of a push",
        "count",
        "",
        f"Parts of a push that failed {SINCE}: an inspection, a reader of /proc, a single value. Their "
        "values are missing, all other values are sent. Failed samples are counted in samples_dropped.",
        "Once: a process or a namespace ended while it was read. At each push: tcpwatchd cannot read "
        "something on this host.",
        JOURNAL + " A line with a traceback is a bug: please report it.",
        lambda _, own: own.failures,
    ),
    VitalRow(
        "sample_interval",
        "Interval between samples",
        "amount",
        "s",
        "intervals.sample, or a multiple of it to keep to budget.cpu_percent.",
        "A sample costs more: there are more sockets, or netlink or the fast mode is not used any more.",
        "Compare sample_cpu, backend and mode; a larger budget.cpu_percent takes more samples.",
        lambda _, own: own.sample_interval_s,
    ),
    VitalRow(
        "cpu",
        "CPU utilization",
        "amount",
        "%",
        f"CPU time of the daemon {SINCE} in per cent of one core. Not sent at the first push.",
        "More sockets, a shorter intervals.sample, or a backlog that is being sent.",
        "budget.cpu_percent limits the cost of sampling; a longer intervals.sample lowers it in proportion.",
        lambda _, own: own.cpu_percent,
    ),
    VitalRow(
        "sample_cpu",
        "CPU time of one sample",
        "amount",
        "s",
        f"CPU time of one sample, including the kernel; the mean {SINCE}.",
        "It grows with the number of sockets of the host.",
        "It is several times higher in mode full, and many times with backend psutil: see these two items.",
        lambda _, own: own.sample_cpu_s,
    ),
    VitalRow(
        "rss",
        "Resident memory",
        "count",
        "B",
        "Resident memory of the daemon.",
        "It does not depend on the number of sockets; a steady rise is a bug of tcpwatchd.",
        "Restart it and report the graph.",
        lambda _, own: own.rss_bytes,
    ),
    VitalRow(
        "clock_steps",
        "Steps of the wall clock",
        "count",
        "",
        f"How often the wall clock was set {SINCE}: by a second or more, or so far back that stamps went "
        "back.",
        "Times of values before and after do not match. If the clock was set back, two values may have the "
        "same second.",
        "`timedatectl`, `chronyc tracking`; " + JOURNAL + " says by how much.",
        lambda _, own: own.clock_steps,
    ),
)
