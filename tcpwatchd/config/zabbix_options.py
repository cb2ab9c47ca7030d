"""Configuration keys of the way to Zabbix: servers, the host's name, requests."""

from __future__ import annotations

from typing import Any

from tcpwatchd.config import value_parsers
from tcpwatchd.config.value_parsers import Option
from tcpwatchd.zabbix.addresses import DEFAULT_PORT, parse_nodes


def _servers(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(entry, str) for entry in value):
        raise ValueError('is not a list of servers; write ["zabbix.example.com"]')
    nodes = [node for entry in value_parsers.each(parse_nodes)(value) for node in entry]
    if len(set(nodes)) != len(nodes):
        raise ValueError("names a server twice; each entry gets every value once")
    return tuple(value)


ZABBIX_OPTIONS: tuple[Option, ...] = (
    Option(
        "zabbix.servers",
        ["127.0.0.1"],
        _servers,
        'Zabbix servers or proxies. Every entry receives all values. "a;b" in one entry is a failover pair: '
        f"one of the two receives them. The default port is {DEFAULT_PORT}.",
    ),
    Option(
        "zabbix.host",
        None,
        value_parsers.host,
        "Host name in Zabbix, exactly as written there. Default: the host name of this machine. Values "
        "that wait on disk are sent under the name that is configured now.",
        example="web-01",
    ),
    Option(
        "zabbix.source_ip",
        None,
        value_parsers.address,
        "Local address for connections to Zabbix. Default: chosen by the kernel.",
        example="192.0.2.5",
    ),
    Option(
        "zabbix.host_metadata",
        None,
        value_parsers.host_metadata,
        "The host registers itself in Zabbix with this text; an autoregistration action there adds it. "
        "Default: it does not.",
        example="tcpwatchd linux",
    ),
    Option(
        "zabbix.host_interface",
        None,
        value_parsers.host_interface,
        "Address or name of this host for its interface in Zabbix, where it registers itself. Default: the "
        "address that its connections come from.",
        example="192.0.2.5",
    ),
    Option(
        "zabbix.timeout",
        "10s",
        value_parsers.duration(0.1, 300),
        "Time limit of one exchange with a server, from the look-up of its name to its answer.",
    ),
    Option("zabbix.batch_size", 250, value_parsers.batch_size, "Maximum number of values in one request."),
)
