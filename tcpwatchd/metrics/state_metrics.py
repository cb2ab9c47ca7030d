"""Metrics of the eleven states: the keys below `tcpwatchd.sockets`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tcpwatchd.metrics.metric import Metric, ValueType
from tcpwatchd.model.sockets import Snapshot, State
from tcpwatchd.model.states import STATE_TEXTS
from tcpwatchd.model.units import Number
from tcpwatchd.model.window import FAMILIES, Statistics, Window


@dataclass(frozen=True)
class Statistic:
    """What is said of a state over one push period: how its key begins, its words, and where it stands.

    `rise` and `look` where they are other than the state's own.
    """

    key: str
    title: str
    meaning: str
    value_type: ValueType
    read: Callable[[Window, State], Number]
    rise: str = ""
    look: str = ""


def _folded(read: Callable[[Statistics], Number]) -> Callable[[Window, State], Number]:
    """What is over all samples of the window."""

    def read_window(window: Window, state: State) -> Number:
        held = window.states.get(state)
        return None if held is None else read(held)

    return read_window


def _last(read: Callable[[Snapshot, State], Number]) -> Callable[[Window, State], Number]:
    """What is of its last sample alone."""

    def read_window(window: Window, state: State) -> Number:
        return None if window.latest is None else read(window.latest, state)

    return read_window


def _of_family(family: int) -> Callable[[Window, State], Number]:
    def read(snapshot: Snapshot, state: State) -> Number:
        families = snapshot.of_family(state)
        return None if families is None else families[family]

    return _last(read)


STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        "value": Statistic(
            "tcpwatchd.sockets",
            "",
            "Number of sockets in this state.",
            ValueType.UNSIGNED,
            _folded(lambda s: s.last),
        ),
        "delta": Statistic(
            "tcpwatchd.sockets.delta",
            ", change",
            "Change since the previous push; negative if there are fewer. Not sent at the first push and "
            "after a gap.",
            ValueType.FLOAT,
            _folded(lambda s: s.delta),
        ),
        "min": Statistic(
            "tcpwatchd.sockets.min",
            ", minimum",
            "Minimum of all samples since the previous push.",
            ValueType.UNSIGNED,
            _folded(lambda s: s.minimum),
        ),
        "max": Statistic(
            "tcpwatchd.sockets.max",
            ", maximum",
            "Maximum of all samples since the previous push. It shows short states and bursts between two "
            "pushes.",
            ValueType.UNSIGNED,
            _folded(lambda s: s.maximum),
        ),
        "avg": Statistic(
            "tcpwatchd.sockets.avg",
            ", average",
            "Mean of all samples since the previous push.",
            ValueType.FLOAT,
            _folded(lambda s: s.average),
        ),
        "ipv4": Statistic(
            "tcpwatchd.sockets.ipv4",
            ", IPv4",
            "IPv4 sockets in this state. Only a full dump counts the families separately. If this statistic "
            "is selected, the sample at each push is a full dump, as far as budget.cpu_percent allows.",
            ValueType.UNSIGNED,
            _of_family(0),
        ),
        "ipv6": Statistic(
            "tcpwatchd.sockets.ipv6",
            ", IPv6",
            "IPv6 sockets in this state, including those with IPv4 peers. A full dump is needed, as for "
            "ipv4.",
            ValueType.UNSIGNED,
            _of_family(1),
        ),
    }
)

# Whose the sockets in FIN_WAIT2 are. They are sent where the state's value is.
OWNERS: Mapping[str, Statistic] = MappingProxyType(
    {
        "held": Statistic(
            "tcpwatchd.sockets.held",
            ", held by programs",
            "Sockets in this state that a program still holds. It has shut down its sending side and waits, "
            "without a time limit.",
            ValueType.UNSIGNED,
            _last(lambda snapshot, _: snapshot.reading.held),
            "A program half-closes connections (shutdown) and does not close them, or its peers are slow "
            "to close.",
            "`ss -tnp state fin-wait-2` as root shows the processes. The program should set a time limit, or "
            "close the socket.",
        ),
        "orphaned": Statistic(
            "tcpwatchd.sockets.orphaned",
            ", orphaned",
            "Sockets in this state that no program holds any more. The kernel removes them after "
            "net.ipv4.tcp_fin_timeout.",
            ValueType.UNSIGNED,
            _last(lambda snapshot, _: snapshot.reading.orphaned),
            "Peers close slowly or have disappeared. This is harmless: the kernel removes these sockets.",
            "`ss -tn state fin-wait-2` shows the peers. If memory is short, shorten "
            "net.ipv4.tcp_fin_timeout.",
        ),
    }
)


# States in which a segment of this host waits for the peer's answer. They are sent where the value is.
UNANSWERED_STATES = (State.SYN_SENT, State.SYN_RECV, State.FIN_WAIT1, State.LAST_ACK, State.CLOSING)
UNANSWERED = Statistic(
    "tcpwatchd.sockets.unanswered",
    ", unanswered",
    "Sockets in this state whose segment was sent again three times or more without an answer; the maximum "
    "of all samples since the previous push. By default this takes 7 seconds. Not sent with backend psutil.",
    ValueType.UNSIGNED,
    lambda window, state: window.unanswered.get(state),
    "Peers do not answer: a host is down, or a firewall drops packets. A slow peer is not counted.",
    "`ss -tno` shows the peers of these sockets; the last number of `timer` is how often a segment was sent "
    "again.",
)

# States in which a forgotten socket stays for ever. They are sent where the value is.
OLD_STATES = (State.CLOSE_WAIT, State.FIN_WAIT2, State.CLOSE)
OLD = Statistic(
    "tcpwatchd.sockets.old",
    ", old",
    "Sockets that are in this state for longer than culprits.age; of FIN_WAIT2 only those held by programs. "
    "Above 50,000 the number is estimated from a part of them. Not sent until the daemon has run for this "
    "time. CLOSE is counted from culprits.threshold sockets on, and only with CAP_SYS_PTRACE and "
    "CAP_DAC_READ_SEARCH.",
    ValueType.UNSIGNED,
    lambda window, state: window.found.old.get(state),
    "A program keeps sockets that it should have closed. If the number rises for hours, it is a leak.",
    "tcpwatchd.culprits names the programs. The sockets end with the program: a restart helps at once, a "
    "close() in its code helps permanently.",
)


def _of_state(state: State, statistic: Statistic, name: str) -> Metric:
    text = STATE_TEXTS[state]
    return Metric(
        key=f"{statistic.key}[{state.parameter}]",
        name=f"TCP: {state.name} sockets{statistic.title}",
        value_type=statistic.value_type,
        units="",
        meaning=f"{statistic.meaning} {text.meaning}",
        rise=statistic.rise or text.rise,
        look=statistic.look or text.look,
        read=lambda window, _own: statistic.read(window, state),
        state=state,
        statistic=name,
    )


STATE_METRICS = (
    *(
        _of_state(state, statistic, name)
        for name, statistic in STATISTICS.items()
        for state in State
        if not (state is State.CLOSE and name in FAMILIES)  # it has no connection, and so no family
    ),
    *(_of_state(State.FIN_WAIT2, statistic, "value") for statistic in OWNERS.values()),
    *(_of_state(state, UNANSWERED, "value") for state in UNANSWERED_STATES),
    *(_of_state(state, OLD, "value") for state in OLD_STATES),
)
