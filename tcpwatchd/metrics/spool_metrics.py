"""Metrics of delivery: what waits on disk, what is refused, what was lost."""

from __future__ import annotations

from collections.abc import Callable

from tcpwatchd.metrics.self_metrics import JOURNAL, SINCE, VitalRow
from tcpwatchd.model.backlog_level import Level
from tcpwatchd.model.units import Number
from tcpwatchd.model.vitals import Vitals
from tcpwatchd.model.window import Window

_BACKLOG = "`tcpwatchd backlog` on the host shows what waits, for which server, and since when."


def _level(read: Callable[[Level], int]) -> Callable[[Window, Vitals], Number]:
    return lambda _, own: None if own.spool is None else read(own.spool)


SPOOL_ROWS: tuple[VitalRow, ...] = (
    VitalRow(
        "spool_values",
        "Values waiting",
        "count",
        "",
        "Values on disk that a server has not accepted yet; the maximum of all destinations, without this "
        "push.",
        "A server does not answer or does not accept values. No value is lost while the spool has room.",
        _BACKLOG,
        _level(lambda spool: spool.values),
    ),
    VitalRow(
        "spool_age",
        "Age of the oldest waiting value",
        "count",
        "s",
        "Age of the oldest value on disk.",
        "A server has been unreachable for that long. From spool.max_age on, the oldest values are "
        "discarded.",
        _BACKLOG,
        _level(lambda spool: spool.age_s),
    ),
    VitalRow(
        "spool_size",
        "Size of the backlog",
        "count",
        "B",
        "Bytes of the spool in use.",
        "It grows while a server is unreachable. At spool.max_size the oldest values are discarded.",
        _BACKLOG,
        _level(lambda spool: spool.size_bytes),
    ),
    VitalRow(
        "memory_values",
        "Values in memory only",
        "count",
        "",
        "Values that are not on disk and that a server has not accepted yet, without this push. They are "
        "sent from memory (1 MiB at most). They are lost if the daemon is killed.",
        "The disk of the spool is full, read-only, defective, or hangs.",
        JOURNAL + " Then: `df -h`, `df -i`, `dmesg`.",
        _level(lambda spool: spool.in_memory),
    ),
    VitalRow(
        "disk_hang",
        "Time without an answer of the disk",
        "count",
        "s",
        "How long the disk of the spool has not answered; 0 if it answers within 5 seconds. Sampling and "
        "delivery continue from memory.",
        "A backup freezes the file system, a network disk is unreachable, or the disk is defective.",
        JOURNAL + " Then: `dmesg`, `mount`, the time of the backup.",
        _level(lambda spool: spool.disk_hangs_s),
    ),
    VitalRow(
        "trimmed_by_age",
        "Values discarded, too old",
        "count",
        "",
        f"Undelivered values removed {SINCE} because they were older than spool.max_age.",
        "Data of a long outage is lost, the oldest first.",
        _BACKLOG + " A larger spool.max_age keeps more.",
        lambda _, own: own.lost.by_age,
    ),
    VitalRow(
        "trimmed_by_size",
        "Values discarded, spool full",
        "count",
        "",
        f"Undelivered values removed {SINCE} because the spool had reached spool.max_size.",
        "Data of a long outage is lost, the oldest first.",
        _BACKLOG + " A larger spool.max_size keeps more.",
        lambda _, own: own.lost.by_size,
    ),
    VitalRow(
        "trimmed_refused",
        "Values discarded, key refused",
        "count",
        "",
        f"Values of refused keys removed {SINCE}: the key was still refused when the bounds of the spool "
        "were reached, or the server was removed from the configuration.",
        "Usually an item has been missing in Zabbix for spool.max_age.",
        "`tcpwatchd backlog` names the keys. Create the items, or leave the statistic out (statistics).",
        lambda _, own: own.lost.refused,
    ),
    VitalRow(
        "unspooled",
        "Values lost, not written to disk",
        "count",
        "",
        f"Values lost {SINCE} because the disk was not writable (full, read-only, defective) for so long "
        "that the memory buffer was full too.",
        "The disk was not writable and a server was unreachable, both for hours.",
        JOURNAL + " Then: `df -h`, `df -i`, `mount | grep ro,`.",
        lambda _, own: own.lost.unwritten,
    ),
    VitalRow(
        "damaged",
        "Values lost, spool damaged",
        "count",
        "",
        f"Values lost {SINCE} because the spool's file was damaged; 1 if their number is unknown. The "
        "damaged file is kept as spool.db.damaged.",
        "The disk is defective, or the power failed.",
        JOURNAL + " Check the disk: `dmesg`, SMART values.",
        lambda _, own: own.lost.damaged,
    ),
    VitalRow(
        "refused",
        "Values refused",
        "count",
        "",
        f"Values {SINCE} that a server refused, or whose key it refuses. They are stored until the key is "
        "accepted.",
        "An item is missing or disabled in Zabbix, is not of type trapper, or does not allow this sender.",
        "`tcpwatchd backlog` on the host names the keys. Usually the template has to be imported again.",
        lambda _, own: own.refused,
    ),
    VitalRow(
        "refused_keys",
        "Keys refused",
        "count",
        "",
        "Number of keys that a server refuses. They are tried again every ten minutes and at a reload.",
        "An item is missing or disabled in Zabbix, is not of type trapper, or does not allow this sender.",
        "`tcpwatchd backlog` on the host names the keys. Usually the template has to be imported again.",
        _level(lambda spool: spool.refused_keys),
    ),
    VitalRow(
        "set_aside",
        "Values of refused keys",
        "count",
        "",
        "Values on disk whose key a server refuses. They are stored until the key is accepted.",
        "It grows with each push while a key is refused, up to the bounds of the spool.",
        _BACKLOG,
        _level(lambda spool: spool.set_aside),
    ),
)
