"""This host in a stand: template, host, the daemon; and history compared with what ss says.

This file alone knows: how a value in history is held against an independent count of a moving thing.
"""

from __future__ import annotations

import bisect
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tcpwatchd.config.config import parse
from tcpwatchd.metrics.catalogue import selected
from tcpwatchd.model.sockets import State
from tcpwatchd.template.render import TEMPLATE_NAME, template
from tests.lab import ss

from .errors import StandError
from .stand import Stand, Step

HOST = socket.gethostname()
_FIRST_VALUE_S = 90.0


def configuration(stand: Stand, more: str = "") -> str:
    """The YAML of a daemon that watches this host and pushes all values to the stand every five seconds."""
    return f"""\
zabbix:
  servers: ["127.0.0.1:{stand.server_port}"]
  host: {HOST}
intervals: {{sample: 1s, push: 5s, unchanged: off}}
spool: {{path: {stand.directory}/spool/spool.db}}
{more}"""


def watch(stand: Stand, step: Step) -> None:
    """Imports the template, creates this host, starts the daemon."""
    text = configuration(stand)
    config = parse(text, "stand")
    step("importing the template and creating this host")
    stand.import_template(template(selected(config), config.push_s))
    stand.create_host(HOST, TEMPLATE_NAME)
    stand.wait_until_known(HOST)
    step(f"starting the daemon for host {HOST}")
    path = stand.directory / "config.yaml"
    path.write_text(text, encoding="utf-8")
    stand.start_daemon(path)


@dataclass(frozen=True)
class Match:
    """One state at one push: its `clock`, what history has, and the least and most that ss saw around it."""

    clock: int
    history: int
    low: int
    high: int

    @property
    def exact(self) -> bool:
        """Whether ss saw one number, right before and right after the sample, and history has it."""
        return self.history == self.low == self.high

    @property
    def agrees(self) -> bool:
        """Whether history lies within what ss saw."""
        return self.low <= self.history <= self.high


def compare(
    stand: Stand,
    host: str = HOST,
    count: Callable[[], Mapping[State, int]] = ss.counted,
    seconds: float = 30.0,
) -> Mapping[State, Match]:
    """Holds history against ss, each state by itself, until all are exact or `seconds` have passed.

    Sockets move, and ss cannot look at the very moment of a sample. So it looks all the time, and what is
    wanted for each state is one push that agrees with the looks right before and right after it; where
    those differ, with what ss saw from a second before to a second after. A connection may come and go
    between two looks, so one push that disagrees proves nothing. StandError where no push of a state agrees.
    """
    looks: list[tuple[float, float, Mapping[State, int]]] = []  # begin, end, counts
    matches: dict[State, Match] = {}
    deadline = time.monotonic() + seconds
    while not (len(matches) == len(State) and all(match.exact for match in matches.values())):
        # On a busy machine the first value may come late: it is waited for.
        late_s = time.monotonic() - deadline
        if late_s > (0 if len(matches) == len(State) else _FIRST_VALUE_S):
            break
        # History is asked for seldom: each question is a connection, and moves what is counted.
        until = time.monotonic() + 6.0
        while time.monotonic() < until:
            began = time.time()
            counts = count()
            looks.append((began, time.time(), counts))
            time.sleep(0.05)
        for state in State:
            for clock, ns, text in stand.history(host, f"tcpwatchd.sockets[{state.parameter}]"):
                match = _match(state, clock, clock + ns / 1e9, int(text), looks)
                known = matches.get(state)
                if match and (known is None or (known.agrees, known.exact) < (match.agrees, match.exact)):
                    matches[state] = match
    for state in State:
        if state not in matches:
            raise StandError(
                f"Within {seconds + _FIRST_VALUE_S:g} s no value of {state.name} came into history."
            )
        if not matches[state].agrees:
            seen = f"{matches[state].low} to {matches[state].high}"
            raise StandError(f"{state.name}: {matches[state].history} in history, {seen} by ss.")
    return matches


def _match(
    state: State,
    clock: int,
    at: float,
    history: int,
    looks: list[tuple[float, float, Mapping[State, int]]],
) -> Match | None:
    """A value and the looks around it; None where there were none on both sides."""
    after = bisect.bisect([look[0] for look in looks], at)  # the first that began after it
    if not 0 < after < len(looks) or looks[after - 1][1] > at:
        return None
    near = [looks[after - 1][2][state], looks[after][2][state]]
    if near[0] != near[1]:
        near += [counts[state] for began, ended, counts in looks if began > at - 1.0 and ended < at + 1.0]
    return Match(clock, history, min(near), max(near))


def table(matches: Mapping[State, Match]) -> str:
    """What was compared, as a table."""
    lines = [f"{'STATE':<12}{'IN ZABBIX':>11}{'BY SS':>14}   PUSH OF"]
    for state in State:
        match = matches[state]
        when = time.strftime("%H:%M:%S", time.localtime(match.clock))
        seen = f"{match.low}" if match.low == match.high else f"{match.low} to {match.high}"
        lines.append(f"{state.name:<12}{match.history:>11}{seen:>14}   {when}")
    return "\n".join(lines)
