"""What the daemon says about delivery: what waits on disk, what is refused, what was lost.

Alone knows these rows of `tcpwatchd.self[NAME]` and their words, beside `vitals`.
"""

from __future__ import annotations

from collections.abc import Callable

from tcpwatchd.metrics.self_metrics import JOURNAL, SINCE, VitalRow
from tcpwatchd.model.backlog_level import Level
from tcpwatchd.model.units import Number
from tcpwatchd.model.window import Vitals, Window

_BACKLOG = "`tcpwatchd backlog` on the host shows what waits, for which server and since when."


def _level(read: Callable[[Level], int]) -> Callable[[Window, Vitals], Number]:
    return lambda _, own: None if own.spool is None else read(own.spool)


SPOOL_ROWS: tuple[VitalRow, ...] = (
    VitalRow(
        "spool_values",
        "values waiting",
        "count",
        "",
        "Values on disk that have not been accepted yet, for the destination that is furthest behind; "
        "counted before this push is added.",
        "A server does not answer or does not accept. Nothing is lost while the spool has room.",
        _BACKLOG,
        _level(lambda spool: spool.values),
    ),
    VitalRow(
        "spool_age",
        "age of the oldest value waiting",
        "count",
        "s",
        "How long the oldest value on disk has been waiting.",
        "A server has been away for that long. At spool.max_age the oldest values are given up.",
        _BACKLOG,
        _level(lambda spool: spool.age_s),
    ),
    VitalRow(
        "spool_size",
        "size of the backlog on disk",
        "count",
        "B",
        "Bytes of the spool in use.",
        "It grows while a server is away. At spool.max_size the oldest values are given up.",
        _BACKLOG,
        _level(lambda spool: spool.size_bytes),
    ),
    VitalRow(
        "memory_values",
        "values in memory, not on disk",
        "count",
        "",
        "Values that the disk has not taken and that some server has not accepted yet; counted before this "
        "push is added. They are sent from memory, which holds 1 MiB of them; a kill loses them.",
        "The disk of the spool is full, read-only, fails or hangs.",
        JOURNAL + " Then: `df -h`, `df -i`, `dmesg`.",
        _level(lambda spool: spool.in_memory),
    ),
    VitalRow(
        "disk_hang",
        "time the disk has not answered",
        "count",
        "s",
        "For how long the disk of the spool has not answered at this push; 0 where it answers within five "
        "seconds. Sampling and delivery go on from memory meanwhile.",
        "A backup freezes the file system, a network disk is away, or the disk is dying.",
        JOURNAL + " Then: `dmesg`, `mount`, the time of the backup.",
        _level(lambda spool: spool.disk_hangs_s),
    ),
    VitalRow(
        "trimmed_by_age",
        "values given up, too old",
        "count",
        "",
        f"Values removed undelivered {SINCE} because they were older than spool.max_age.",
        "Data of a long outage is being lost, the oldest first.",
        _BACKLOG + " A larger spool.max_age keeps more.",
        lambda _, own: own.lost.by_age,
    ),
    VitalRow(
        "trimmed_by_size",
        "values given up, no room",
        "count",
        "",
        f"Values removed undelivered {SINCE} because the spool had reached spool.max_size.",
        "Data of a long outage is being lost, the oldest first.",
        _BACKLOG + " A larger spool.max_size keeps more.",
        lambda _, own: own.lost.by_size,
    ),
    VitalRow(
        "trimmed_refused",
        "values given up, refused to the end",
        "count",
        "",
        f"Values set aside that were removed undelivered {SINCE}: their key was still refused when the "
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
        f"Values lost {SINCE} because the disk took nothing (full, read-only, broken) for so long that "
        "memory, where they are held meanwhile, was full too.",
        "The disk has been in trouble and a server away, both for hours.",
        JOURNAL + " Then: `df -h`, `df -i`, `mount | grep ro,`.",
        lambda _, own: own.lost.unwritten,
    ),
    VitalRow(
        "damaged",
        "values lost with a damaged spool",
        "count",
        "",
        f"Values lost {SINCE} because the spool's file was damaged, as far as their number is known, else "
        "1. The file is kept beside the new one, as spool.db.damaged.",
        "The disk, or its last power cut, has damaged the file.",
        JOURNAL + " Look after the disk: `dmesg`, SMART values.",
        lambda _, own: own.lost.damaged,
    ),
    VitalRow(
        "refused",
        "values refused by a server",
        "count",
        "",
        f"Values {SINCE} that a server did not take, or that were set aside because it refuses their key. "
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
        _level(lambda spool: spool.refused_keys),
    ),
    VitalRow(
        "set_aside",
        "values set aside",
        "count",
        "",
        "Values on disk whose key a server refuses; they are delivered when it takes the key.",
        "It grows with each push while a key is refused, up to the spool's bounds.",
        _BACKLOG,
        _level(lambda spool: spool.set_aside),
    ),
)
