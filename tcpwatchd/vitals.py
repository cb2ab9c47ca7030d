"""What the daemon says about itself: one row per `tcpwatchd.self[NAME]`.

Alone knows these names and their words. The numbers come as `Vitals` and `Window`; nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Union

from tcpwatchd.model import Vitals, Window

Number = Union[int, float, str, None]


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


_SINCE = "since the push before"
_JOURNAL = "`journalctl -u tcpwatchd` on the host names the cause."
_BACKLOG = "`tcpwatchd backlog` on the host shows what waits, for which server and since when."

VITAL_ROWS: tuple[VitalRow, ...] = (
    VitalRow(
        "uptime",
        "uptime of the daemon",
        "count",
        "uptime",
        "Seconds since the daemon started. It comes with every push, so its absence is the heartbeat's "
        "alarm: nothing arrives from this host.",
        "It only grows; a fall means the daemon was restarted.",
        "`systemctl status tcpwatchd` on the host; then " + _JOURNAL,
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
        _JOURNAL + " Usual: the module tcp_diag is missing, or AF_NETLINK is not allowed in the unit.",
        lambda _, own: own.backend,
    ),
    VitalRow(
        "samples",
        "samples taken",
        "count",
        "",
        f"Whole samples {_SINCE}: what minimum, maximum and average rest on.",
        "It follows from intervals.push and intervals.sample; fewer means dropped or missed ones.",
        "Compare with samples_dropped and samples_missed.",
        lambda window, _: window.samples,
    ),
    VitalRow(
        "samples_dropped",
        "samples dropped",
        "count",
        "",
        f"Samples {_SINCE} that were not whole: the kernel's answer was cut short, interrupted or refused. "
        "They are dropped, because half a count looks like a fall.",
        "A few under heavy churn are harmless. All of them: the kernel no longer answers, and no state "
        "values are sent until it does.",
        _JOURNAL,
        lambda window, _: window.dropped,
    ),
    VitalRow(
        "samples_missed",
        "samples missed",
        "count",
        "",
        f"Sample ticks {_SINCE} that passed unused because the daemon was busy, stopped or suspended.",
        "The host is short of CPU, was suspended, or a sample takes longer than intervals.sample.",
        "Compare sample_cpu with intervals.sample; look at the load of the host.",
        lambda window, _: window.missed,
    ),
    VitalRow(
        "cpu",
        "CPU used by the daemon",
        "amount",
        "%",
        f"CPU time of the daemon {_SINCE}, in per cent of one core. Not sent at the first push.",
        "More sockets, or a shorter intervals.sample.",
        "A longer intervals.sample lowers it in proportion.",
        lambda _, own: own.cpu_percent,
    ),
    VitalRow(
        "sample_cpu",
        "CPU for one sample",
        "amount",
        "s",
        f"CPU seconds of one sample, the kernel's part included; the mean {_SINCE}.",
        "It grows with the number of sockets on the host.",
        "With the psutil backend it is many times higher: see tcpwatchd.self[backend].",
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
        "spool_values",
        "values waiting",
        "count",
        "",
        "Values on disk that have not been accepted yet, for the destination that is furthest behind; "
        "counted before this push is added.",
        "A server does not answer or does not accept. Nothing is lost while the spool has room.",
        _BACKLOG,
        lambda _, own: own.spool_values,
    ),
    VitalRow(
        "spool_age",
        "age of the oldest value waiting",
        "count",
        "s",
        "How long the oldest value on disk has been waiting.",
        "A server has been away for that long. At spool.max_age the oldest values are given up.",
        _BACKLOG,
        lambda _, own: own.spool_age_s,
    ),
    VitalRow(
        "spool_size",
        "size of the backlog on disk",
        "count",
        "B",
        "Bytes of the spool in use.",
        "It grows while a server is away. At spool.max_size the oldest values are given up.",
        _BACKLOG,
        lambda _, own: own.spool_size_bytes,
    ),
    VitalRow(
        "trimmed_by_age",
        "values given up, too old",
        "count",
        "",
        f"Values removed undelivered {_SINCE} because they were older than spool.max_age.",
        "Data of a long outage is being lost, the oldest first.",
        _BACKLOG + " A larger spool.max_age keeps more.",
        lambda _, own: own.lost.by_age,
    ),
    VitalRow(
        "trimmed_by_size",
        "values given up, no room",
        "count",
        "",
        f"Values removed undelivered {_SINCE} because the spool had reached spool.max_size.",
        "Data of a long outage is being lost, the oldest first.",
        _BACKLOG + " A larger spool.max_size keeps more.",
        lambda _, own: own.lost.by_size,
    ),
    VitalRow(
        "trimmed_refused",
        "values given up, refused to the end",
        "count",
        "",
        f"Values set aside that were removed undelivered {_SINCE}: their key was still refused when the "
        "spool's bounds were reached, or their server was taken out of the configuration.",
        "As a rule an item has been missing in Zabbix for spool.max_age.",
        "`tcpwatchd backlog` names the keys. Create the items, or leave the statistic out (statistics).",
        lambda _, own: own.lost.refused,
    ),
    VitalRow(
        "unspooled",
        "values that could not be written",
        "count",
        "",
        f"Values lost {_SINCE} because the disk took nothing (full, read-only, broken) for so long that "
        "memory, where they are held meanwhile, was full too.",
        "The disk has been in trouble and a server away, both for hours.",
        _JOURNAL + " Then: `df -h`, `df -i`, `mount | grep ro,`.",
        lambda _, own: own.lost.unwritten,
    ),
    VitalRow(
        "damaged",
        "values lost with a damaged spool",
        "count",
        "",
        f"Values lost {_SINCE} because the spool's file was damaged, as far as their number is known, else "
        "1. The file is kept beside the new one, as spool.db.damaged.",
        "The disk, or its last power cut, has damaged the file.",
        _JOURNAL + " Look after the disk: `dmesg`, SMART values.",
        lambda _, own: own.lost.damaged,
    ),
    VitalRow(
        "refused",
        "values refused by a server",
        "count",
        "",
        f"Values {_SINCE} that a server did not take, or that were set aside because it refuses their key. "
        "They wait on disk until it takes the key.",
        "An item is missing or disabled in Zabbix, is not of type trapper, or does not allow this sender.",
        "`tcpwatchd backlog` on the host names the keys at fault; usually the template needs a new import.",
        lambda _, own: own.refused,
    ),
    VitalRow(
        "refused_keys",
        "keys refused by a server",
        "count",
        "",
        "How many keys some server refuses at this moment. They are tried again every ten minutes and at a "
        "reload.",
        "An item is missing or disabled in Zabbix, is not of type trapper, or does not allow this sender.",
        "`tcpwatchd backlog` on the host names the keys at fault; usually the template needs a new import.",
        lambda _, own: own.refused_keys,
    ),
    VitalRow(
        "set_aside",
        "values set aside",
        "count",
        "",
        "Values on disk whose key a server refuses; they are delivered when it takes the key.",
        "It grows with each push while a key is refused, up to the spool's bounds.",
        _BACKLOG,
        lambda _, own: own.set_aside,
    ),
    VitalRow(
        "clock_steps",
        "steps of the wall clock",
        "count",
        "",
        f"How often the wall clock was set {_SINCE}, by a second or more, or so far back that stamps went "
        "back with it.",
        "Values before and after do not fit together in time; where the clock was set back, two of them may "
        "claim the same second.",
        "`timedatectl`, `chronyc tracking`; " + _JOURNAL + " says by how much.",
        lambda _, own: own.clock_steps,
    ),
)
