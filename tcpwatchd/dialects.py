"""DIALECTS: the item keys that other people's scripts and agents have for the same numbers.

Alone knows their spellings, so that who moves over keeps items, history, graphs and alarms. Sources: the
templates for `UserParameter=tcp.status[*]`, `linux_status[*]` and `tcp.establ` that are in use; the Zabbix
manual, "Zabbix agent 2", net.tcp.socket.count.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.sockets import State

NONE = "none"
# As ss spells them, which is what most scripts cut out of its first column.
_AS_SS: Mapping[State, str] = MappingProxyType(
    {
        State.ESTABLISHED: "ESTAB",
        State.SYN_SENT: "SYN-SENT",
        State.SYN_RECV: "SYN-RECV",
        State.FIN_WAIT1: "FIN-WAIT-1",
        State.FIN_WAIT2: "FIN-WAIT-2",
        State.TIME_WAIT: "TIME-WAIT",
        State.CLOSE: "CLOSED",
        State.CLOSE_WAIT: "CLOSE-WAIT",
        State.LAST_ACK: "LAST-ACK",
        State.LISTEN: "LISTEN",
        State.CLOSING: "CLOSING",
    }
)
_ABBREVIATED: Mapping[State, str] = MappingProxyType(
    {
        State.ESTABLISHED: "establ",
        State.SYN_SENT: "synsent",
        State.SYN_RECV: "synrecv",
        State.FIN_WAIT1: "finw1",
        State.FIN_WAIT2: "finw2",
        State.TIME_WAIT: "timew",
        State.CLOSE_WAIT: "closew",
        State.LAST_ACK: "lastack",
        State.LISTEN: "listen",
        State.CLOSING: "closing",
    }
)


def _smooth(state: State) -> str:
    return "closed" if state is State.CLOSE else state.parameter.replace("_", "")


DIALECTS: Mapping[str, Mapping[State, str]] = MappingProxyType(
    {
        "tcp.status": {state: f"tcp.status[{_smooth(state)}]" for state in State},
        "tcp.status-ss": {state: f"tcp.status[{name}]" for state, name in _AS_SS.items()},
        "linux_status": {state: f"linux_status[tcp_status,{name}]" for state, name in _AS_SS.items()},
        "tcp.establ": {state: f"tcp.{name}" for state, name in _ABBREVIATED.items()},
        "net.tcp.socket.count": {state: f"net.tcp.socket.count[,,,,{state.parameter}]" for state in State},
    }
)


def of_dialect(name: str) -> Mapping[str, str]:
    """Their keys and ours: `{"tcp.status[established]": "tcpwatchd.sockets[established]"}`; none for NONE."""
    return {
        theirs: f"tcpwatchd.sockets[{state.parameter}]" for state, theirs in DIALECTS.get(name, {}).items()
    }
