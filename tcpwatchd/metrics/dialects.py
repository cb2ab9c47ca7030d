"""DIALECTS: the keys of scripts and agents that are in wide use, by state."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.metrics import spellings
from tcpwatchd.metrics.key_patterns import KeyPattern
from tcpwatchd.model.sockets import State

NONE = "none"
DIALECTS: Mapping[str, Mapping[State, str]] = MappingProxyType(
    {
        name: {state: key for key, state in KeyPattern(*pattern).host_keys().items() if state is not None}
        for name, pattern in spellings.DIALECTS.items()
    }
)


def of_dialect(name: str) -> Mapping[str, str]:
    """Their keys and ours: `{"tcp.status[established]": "tcpwatchd.sockets[established]"}`; none for NONE."""
    return {
        theirs: f"tcpwatchd.sockets[{state.parameter}]" for state, theirs in DIALECTS.get(name, {}).items()
    }
