"""What the daemon says about itself and its samples: one row per `tcpwatchd.self[NAME]`.

Alone knows these names and their words; those of delivery are in `spool_vitals`. The numbers come as `Vitals`
and `Window`; nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tcpwatchd.model.units import Number
from tcpwatchd.model.window import Vitals, Window


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


SINCE = "since the push before"
JOURNAL = "`journalctl -u tcpwatchd` on the host names the cause."

VITAL_ROWS: tuple[VitalRow, ...] = (
    VitalRow(
        "uptime",
        "uptime of the daemon",
        "count",
        "uptime",
        "Seconds since the daemon started. It comes with every push, so its absence is the heartbeat's "
        "alarm: nothing arrives from this host.",
        "It only grows; a fall means the daemon was restarted.",
        "`systemctl status tcpwatchd` on the host; then " + JOURNAL,
        lambda _, own: own.uptime_s,
    ),
    VitalRow(
        "version",
        "version of the daemon",
        "text",
        "",
        "The version that is running.",
        "It changes at an upgrade.",
        "`tcpwatchd --version` shows the one that is installed; they differ until the service is restarted.",
        lambda _, own: own.version,
    ),
    VitalRow(
        "backend",
        "how sockets are read",
        "text",
        "",
        "`netlink` (sock_diag, cheap) or `psutil` (the fallback: correct, but it walks every descriptor of "
        "every process).",
        "A change to psutil means that this kernel or its sandbox no longer answers over netlink.",
        JOURNAL + " Usual: the module tcp_diag is missing, or AF_NETLINK is not allowed in the unit.",
        lambda _, own: own.backend,
    ),
    VitalRow(
        "mode",
        "which sockets are read",
        "text",
        "",
        "`fast`: ESTABLISHED and TIME_WAIT are taken from counters of the kernel, and only the other sockets "
        "are read; or `full`: all of them are.",
        "A change to full means that the counters cannot be relied on here: see audit_difference.",
        JOURNAL + " Without one, sampler.mode says so.",
        lambda _, own: own.mode,
    ),
    VitalRow(
        "audit_difference",
        "sockets that the counters are off by",
        "count",
        "",
        "By how many sockets the kernel's counters and a full dump differed beyond what came and went "
        f"meanwhile; the most {SINCE}. Sent with each push that such an audit fell into (sampler.audit).",
        "Once: a burst of connections. Three audits in a row: counters are not used any more, mode is full, "
        "until audits have agreed for a day.",
        JOURNAL + " Please report it, with the kernel's version.",
        lambda window, _: window.audit,
    ),
    VitalRow(
        "samples",
        "samples taken",
        "count",
        "",
        f"Whole samples {SINCE}: what minimum, maximum and average rest on.",
        "It follows from intervals.push and intervals.sample; fewer means dropped, missed or spared ones.",
        "Compare with samples_dropped, samples_missed and samples_spared.",
        lambda window, _: window.samples,
    ),
    VitalRow(
        "samples_dropped",
        "samples dropped",
        "count",
        "",
        f"Samples {SINCE} that were not whole: the kernel's answer was cut short, interrupted or refused. "
        "They are dropped, because half a count looks like a fall.",
        "A few under heavy churn are harmless. All of them: the kernel no longer answers, and no state "
        "values are sent until it does.",
        JOURNAL,
        lambda window, _: window.dropped,
    ),
    VitalRow(
        "samples_missed",
        "samples missed",
        "count",
        "",
        f"Sample ticks {SINCE} that passed unused because the daemon was busy, stopped or suspended.",
        "The host is short of CPU, was suspended, or a sample takes longer than intervals.sample.",
        "Compare sample_cpu with intervals.sample; look at the load of the host.",
        lambda window, _: window.missed,
    ),
    VitalRow(
        "samples_spared",
        "samples spared",
        "count",
        "",
        f"Sample ticks {SINCE} that were left out to keep to budget.cpu_percent.",
        "A sample has become dearer: there are more sockets, or netlink or the fast way is lost.",
        "Compare sample_cpu, backend and mode; a larger budget.cpu_percent takes more samples.",
        lambda window, _: window.spared,
    ),
    VitalRow(
        "failures",
        "failed parts of a push",
        "count",
        "",
        f"Parts of a push that failed {SINCE}: a closer look, a reader of /proc, a single value. What such a "
        "part would have said is absent, all else is sent. Samples that failed are in samples_dropped.",
        "Once: a process or a namespace ended while it was looked at. At each push: something of this host "
        "is not as tcpwatchd expects it.",
        JOURNAL + " A line with a traceback is a bug: please report it.",
        lambda _, own: own.failures,
    ),
    VitalRow(
        "sample_interval",
        "interval between samples",
        "amount",
        "s",
        "The interval in use: intervals.sample, or a multiple of it where budget.cpu_percent asks for that.",
        "A sample has become dearer: there are more sockets, or netlink or the fast way is lost.",
        "Compare sample_cpu, backend and mode; a larger budget.cpu_percent takes more samples.",
        lambda _, own: own.sample_interval_s,
    ),
    VitalRow(
        "cpu",
        "CPU used by the daemon",
        "amount",
        "%",
        f"CPU time of the daemon {SINCE}, in per cent of one core. Not sent at the first push.",
        "More sockets, a shorter intervals.sample, or a backlog that is being sent.",
        "budget.cpu_percent bounds what sampling costs; a longer intervals.sample lowers it in proportion.",
        lambda _, own: own.cpu_percent,
    ),
    VitalRow(
        "sample_cpu",
        "CPU for one sample",
        "amount",
        "s",
        f"CPU seconds of one sample, the kernel's part included; the mean {SINCE}.",
        "It grows with the number of sockets on the host.",
        "With the psutil backend it is many times higher, in mode full several times: see those two.",
        lambda _, own: own.sample_cpu_s,
    ),
    VitalRow(
        "rss",
        "memory of the daemon",
        "count",
        "B",
        "Resident memory of the daemon.",
        "It does not depend on the number of sockets; a steady rise is a bug of tcpwatchd.",
        "Restart it and report the graph.",
        lambda _, own: own.rss_bytes,
    ),
    VitalRow(
        "clock_steps",
        "steps of the wall clock",
        "count",
        "",
        f"How often the wall clock was set {SINCE}, by a second or more, or so far back that stamps went "
        "back with it.",
        "Values before and after do not fit together in time; where the clock was set back, two of them may "
        "claim the same second.",
        "`timedatectl`, `chronyc tracking`; " + JOURNAL + " says by how much.",
        lambda _, own: own.clock_steps,
    ),
)
