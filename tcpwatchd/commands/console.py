"""A snapshot as a table that a person reads. Text in, text out; whether colours are wanted is passed in.

Alone knows columns, bars and escape codes. Must not sample, print or look at the terminal.
"""

from __future__ import annotations

import dataclasses
import textwrap
import time
from collections.abc import Mapping, Sequence

from tcpwatchd.delivery.refused_key_search import KEY_TODO
from tcpwatchd.diagnosis import ephemeral_ports
from tcpwatchd.diagnosis.culprits import FEWER, UNTOLD
from tcpwatchd.diagnosis.services import SERVICE_STATES
from tcpwatchd.kernel.accept_queues import NEARLY_FULL_PERCENT, told, worst
from tcpwatchd.kernel.kernel_limits import KERNEL_LIMITS
from tcpwatchd.metrics.state_metrics import STATISTICS
from tcpwatchd.model.backlog_level import Backlog, Held
from tcpwatchd.model.model import Findings, Limit, Ports, Snapshot
from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_GROUPS, STATE_TEXTS
from tcpwatchd.model.units import format_duration, format_size

HOME_AND_CLEAR = "\x1b[H\x1b[J"
# In the course of a connection, not in the kernel's order.
_ROWS = tuple(state for states in STATE_GROUPS.values() for state in states)
_BAR_CELLS = 14
_NUMBERS_CELLS = 39  # the state, both families and the total
_INDENT_CELLS = 14
_LEAST_CELLS = 8
# What the tables need to show everything; narrower terminals get less.
WIDE = 115
_ENDLESS = 2**62  # fs.file-max is the largest number there is, unless somebody has set it
_BOLD, _DIM, _CYAN, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"


def paint(text: str, code: str, colours: bool) -> str:
    """`text` in a colour, or as it is."""
    return f"{code}{text}{_PLAIN}" if colours else text


def local_time(clock: int) -> str:
    """A Unix time as the reader's wall clock shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(clock))


def snapshot_table(snapshot: Snapshot, host: str, colours: bool, columns: int = WIDE) -> str:
    """State, IPv4, IPv6, total and one line on what it means, a row a state, in so many `columns`: where they
    are few, first the bars are left out, then what a state means is cut.
    """
    bar_cells = _BAR_CELLS if columns >= WIDE else 0
    room = columns - _NUMBERS_CELLS - 2 - (bar_cells + 2 if bar_cells else 0)
    totals = {state: snapshot.total(state) for state in State}
    most = max((total for total in totals.values() if total), default=0)
    lines = [
        paint(f"TCP sockets on {host}"[:columns], _BOLD, colours)
        + f"  {local_time(snapshot.stamp.clock)}, read with {snapshot.backend}"[
            : max(0, columns - len(f"TCP sockets on {host}"))
        ],
        "",
        paint(f"{'STATE':<12}{'IPv4':>9}{'IPv6':>9}{'TOTAL':>9}", _DIM, colours),
    ]
    for state, total in ((state, totals[state]) for state in _ROWS):
        # A closed socket has no connection, so no family can be told.
        families = "".join(f"{sockets:>9}" for sockets in snapshot.of_family(state) or ("-", "-"))
        left = f"{state.name:<12}{families}"
        shown = f"{'?' if total is None else total:>9}"
        meaning = STATE_TEXTS[state].summary if total is not None else "cannot be told here"
        meaning = _cut(f"  {meaning}{_owners(snapshot, state) if total else ''}", room + 2)
        bar = f"  {_bar(total, most) if total else '':<{bar_cells}}" if bar_cells else ""
        if not total:
            lines.append(paint(f"{left}{shown}{bar}{meaning}".rstrip(), _DIM, colours))
        else:
            lines.append(f"{left}{paint(shown, _BOLD, colours)}{paint(bar, _CYAN, colours)}{meaning}")
    known = sum(total for total in totals.values() if total)
    lines.append(paint(f"{'all':<12}{'':>18}", _DIM, colours) + paint(f"{known:>9}", _BOLD, colours))
    return "\n".join(lines)


def _owners(snapshot: Snapshot, state: State) -> str:
    held = snapshot.reading.held
    return f" ({held} held by programs)" if state is State.FIN_WAIT2 and held is not None else ""


def _cut(text: str, cells: int) -> str:
    """`text` in at most so many cells; empty where nothing of it can be said in them."""
    if len(text) <= cells:
        return text
    return f"{text[: cells - 1].rstrip()}…" if cells >= _LEAST_CELLS else ""


def _folded(lines: Sequence[str], columns: int) -> list[str]:
    """Lines that are too long go on in the next one, indented: they are lists, and nothing of them is left
    out.
    """
    fold = textwrap.TextWrapper(columns, subsequent_indent=" " * _INDENT_CELLS, break_on_hyphens=False)
    return [part for line in lines for part in (fold.wrap(line) if len(line) > columns else [line])]


def limits_table(
    snapshot: Snapshot,
    limits: Mapping[str, Limit],
    colours: bool,
    ports: Ports | None = None,
    columns: int = WIDE,
) -> str:
    """What is in use of the kernel's limits, the fullest accept queue, and the destination that takes most
    local ports; what is near its end is marked.
    """
    lines = [paint(f"{'':2}{'LIMIT':<22}{'IN USE':>8}", _DIM, colours)]
    for name, limit in limits.items():
        text = KERNEL_LIMITS[name]
        shown = format_size if text.units == "B" else "{:,}".format
        most = "no limit" if limit.most >= _ENDLESS else shown(limit.most)
        lines.append(
            _limit_line(text.title, limit.percent or 0.0, f"{shown(limit.used)} of {most}", colours, columns)
        )
    queues = snapshot.reading.queues
    if queues is not None:
        fullest = worst(None, queues).fullest
        percent = fullest.percent if fullest else 0.0
        lines.append(_limit_line("fullest accept queue", percent, told(fullest), colours, columns))
    if ports is not None:
        numbers = ephemeral_ports.told(ports)
        lines.append(_limit_line("ports to one place", ports.percent or 0.0, numbers, colours, columns))
    return "\n".join(lines)


def _limit_line(title: str, percent: float, numbers: str, colours: bool, columns: int) -> str:
    near = percent >= NEARLY_FULL_PERCENT
    lines = _folded([f"{'!' if near else '':<2}{title:<22}{percent:>7.1f}%  {numbers}"], columns)
    return "\n".join(paint(line, _BOLD if near else _PLAIN, colours) for line in lines)


def found_table(found: Findings, colours: bool, columns: int = WIDE) -> str:
    """Who holds what there is too much of, and how each service stands; empty where nothing is to be said."""
    lines = []
    held = {state: text for state, text in found.culprits.items() if not text.startswith((FEWER, UNTOLD))}
    if held:
        lines.append(paint(f"{'':2}HELD BY", _DIM, colours))
        told_of = _folded([f"! {state.name:<12}{text}" for state, text in held.items()], columns)
        lines += [paint(line, _BOLD, colours) for line in told_of]
    if found.services:
        lines += [""] if held else []
        lines.append(paint(f"{'':2}SERVICE", _DIM, colours))
        for name, tally in found.services.items():
            counts = ", ".join(f"{state.parameter} {tally[state]}" for state in _ROWS if tally[state])
            lines += _folded([f"  {name:<12}{counts or 'no sockets'}"], columns)
    return "\n".join(lines)


def snapshot_json(snapshot: Snapshot, limits: Mapping[str, Limit], found: Findings) -> Mapping[str, object]:
    """The shape other programs rely on: clock, backend, and per state ipv4, ipv6 and total.

    CLOSE has no family (null); its total is null where this host cannot tell. FIN_WAIT2 has two numbers
    more, held and orphaned; they are null where psutil had to read. `limits` has those that can be told here,
    each with used and max; `accept_queues` the listeners at which somebody waits, null where psutil had to
    read; `ports` the destination that takes most local ports, null likewise. `culprits` say in words who
    holds a state, `services` have their sockets per state.
    """
    states: dict[str, dict[str, int | None]] = {}
    for state in State:
        ipv4, ipv6 = snapshot.of_family(state) or (None, None)
        states[state.parameter] = {"ipv4": ipv4, "ipv6": ipv6, "total": snapshot.total(state)}
    reading = snapshot.reading
    states[State.FIN_WAIT2.parameter].update(held=reading.held, orphaned=reading.orphaned)
    return {
        "clock": snapshot.stamp.clock,
        "backend": snapshot.backend,
        "states": states,
        "limits": {name: {"used": limit.used, "max": limit.most} for name, limit in limits.items()},
        "accept_queues": None
        if reading.queues is None
        else [
            {"address": one.address, "waiting": one.waiting, "max": one.most + 1} for one in reading.queues
        ],
        "ports": found.ports and dataclasses.asdict(found.ports),
        "culprits": {state.parameter: text for state, text in found.culprits.items()},
        "services": {
            name: {state.parameter: tally[state] for state in SERVICE_STATES}
            for name, tally in found.services.items()
        },
    }


def _bar(sockets: int, most: int) -> str:
    """A bar on a linear scale, at least one cell for what is there."""
    return "█" * max(1, round(_BAR_CELLS * sockets / most))


def held_text(held: Held, now_clock: int) -> str:
    """What a daemon holds in memory alone. `now_clock` in Unix seconds."""
    since = _ago(held.since_clock, now_clock)
    lines = [f"memory: {held.values:,} values are in memory alone and are sent from there"]
    if held.hangs:
        lines += [
            f"  why        the disk of {held.spool} has not answered since {since}",
            "  do         does a backup freeze it, or is it on the network? see dmesg and mount",
            "  on disk    cannot be read before the disk answers",
        ]
    else:
        lines += [
            f"  why        the disk of {held.spool} takes nothing since {since}",
            "  do         is it full or read-only? see df and dmesg",
        ]
    return "\n".join(lines)


def backlog_text(
    path: str, backlog: Sequence[Backlog], size_bytes: int, most_bytes: int, running: bool, now_clock: int
) -> str:
    """What waits on disk, for whom, since when and why: a paragraph each. `now_clock` in Unix seconds."""
    lines = [
        f"spool {path}: {format_size(size_bytes)} of {format_size(most_bytes)} in use; "
        + ("the daemon is running" if running else "NO DAEMON IS RUNNING on it -> systemctl status tcpwatchd")
    ]
    for waiting in backlog:
        lines += ["", waiting.destination]
        if waiting.oldest_clock is None:
            lines.append("  waiting    nothing")
        else:
            lines.append(
                f"  waiting    {waiting.values:,} values of {waiting.pushes:,} pushes, "
                f"{format_size(waiting.size_bytes)}, the oldest {_ago(waiting.oldest_clock, now_clock)}"
            )
        if waiting.trouble:
            why, _, todo = waiting.trouble.partition(" -> ")
            lines.append(f"  why        {why}, since {_ago(waiting.trouble_clock, now_clock)}")
            lines += [f"  do         {todo}"] if todo else []
        elif waiting.oldest_clock is not None:
            lines.append("  why        no failure is known: it is on its way, or follows at replay.rate")
        if waiting.doubted:
            lines.append(
                f"  in doubt   {waiting.doubted:,} values, some of which were refused; the pushes "
                "that follow tell which"
            )
        if waiting.aside:
            lines.append(
                f"  set aside  {sum(waiting.aside.values()):,} values of {len(waiting.aside):,} keys that "
                "are refused; tried again every ten minutes and at a reload:"
            )
            lines += [f"    {count:>8,}  {key}" for key, count in waiting.aside.items()]
            lines.append(f"  do         {KEY_TODO}")
    return "\n".join(lines)


def _ago(clock: int, now_clock: int) -> str:
    return f"{local_time(clock)} ({format_duration(max(0, now_clock - clock))} ago)"


def demo_table(host: str, accepted: Mapping[str, str], summary: str, colours: bool) -> str:
    """What a trapper accepted last, by item key, a row a state."""
    shown = [statistic for statistic in STATISTICS if f"{STATISTICS[statistic].key}[established]" in accepted]
    lines = [
        paint(f"TCP sockets on {host}, as the trapper has them", _BOLD, colours),
        "",
        paint(f"{'STATE':<12}" + "".join(f"{name.upper():>9}" for name in shown), _DIM, colours),
    ]
    for state in _ROWS:
        texts = [accepted.get(f"{STATISTICS[name].key}[{state.parameter}]", "-") for name in shown]
        line = f"{state.name:<12}" + "".join(f"{text:>9}" for text in texts)
        idle = all(text in ("0", "-") for text in texts)
        lines.append(paint(line, _DIM, colours) if idle else f"{line}  {STATE_TEXTS[state].summary}")
    return "\n".join([*lines, "", summary])


def demo_line(accepted: Mapping[str, str]) -> str:
    """The same in one line, for a log: the states that are not zero."""
    texts = ((state, accepted.get(f"{STATISTICS['value'].key}[{state.parameter}]", "0")) for state in _ROWS)
    return ", ".join(f"{state.parameter} {text}" for state, text in texts if text != "0") or "no sockets"
