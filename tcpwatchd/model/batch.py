"""Values on their way to a server, and the results of a delivery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from tcpwatchd.model.clock import Stamp


@dataclass(frozen=True)
class Value:
    """One number or text for one item, as Zabbix takes it: always text, always with its own stamp."""

    key: str
    text: str
    stamp: Stamp


@dataclass(frozen=True)
class Batch:
    """At most one trapper request: values of one host, oldest first. Delivered means up to `last_id`.

    A `question` asks whether the server takes values of these keys, and gives it none.
    """

    host: str
    values: tuple[Value, ...]
    last_id: int
    question: bool = False


@dataclass(frozen=True)
class Aside:
    """Values not to be forgotten though a position moves past them.

    `refused` None: each of them is of a key that is refused; a number: so many of them were refused, and it
    is not known yet which.
    """

    host: str
    values: tuple[Value, ...]
    refused: int | None = None


@dataclass(frozen=True)
class Doubt:
    """A batch in doubt: `keys`, one for each value, and how many values were refused."""

    doubt_id: int
    keys: tuple[str, ...]
    refused: int


@dataclass(frozen=True)
class Delivered:
    """The server answered for every value: `processed` taken, `refused` (it never says which) not.

    `processed` is 0 where it took none: then it does not know the host, or none of these keys.
    """

    node: str
    processed: int
    refused: int


@dataclass(frozen=True)
class Deferred:
    """Nothing may be taken as delivered: `reason` says what happened, `todo` what a person can do."""

    node: str
    reason: str
    todo: str


Outcome = Union[Delivered, Deferred]
