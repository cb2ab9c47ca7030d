"""Finds the keys that a server refuses. A server only says how many values it refused, never which.

Keys of a request in which values were refused are suspects. The next pushes are cut so that each group of
suspects is sent alone, and the groups become smaller until each refused key is alone. No value is sent twice
for this. No I/O, no clock. Source: Zabbix manual, "Trapper items".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tcpwatchd.model.batch import Delivered, Value

# A suspected group is cut into so many. 250 keys are told apart within three pushes, 49 within two.
_CUTS = 8

# What a person does about a host or a key that a server does not take: said by the daemon, and by `check`.
HOST_TODO = (
    "is the host known in Zabbix under exactly this name (zabbix.host), enabled, linked to the template and "
    "not monitored by a proxy? Does its encryption (Connections from host) allow zabbix.tls.connect, and do "
    "its items allow this sender (Allowed hosts)? A server learns of a new host within a minute"
)
REGISTERED_TODO = (
    "the server was told of the host (zabbix.host_metadata): is there an enabled autoregistration action "
    "that holds for this text, adds the host and links the template? If the host is there: is it enabled, "
    "and does its encryption (Connections from host) allow zabbix.tls.connect? A server learns of a new host "
    "within a minute"
)
KEY_TODO = (
    "does the host have an enabled trapper item of this key, and does it allow this sender (Allowed hosts)? "
    "Usually the output of `tcpwatchd template` needs a new import"
)


def host_refused(host: str) -> str:
    """What is said where a server takes nothing of a host."""
    return f"refused every value of host {host}"


Values = tuple[Value, ...]


class RefusedKeySearch:
    """What one destination is known, and suspected, to refuse. `suspects` are keys in doubt from earlier."""

    def __init__(self, refused: Iterable[str] = (), suspects: Iterable[str] = ()) -> None:
        self.refused = set(refused)
        self._groups = _split(tuple(suspects))

    def cut(self, values: Values) -> tuple[list[Values], Values]:
        """The parts to send, each key in one part only, and the values of refused keys."""
        aside = tuple(value for value in values if value.key in self.refused)
        parts: dict[int, list[Value]] = {}
        group_of = {key: nth for nth, group in enumerate(self._groups) for key in group}
        for value in values:
            if value.key not in self.refused:
                parts.setdefault(group_of.get(value.key, -1), []).append(value)
        # Those beyond suspicion first: if they are taken, the host is known.
        return [tuple(parts[nth]) for nth in sorted(parts)], aside

    def judge(self, part: Values, answer: Delivered) -> bool:
        """Learns from the answer for one part; True if some of it was refused and it is not clear which.

        Only where the host is known: else a refusal says nothing about keys.
        """
        keys = tuple(dict.fromkeys(value.key for value in part))
        self._groups = [rest for group in self._groups if (rest := tuple(k for k in group if k not in keys))]
        if not answer.refused:
            return False
        if not answer.processed:
            self.refused.update(keys)
            return False
        # One key alone, of which some values were taken, is not refused: it changed in between.
        if len(keys) > 1:
            self._groups += _split(keys)
        return True

    def settled(self, keys: Iterable[str]) -> bool:
        """Whether none of these is under suspicion any more."""
        suspects = {key for group in self._groups for key in group}
        return suspects.isdisjoint(keys)

    def refuse(self, key: str) -> None:
        """It was refused when it stood alone."""
        self.refused.add(key)

    def clear(self, keys: Iterable[str]) -> None:
        """They are taken (again), or are to be tried with the others."""
        for key in keys:
            self.refused.discard(key)
            self._groups = [rest for group in self._groups if (rest := tuple(k for k in group if k != key))]


def _split(keys: Sequence[str]) -> list[tuple[str, ...]]:
    """At most `_CUTS` groups of about the same size."""
    size = -(-len(keys) // _CUTS) or 1
    return [tuple(keys[begin : begin + size]) for begin in range(0, len(keys), size)]
