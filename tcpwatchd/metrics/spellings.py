"""How other scripts spell the eleven states in item keys.

Sources: netstat(8), ss(8), include/net/tcp_states.h, the Zabbix manual on net.tcp.socket.count, and the
templates for `UserParameter=tcp.status[*]`, `linux_status[*]` and `tcp.establ` that are in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tcpwatchd.model.sockets import State

# What ss shows, and scripts cut out of its first column; of CLOSE it shows UNCONN, which no script uses.
_SS = {
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
_SHORT = {
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


def _compact(state: State) -> str:
    return "closed" if state is State.CLOSE else state.parameter.replace("_", "")


_SPELLED: Mapping[str, Mapping[State, str]] = {
    "netstat": {state: state.name for state in State},
    "ss": _SS,
    "zabbix": {state: state.parameter for state in State},
    "compact": {state: _compact(state) for state in State},
    "kernel": {state: f"TCP_{state.name}" for state in State},
    "short": _SHORT,
}

SPELLINGS: Mapping[str, Mapping[State, str]] = MappingProxyType(
    {
        **_SPELLED,
        **{
            f"{name}-{case}": {state: change(word) for state, word in words.items()}
            for name, words in _SPELLED.items()
            for case, change in (("upper", str.upper), ("lower", str.lower))
        },
    }
)
"""Each spelling as it is, and in capital or small letters alone: `compact-upper` spells TIMEWAIT."""

DIALECTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "tcp.status": ("tcp.status[STATE]", "compact"),
        "tcp.status-ss": ("tcp.status[STATE]", "ss"),
        "linux_status": ("linux_status[tcp_status,STATE]", "ss"),
        "tcp.establ": ("tcp.STATE", "short"),
        "net.tcp.socket.count": ("net.tcp.socket.count[,,,,STATE]", "zabbix"),
    }
)
"""Names for patterns that are in wide use: the pattern of the keys, and how STATE is spelled in it."""
