"""What a metric is: key, name, value type, texts, and how its number is read from a Window.

Value types: Zabbix manual, "Item value type".
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from tcpwatchd.metrics.trigger import Trigger
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import paragraphs
from tcpwatchd.model.units import Number
from tcpwatchd.model.vitals import Vitals
from tcpwatchd.model.window import Window


class ValueType(enum.Enum):
    """Zabbix's value types, spelled as in a template export."""

    UNSIGNED = "UNSIGNED"
    FLOAT = "FLOAT"
    CHAR = "CHAR"


@dataclass(frozen=True)
class Described:
    """What an item of Zabbix is, or a prototype of items, and what there is to say of it."""

    key: str
    name: str
    value_type: ValueType
    units: str
    meaning: str
    rise: str
    look: str

    @property
    def own(self) -> bool:
        """Whether it is of the daemon itself."""
        return self.key.startswith("tcpwatchd.self[")

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """What it is, what a rise means, what to look at next."""
        return paragraphs(self.meaning, self.rise, self.look)


@dataclass(frozen=True)
class Metric(Described):
    """A definition, never a number. `read` gives None where there is nothing to send this time.

    `state` and `statistic` are set for the socket states, `counter` for the kernel's counters, `culprits_of`
    for those who hold a state.
    """

    read: Callable[[Window, Vitals], Number]
    state: State | None = None
    statistic: str | None = None
    counter: str | None = None
    culprits_of: State | None = None


@dataclass(frozen=True)
class Prototype(Described):
    """The definition of a number of each thing that is discovered: its macro stands in `key` and `name`.

    `read` is given the thing's name, and gives None where there is nothing to send this time.
    """

    read: Callable[[Window, str], Number]
    state: State | None = None


@dataclass(frozen=True)
class Rule:
    """A discovery rule. `names` returns the objects of this host, sent as the value of `key`; None if they
    were not looked for. `macros` say more of each object, and are tags of its items; empty where it has none.
    `triggers` are made for each object.
    """

    key: str
    name: str
    macro: str
    meaning: str
    names: Callable[[Window], Sequence[str] | None]
    prototypes: tuple[Prototype, ...]
    triggers: Mapping[str, Trigger] = field(default_factory=dict)
    macros: Mapping[str, Callable[[Window, str], str]] = field(default_factory=dict)

    @property
    def noun(self) -> str:
        """What its macro stands for: `SERVICE`."""
        return self.macro.strip("{#}")

    @property
    def filters(self) -> Mapping[str, tuple[str, str]]:
        """The macros that choose objects by regular expressions: for those that are taken, and those not."""
        words = f"Regular expression: names of objects of this kind ({self.noun.lower()})"
        return {
            f"{{$TCPWATCHD.{self.noun}.MATCHES}}": (".*", f"{words} that get items."),
            f"{{$TCPWATCHD.{self.noun}.NOT_MATCHES}}": ("CHANGE_IF_NEEDED", f"{words} that get none."),
        }


_Answer = TypeVar("_Answer")


class Parts(Protocol):
    """Runs one part of a push; None where it fails."""

    def attempt(self, part: str, work: Callable[[], _Answer]) -> _Answer | None:
        """What `work` returns."""


# In the tables of words a value type is told by what it is for.
KINDS = {"count": ValueType.UNSIGNED, "amount": ValueType.FLOAT, "text": ValueType.CHAR}
