"""How a destination of the configuration is reached: its sender, and how long a delivery may take."""

from __future__ import annotations

from collections.abc import Callable

from tcpwatchd.config.config import Config
from tcpwatchd.delivery.heartbeat import Heartbeat
from tcpwatchd.delivery.refused_key_search import HOST_TODO, REGISTERED_TODO
from tcpwatchd.delivery.self_registration import SelfRegistration
from tcpwatchd.delivery.shipping import Shipment
from tcpwatchd.model.clock import Clock
from tcpwatchd.zabbix.active_checks import Registration
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.channel import Channel
from tcpwatchd.zabbix.exchange import Exchange
from tcpwatchd.zabbix.sender import Sender
from tcpwatchd.zabbix.tls import UNENCRYPTED, TlsSettings

# A look-up of a name cannot be cut short; the resolver itself gives up after a minute or two.
_RESOLVER_S = 300.0


def shipment(
    destination: str, config: Config, clock: Clock, elsewhere_s: Callable[[], int] | None = None
) -> Shipment:
    """All that a ship loop needs to know of an entry of zabbix.servers. `elsewhere_s` as for Heartbeat."""
    sender = open_sender(destination, config, clock)
    deliver = sender.deliver
    registration = Registration(config.host, config.host_metadata, config.host_interface)
    if registration.metadata:
        deliver = SelfRegistration(
            deliver, lambda: sender.register(registration), destination, registration.metadata, clock
        ).deliver
    if config.own_keys:
        deliver = Heartbeat(deliver, clock, elsewhere_s).deliver
    # Every node twice, as after a redirect, and a slow resolver; and once more to register the host.
    longest_s = 2 * (_RESOLVER_S + 2 * config.timeout_s * (len(parse_nodes(destination)) + 1))
    return Shipment(
        deliver,
        config.host,
        config.batch_size,
        config.replay_rate,
        config.replay_delay_s,
        longest_s,
        REGISTERED_TODO if registration.metadata else HOST_TODO,
    )


def open_sender(destination: str, config: Config, clock: Clock) -> Sender:
    """A sender to an entry of zabbix.servers."""
    nodes, channel = parse_nodes(destination), _channel(config.tls)
    return Sender(nodes, config.timeout_s, clock, channel=channel, source=config.source_ip)


def open_exchange(config: Config, clock: Clock) -> Exchange:
    """One conversation, not connected yet."""
    channel = _channel(config.tls)
    return Exchange(config.timeout_s, clock.steady_s, channel=channel, source=config.source_ip)


def _channel(settings: TlsSettings) -> Channel | None:
    if settings.connect == UNENCRYPTED:
        return None
    from tcpwatchd.zabbix.tls_handshake import open_channel  # noqa: PLC0415 - 2 MB that come with ssl

    return open_channel(settings)
