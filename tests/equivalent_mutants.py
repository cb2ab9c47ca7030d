"""Changes of `tests.mutants` that give the same behaviour, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

_FIRST = "the first sample sets it"
_FRESH = "there is nothing to compare with before the first push"
_SLOWER = "it only changes how many rows are counted at once"
_WAIT = "it only changes how long a disk that hangs is waited for at the end"

# Module, the line's text, the change → why no test can notice it.
EQUIVALENT: Mapping[tuple[str, str, str], str] = {
    ("daemon/open_window", "last: int = 0", "0 → 1"): _FIRST,
    ("daemon/open_window", "minimum: int = 0", "0 → 1"): _FIRST,
    ("daemon/open_window", "maximum: int = 0", "0 → 1"): _FIRST,
    ("daemon/open_window", "self._before_at_s = 0.0", "0.0 → 1.0"): _FRESH,
    (
        "delivery/refused_key_search",
        "parts.setdefault(group_of.get(value.key, -1), []).append(value)",
        "1 → 2",
    ): "any number below the groups' is as good",
    (
        "delivery/refused_key_search",
        "size = -(-len(keys) // _CUTS) or 1",
        "1 → 2",
    ): "without keys there is nothing to cut, whatever the size",
    ("delivery/outbox", "self._recheck_discovered = False", "False → True"): "at a start all is asked again",
    (
        "delivery/outbox",
        "self._under_way = False  # whether some of the round was answered for",
        "False → True",
    ): "the first batch sets it",
    (
        "delivery/outbox",
        "self._refused = self._refused_taken = 0",
        "0 → 1",
    ): "only the difference of the two is told",
    (
        "delivery/outbox",
        "if self._batch is not None and len(self._batch.values) > at_most and not self._under_way:",
        "> → >=",
    ): "a batch of the wanted size is cut the same again",
    (
        "delivery/outbox",
        "if in_doubt or (answer.refused and not answer.processed):",
        "and → or",
    ): "where some were refused and some taken, it is in doubt; and a part is never empty",
    ("spool/spool_state", "self._directed = True", "True → False"): "opening the file sets it as well",
    (
        "spool/spool_state",
        'host, values, last_id = "", list[Value](), 0',
        "0 → 1",
    ): "it is read with values alone, and these set it",
    (
        "spool/spool",
        "def append(self, host: str, values: Sequence[Value], at_most: int, epoch: int = 0) -> None:",
        "0 → 1",
    ): "the daemon always gives it",
    (
        "spool/spool",
        "self._jobs.call(self._sync, lasting=True, patience_s=patience_s)",
        "True → False",
    ): "whatever was appended has posted the same",
    (
        "spool/spool",
        "self._jobs.call(self._writer.disk.close, lasting=True, patience_s=0.1 * patience_s)",
        "0.1 → 1.1",
    ): _WAIT,
    ("spool/spool", "return path.stat().st_size > 0", "0 → 1"): "no database has one byte",
    (
        "spool/spool",
        "self._jobs.call(self._write_twice, lasting=True)",
        "True → False",
    ): "whatever is posted later opens the file as well",
    (
        "spool/spool",
        "self._jobs.call(self._writer.disk.close, lasting=True, patience_s=0.1 * patience_s)",
        "* → +",
    ): _WAIT,
    (
        "kernel/inet_diag",
        "if column.count(column[:1]) < run:",
        "< → <=",
    ): "where they are equal, it stays as it is",
    (
        "kernel/inet_diag",
        "column = datagram[at + byte : at + run * step : step]",
        "* → +",
    ): _SLOWER,
    ("kernel/closed_sockets", "self._believed: int | None = 0", "0 → 1"): "the first listing sets it",
    (
        "kernel/state_count",
        "for field, size in ((LOCAL, 16), (LOCAL_PORT, 2))",
        "16 → 17",
    ): "an address is read of the first sixteen bytes",
    ("zabbix/exchange", "self._deadline_s = 0.0", "0.0 → 1.0"): "connecting sets it",
    ("zabbix/failover", "@dataclass(frozen=True)", "True → False"): "nobody changes a redirect",
    ("zabbix/failover", "self._named_s = 0.0", "0.0 → 1.0"): "it is read of a named node alone",
    ("zabbix/failover", "self._revision_s = 0.0", "0.0 → 1.0"): "no revision is below the first",
    ("model/clock", "@dataclass(frozen=True)", "True → False"): "nobody changes a clock",
}
