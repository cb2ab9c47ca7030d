"""What a metric is: key, name, Zabbix's value type, words, and how its number is read from a Window.

Alone knows this shape. Must not know which metrics there are. Value types: Zabbix manual, "Item value type".
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from tcpwatchd.model import Number, Vitals, Window
from tcpwatchd.sockets import State


class ValueType(enum.Enum):
    """Zabbix's value types, spelled as in a template export."""

    UNSIGNED = "UNSIGNED"
    FLOAT = "FLOAT"
    CHAR = "CHAR"


@dataclass(frozen=True)
class Metric:
    """A definition, never a number. `read` gives None where there is nothing to send this time.

    `state` and `statistic` are set for the socket states, `counter` for the kernel's counters.
    """

    key: str
    name: str
    value_type: ValueType
    units: str
    meaning: str
    rise: str
    look: str
    read: Callable[[Window, Vitals], Number]
    state: State | None = None
    statistic: str | None = None
    counter: str | None = None

    @property
    def own(self) -> bool:
        """Whether it is of the daemon itself."""
        return self.key.startswith("tcpwatchd.self[")


# In the tables of words a value type is told by what it is for.
KINDS = {"count": ValueType.UNSIGNED, "amount": ValueType.FLOAT, "text": ValueType.CHAR}
