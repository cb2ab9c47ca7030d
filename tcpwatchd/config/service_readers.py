"""Parses the list of services of a configuration: ports, port ranges and address prefixes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from tcpwatchd.config.value_parsers import EntriesError, Steps, each, problems_at, quoted
from tcpwatchd.diagnosis.services import Prefix, Service
from tcpwatchd.kernel.port_filter import Range

_NAME = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
)  # stands in an item key, where anything else needs quotes
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_MOST_PORT = 65535
_EXAMPLE = "write for example {name: web, local_ports: [80, 443]}"
_Read = TypeVar("_Read")


def _ports(value: Any) -> Range:
    match = _PORTS.fullmatch(str(value)) if isinstance(value, (int, str)) and value is not True else None
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= _MOST_PORT:
        raise ValueError('is not a port; write 443 or "8000-8099"')
    return first, last


def _prefix(value: Any) -> Prefix:
    import ipaddress  # noqa: PLC0415 - a megabyte that is needed only where addresses are given

    try:
        network = ipaddress.ip_network(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ValueError(f"is no address or prefix ({error})") from None
    if isinstance(network, ipaddress.IPv4Network):
        return Prefix(bytes(10) + b"\xff\xff" + network.network_address.packed, 96 + network.prefixlen)
    return Prefix(network.network_address.packed, network.prefixlen)


def _one_or_more(read: Callable[[Any], _Read]) -> Callable[[Any], tuple[_Read, ...]]:
    read_list = each(read)
    return lambda value: read_list(value) if isinstance(value, list) else (read(value),)


_FIELDS: dict[str, Callable[[Any], Any]] = {
    "local_ports": _one_or_more(_ports),
    "remote_ports": _one_or_more(_ports),
    "local_addresses": _one_or_more(_prefix),
    "remote_addresses": _one_or_more(_prefix),
}


def read_services(value: Any) -> tuple[Service, ...]:
    """The services of a list, each with a name of its own and some ports."""
    if not isinstance(value, list):
        raise ValueError(f"is not a list of services; {_EXAMPLE}")
    services = each(_service)(value)
    names = [service.name for service in services]
    twice = [
        ((nth, "name"), f"{quoted(name)} is the name of another service, too")
        for nth, name in enumerate(names)
        if name in names[:nth]
    ]
    if twice:
        raise EntriesError(twice)
    return services


def _service(value: Any) -> Service:
    if not isinstance(value, dict):
        raise ValueError(f"is no service; {_EXAMPLE}")
    given = dict(value)
    problems: list[tuple[Steps, str]] = []
    name = given.pop("name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problems.append(
            (
                ("name",),
                f"{quoted(name)} is no name of a service; a name has letters, digits, '.', '-' and '_' "
                "(quote it if it looks like a number)",
            )
        )
    fields = {}
    for key, one in given.items():
        if key not in _FIELDS:
            problems.append(((str(key),), f"unknown key; known are name, {', '.join(_FIELDS)}"))
            continue
        try:
            fields[key] = _FIELDS[key](one)
        except ValueError as error:
            problems += problems_at(key, one, error)
    if not problems and not fields.get("local_ports") and not fields.get("remote_ports"):
        raise ValueError(f"has neither local_ports nor remote_ports; {_EXAMPLE}")
    if problems:
        raise EntriesError(problems)
    return Service(str(name), **fields)
