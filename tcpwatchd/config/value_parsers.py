"""Parsers for the values of configuration keys.

A parser takes what YAML gives and returns what the program uses. It raises ValueError with the second half
of a sentence: "is not a duration; write …".
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, Union

from tcpwatchd.model.units import format_duration, parse_duration, parse_size


@dataclass(frozen=True)
class Option:
    """A key: `path` is dotted, `default` as YAML gives it (None: found at run time, see `sentence`).

    `example` is what the example file shows, commented out, for a key without a fixed default.
    """

    path: str
    default: Any
    read: Callable[[Any], Any]
    sentence: str
    example: str = ""


# After Zabbix's own rule for host names: letters, digits, spaces, dots, dashes and underscores.
_HOST = re.compile(r"(?! )[0-9A-Za-z._ -]{1,128}(?<! )")
# Zabbix's own rule: a name, and parameters in brackets if there are any.
_ITEM_KEY = re.compile(r"[0-9A-Za-z_.-]{1,255}(?:\[[^\x00-\x1f]{0,1000}\])?")
# Labels as names and IPv4 addresses have them, or an IPv6 address.
_SERVER_NAME = re.compile(
    r"(?!-)[0-9A-Za-z_-]{1,63}(?:\.[0-9A-Za-z_-]{1,63}){0,20}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
)

_Read = TypeVar("_Read")
Steps = tuple[Union[int, str], ...]
"""From a value down to one of its entries: places in lists, keys of mappings."""

# A value is quoted in its problem, whatever its size: a few aliases in YAML can stand for gigabytes.
_METADATA_BYTES = 2034  # HostMetadata of an agent of Zabbix 6.4 and later
_INTERFACE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.:_-]{0,254}")
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlevel = 2


def quoted(value: Any) -> str:
    """A value as it stands in its problem."""
    return _SHORT.repr(value)


class EntriesError(ValueError):
    """Some entries of a value are wrong; `problems` are the steps to each and what is wrong there."""

    def __init__(self, problems: Sequence[tuple[Steps, str]]) -> None:
        super().__init__("; ".join(f"{path_of(steps)}: {message}" for steps, message in problems))
        self.problems = tuple(problems)


def path_of(steps: Steps) -> str:
    """`[0].local_ports[1]`"""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def problems_of(value: Any, error: ValueError) -> Sequence[tuple[Steps, str]]:
    """The problems of a whole value."""
    return error.problems if isinstance(error, EntriesError) else [((), f"{quoted(value)} {error}")]


def problems_at(step: int | str, value: Any, error: ValueError) -> list[tuple[Steps, str]]:
    """The problems of one entry, seen from the value that it stands in."""
    return [((step, *steps), message) for steps, message in problems_of(value, error)]


def each(read: Callable[[Any], _Read]) -> Callable[[Any], tuple[_Read, ...]]:
    """A reader of lists by the reader of their entries. EntriesError with the problems of all entries."""

    def read_list(value: Any) -> tuple[_Read, ...]:
        taken, problems = [], []
        for nth, one in enumerate(value):
            try:
                taken.append(read(one))
            except ValueError as error:
                problems += problems_at(nth, one, error)
        if problems:
            raise EntriesError(problems)
        return tuple(taken)

    return read_list


def host(value: Any) -> str:
    """A host's name in Zabbix."""
    if not isinstance(value, str) or not _HOST.fullmatch(value):
        raise ValueError(
            "is not a Zabbix host name; letters, digits, spaces, '.', '-' and '_', as in the "
            "field Host name of the frontend (quote it if it looks like a number)"
        )
    return value


def duration(least_s: float, most_s: float = math.inf) -> Callable[[Any], float]:
    """A reader of durations within bounds, in seconds."""

    def read(value: Any) -> float:
        seconds = parse_duration(value)
        if seconds < least_s:
            raise ValueError(f"is too short; at least {format_duration(least_s)}")
        if seconds > most_s:
            raise ValueError(f"is too long; at most {format_duration(most_s)}")
        return seconds

    return read


def duration_or_off(least_s: float, most_s: float) -> Callable[[Any], float | None]:
    """The same, or None for `off`, which YAML reads as false."""
    read = duration(least_s, most_s)
    return lambda value: None if value in (False, "off") else read(value)


def batch_size(value: Any) -> int:
    """A number of values."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
        raise ValueError("is not a whole number from 1 to 10000")
    return value


def rate(value: Any) -> int:
    """How many values a second."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
        raise ValueError("is not a whole number of values a second, from 1 to 1000000")
    return value


def sockets(value: Any) -> int:
    """A number of sockets."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000_000:
        raise ValueError("is not a whole number of sockets, at least 1")
    return value


def percent(value: Any) -> float:
    """A part of one core."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.01 <= value <= 100:
        raise ValueError("is not a percentage; a number from 0.01 to 100")
    return float(value)


def size(value: Any) -> int:
    """A size in bytes."""
    size_bytes = parse_size(value)
    if size_bytes < 1024**2:
        raise ValueError("is too small; at least 1MiB")
    return size_bytes


def path(value: Any) -> str:
    """An absolute path."""
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable():
        raise ValueError("is not an absolute path; write one that begins with /")
    return value


def one_of(*words: str) -> Callable[[Any], str]:
    """A reader of one word among several."""

    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"is not one of {', '.join(words)}")
        return str(value)

    return read


def truth(value: Any) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


def key_pairs(value: Any) -> dict[str, str]:
    """Item keys of others, and of ours."""
    if not isinstance(value, dict) or not value:
        raise ValueError('is no list of pairs; write {"their.key": "tcpwatchd.sockets[established]"}')
    problems: list[tuple[Steps, str]] = []
    for theirs, ours in value.items():
        if not is_item_key(theirs):
            problems.append(((str(theirs),), f"{quoted(theirs)} is no item key"))
        elif not isinstance(ours, str):
            problems.append(((theirs,), f"{quoted(ours)} is no item key"))
    if problems:
        raise EntriesError(problems)
    return dict(value)


def is_item_key(value: Any) -> bool:
    """Whether Zabbix takes it for a key."""
    return isinstance(value, str) and value.isprintable() and bool(_ITEM_KEY.fullmatch(value))


def several(known: Iterable[str], example: Iterable[str]) -> Callable[[Any], tuple[str, ...]]:
    """A reader of a list of known words, which are given back in the order in which they are known."""
    words = tuple(known)

    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise ValueError(f"is not a list; write for example [{', '.join(example)}]")
        each(one_of(*words))(value)
        return tuple(word for word in words if word in value)

    return read


def address(value: Any) -> str:
    """An IP address."""
    import ipaddress  # noqa: PLC0415 - a megabyte that is needed only where one is given

    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("is not an IP address; write 192.0.2.5 or 2001:db8::5") from None


def host_metadata(value: Any) -> str:
    """What a host says of itself to be registered, as long as an agent's HostMetadata may be."""
    if (
        not isinstance(value, str)
        or not value.isprintable()
        or not 1 <= len(value.encode()) <= _METADATA_BYTES
    ):
        raise ValueError(
            f"is not a host metadata; a text of 1 to {_METADATA_BYTES} bytes, of which Zabbix 6.0 keeps 255"
        )
    return value


def host_interface(value: Any) -> str:
    """An IP address or a DNS name."""
    if not isinstance(value, str) or not _INTERFACE.fullmatch(value):
        raise ValueError("is not an IP address or a DNS name; write 192.0.2.5 or web-01.example.com")
    return value


def psk_identity(value: Any) -> str:
    """The name of a pre-shared key, as long as every TLS library takes it."""
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value.encode()) <= 128:
        raise ValueError(
            "is not a PSK identity; a text of 1 to 128 bytes (quote it if it looks like a number)"
        )
    return value


def server_name(value: Any) -> str:
    """What a certificate can be made for: a host name, or an address."""
    if not isinstance(value, str) or not _SERVER_NAME.fullmatch(value):
        raise ValueError("is not a host name or IP address; write what the server's certificate was made for")
    return value


def distinguished_name(value: Any) -> str:
    """The text of a subject or issuer; whether it is one that a server has, the handshake tells."""
    if not isinstance(value, str) or not value.isprintable() or "=" not in value:
        raise ValueError('is not a distinguished name; write for example "CN=zabbix,O=Example"')
    return value
