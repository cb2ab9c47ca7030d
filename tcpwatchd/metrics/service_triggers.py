"""Trigger prototypes: Zabbix makes one trigger of each for every service that is discovered."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.metrics.trigger import Trigger

_LISTEN = "/T/tcpwatchd.service[{#SERVICE},listen]"

SERVICE_TRIGGERS: Mapping[str, Trigger] = MappingProxyType(
    {
        "service_gone": Trigger(
            "TCP: Service {#SERVICE}: nothing listens any more",
            "TCP: Service {#SERVICE}: nothing listens any more",
            "AVERAGE",
            f"max({_LISTEN},<5m>)=0 and max({_LISTEN},<9x5m>:now-<5m>)>0",
            f"last({_LISTEN})>0",
            "A service that had a listening socket has had none for 5 minutes.",
            "its clients are refused.",
            "`ss -tlnp` as root shows what listens; `systemctl --failed` what has ended.",
            "a restart that takes less than 5 minutes; services that never listened, such as those that are "
            "counted by the address of a peer.",
            "when something listens again.",
            shown="",
            scope="availability",
            tags={"service": "{#SERVICE}"},
        ),
    }
)
