"""A destination of the configuration as something that can be asked or sent to.

Alone knows what of a configuration bears upon connections.
"""

from __future__ import annotations

from tcpwatchd.config.config import Config
from tcpwatchd.model.clock import Clock
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.exchange import Exchange
from tcpwatchd.zabbix.sender import Sender
from tcpwatchd.zabbix.tls_handshake import open_channel


def open_sender(destination: str, config: Config, clock: Clock) -> Sender:
    """A sender to an entry of zabbix.servers."""
    nodes, channel = parse_nodes(destination), open_channel(config.tls)
    return Sender(nodes, config.timeout_s, clock, channel=channel, source=config.source_ip)


def open_exchange(config: Config, clock: Clock) -> Exchange:
    """One conversation, not connected yet."""
    channel = open_channel(config.tls)
    return Exchange(config.timeout_s, clock.steady_s, channel=channel, source=config.source_ip)
