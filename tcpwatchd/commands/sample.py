"""Prints one sample of this host, as tables or as JSON."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping

from tcpwatchd.commands.console import (
    BOLD,
    CYAN,
    DIM,
    HOME_AND_CLEAR,
    PLAIN,
    ROWS,
    WIDE,
    cells,
    cut,
    folded,
    local_time,
    paint,
)
from tcpwatchd.commands.in_chinese import speaks_chinese, spoken
from tcpwatchd.commands.invocation import GOOD, config_of
from tcpwatchd.daemon.inspection_schedule import InspectionSchedule
from tcpwatchd.diagnosis import ephemeral_ports
from tcpwatchd.diagnosis.culprits import FEWER, UNTOLD
from tcpwatchd.diagnosis.inspector import open_inspector
from tcpwatchd.diagnosis.services import SERVICE_STATES
from tcpwatchd.kernel.accept_queues import NEARLY_FULL_PERCENT, told, worst
from tcpwatchd.kernel.counters import read_limits
from tcpwatchd.kernel.kernel_limits import KERNEL_LIMITS
from tcpwatchd.kernel.sampler import open_sampler
from tcpwatchd.model.clock import Clock
from tcpwatchd.model.sockets import Snapshot, State
from tcpwatchd.model.states import STATE_TEXTS, StateText
from tcpwatchd.model.units import format_size
from tcpwatchd.model.window import Findings, Limit, Ports

_BAR_CELLS = 14


_NUMBERS_CELLS = 39  # the state, both families and the total


_ENDLESS = 2**62  # fs.file-max is the largest number there is, unless somebody has set it


def snapshot_table(snapshot: Snapshot, host: str, colours: bool, columns: int = WIDE) -> str:
    """State, IPv4, IPv6, total and one line on what it means, a row a state, in so many `columns`: where they
    are few, first the bars are left out, then what a state means is cut.
    """
    bar_cells = _BAR_CELLS if columns >= WIDE else 0
    room = columns - _NUMBERS_CELLS - 2 - (bar_cells + 2 if bar_cells else 0)
    totals = {state: snapshot.total(state) for state in State}
    texts = state_texts()
    most = max((total for total in totals.values() if total), default=0)
    title = spoken(f"TCP sockets on {host}")
    source = f"  {local_time(snapshot.stamp.clock)}, {spoken(f'read with {snapshot.backend}')}"
    lines = [
        paint(cut(title, columns), BOLD, colours) + cut(source, max(0, columns - cells(title))),
        "",
        paint(f"{'STATE':<12}{'IPv4':>9}{'IPv6':>9}{'TOTAL':>9}", DIM, colours),
    ]
    for state, total in ((state, totals[state]) for state in ROWS):
        # A closed socket has no connection, so no family can be told.
        families = "".join(f"{sockets:>9}" for sockets in snapshot.of_family(state) or ("-", "-"))
        left = f"{state.name:<12}{families}"
        shown = f"{'?' if total is None else total:>9}"
        meaning = texts[state].summary if total is not None else spoken("cannot be counted here")
        meaning = cut(f"  {spoken(meaning + _owners(snapshot, state)) if total else meaning}", room + 2)
        bar = f"  {_bar(total, most) if total else '':<{bar_cells}}" if bar_cells else ""
        if not total:
            lines.append(paint(f"{left}{shown}{bar}{meaning}".rstrip(), DIM, colours))
        else:
            lines.append(f"{left}{paint(shown, BOLD, colours)}{paint(bar, CYAN, colours)}{meaning}")
    known = sum(total for total in totals.values() if total)
    lines.append(paint(f"{'all':<12}{'':>18}", DIM, colours) + paint(f"{known:>9}", BOLD, colours))
    return "\n".join(lines)


def state_texts() -> Mapping[State, StateText]:
    """In the language of the locale."""
    if not speaks_chinese():
        return STATE_TEXTS
    from tcpwatchd.model.states_zh import STATE_TEXTS_ZH  # noqa: PLC0415 - few need it

    return STATE_TEXTS_ZH


def _owners(snapshot: Snapshot, state: State) -> str:
    held = snapshot.reading.held
    return f" ({held} held by programs)" if state is State.FIN_WAIT2 and held is not None else ""


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
    lines = [paint(f"{'':2}{'LIMIT':<24}{'IN USE':>8}", DIM, colours)]
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
        lines.append(_limit_line("ephemeral ports", ports.percent or 0.0, numbers, colours, columns))
    return "\n".join(lines)


def _limit_line(title: str, percent: float, numbers: str, colours: bool, columns: int) -> str:
    near = percent >= NEARLY_FULL_PERCENT
    lines = folded([f"{'!' if near else '':<2}{title:<24}{percent:>7.1f}%  {numbers}"], columns)
    return "\n".join(paint(line, BOLD if near else PLAIN, colours) for line in lines)


def found_table(found: Findings, colours: bool, columns: int = WIDE) -> str:
    """The holders of states with many sockets, and the sockets of each service; empty if there are none."""
    lines = []
    held = {state: text for state, text in found.culprits.items() if not text.startswith((FEWER, UNTOLD))}
    if held:
        lines.append(paint(f"{'':2}HELD BY", DIM, colours))
        told_of = folded([f"! {state.name:<12}{text}" for state, text in held.items()], columns)
        lines += [paint(line, BOLD, colours) for line in told_of]
    if found.services:
        lines += [""] if held else []
        lines.append(paint(f"{'':2}SERVICE", DIM, colours))
        for name, tally in found.services.items():
            counts = ", ".join(f"{state.parameter} {tally[state]}" for state in ROWS if tally[state])
            lines += folded([f"  {name:<12}{counts or 'no sockets'}"], columns)
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


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    config = config_of(arguments)
    clock = Clock()
    sampler = open_sampler(config.backend, clock)
    looks = InspectionSchedule(open_inspector(sampler.backend), config, sampler.background)
    if sampler.fallback:
        print(spoken(f"tcpwatchd: sampling with psutil: {sampler.fallback}"), file=sys.stderr)
    on_terminal = sys.stdout.isatty()
    colours = on_terminal and "NO_COLOR" not in os.environ
    try:
        while True:
            columns = shutil.get_terminal_size().columns if on_terminal else WIDE  # it may be resized
            snapshot, limits = sampler.sample(), read_limits()
            looks.begin(snapshot)
            found = looks.take(snapshot)
            if arguments.json:
                print(json.dumps(snapshot_json(snapshot, limits, found)))
            else:
                clear = HOME_AND_CLEAR if arguments.watch and on_terminal else ""
                tables = (
                    snapshot_table(snapshot, config.host, colours, columns),
                    limits_table(snapshot, limits, colours, found.ports, columns),
                    found_table(found, colours, columns),
                )
                print(clear + "\n\n".join(filter(None, tables)), flush=True)
            if not arguments.watch:
                return GOOD
            time.sleep(config.sample_s)
    except KeyboardInterrupt:
        return GOOD  # the way to end --watch
