"""The part of docs/bench/README.md that is about the whole daemon. Text only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .figures import Measured
from .inspections import BEFORE, BEFORE_COMMIT, Cost
from .plan import OURS, OURS_IN_FULL, PUSHES
from .report import markdown, seconds, size
from .whole_figures import Accounted, samples_a_minute

PLOT = "cost-over-time.svg"


def whole_lines(accounted: Sequence[Accounted]) -> list[str]:
    """One line a daemon, for the terminal."""
    width = max(len(one.who) for one in accounted)
    return [
        f"{one.who:<{width}}  {one.share:6.2%} of one core  {seconds(one.sample_s):>7} a sample  "
        f"{one.samples_a_push:4.1f} samples a push  {one.audits} audits  "
        f"burst {seconds(one.longest_burst_s)}  "
        f"{size(one.rest.now_bytes)} > {size(one.memory.now_bytes)}, peak {size(one.memory.peak_bytes)}"
        for one in accounted
    ]


def section(
    accounted: Sequence[Accounted],
    by_size: Mapping[int, Sequence[Measured]],
    costs: Mapping[str, Cost],
    command_s: float,
) -> list[str]:
    """Lines of Markdown."""
    first = accounted[0]
    return [
        "## The whole daemon\n",
        f"`tcpwatchd run` with its default intervals and budget, {first.elapsed_s:.0f} s ({PUSHES} pushes) "
        "of CPU time of all its threads: samples, counters, audits, inspections, spool and pushes. The first "
        "minutes are left out, until each inspection was made once: the search for holders of 10,000 sockets "
        "among a million descriptors takes five seconds, and is made again after two hours. *Every feature* "
        "is services by port and by address, discovery of listeners and namespaces, holders of all five "
        "states, and the keys of another script; 120 unconnected sockets are there, so that the holders of "
        "CLOSE are looked up too. The four ran at the same time.\n",
        *markdown(
            ("daemon", "of one core", "CPU a sample", "samples a minute", "ticks", "audits", "burst"),
            [
                (
                    one.who,
                    f"{one.share:.2%}",
                    seconds(one.sample_s),
                    f"{one.samples_a_push:.1f}",
                    f"{one.ticks:.1%}",
                    f"{one.audits}",
                    seconds(one.longest_burst_s),
                )
                for one in accounted
            ],
            6,
        ),
        "",
        "*CPU a sample* is everything divided by the whole samples. *Ticks* are those at which ESTABLISHED, "
        "TIME_WAIT, LISTEN and CLOSE were counted, by a sample or by counters. *Burst* is the longest CPU "
        "time of the main loop without a pause, audits aside. The longest of as many bare walks, made every "
        f"other second beside the four, took {seconds(first.longest_walk_s)}.\n",
        *markdown(
            ("memory", f"resident, {200} sockets", f"{first.sockets:,} sockets", "peak before", "peak"),
            [
                (
                    one.who,
                    size(one.rest.now_bytes),
                    size(one.memory.now_bytes),
                    size(one.rest.peak_bytes),
                    size(one.memory.peak_bytes),
                )
                for one in accounted
            ],
            4,
        ),
        "",
        f"![CPU time in each second]({PLOT})\n",
        "How many samples a minute the default budget of 1% of one core allows, by the cost of a sample and "
        "of an audit measured above:\n",
        *_allowed(by_size),
        "",
        "What one inspection costs at this size, made alone; *before* is commit "
        f"{BEFORE_COMMIT}, on the same machine. Memory is what it adds at its peak.\n",
        *markdown(
            ("inspection", "CPU before", "memory before", "CPU", "memory"),
            [(name, *_cells(BEFORE[name]), *_cells(cost)) for name, cost in costs.items()],
            4,
        ),
        "",
        f"`tcpwatchd sample` on 200 sockets: {seconds(command_s)} of CPU, start of Python included.\n",
    ]


def _cells(cost: Cost) -> tuple[str, str]:
    return seconds(cost.cpu_s), f"{cost.peak_bytes / 1e6:.1f} MB"


def _allowed(by_size: Mapping[int, Sequence[Measured]]) -> list[str]:
    cells = []
    for measured in by_size.values():
        cost_s = {one.contender: one.cpu_s for one in measured if one.samples}
        if OURS in cost_s and OURS_IN_FULL in cost_s:
            cells.append(f"{samples_a_minute(cost_s[OURS], cost_s[OURS_IN_FULL])}")
        else:
            cells.append("-")
    head = ("sockets", *(f"{count:,}" for count in by_size))
    return markdown(head, [("samples a minute", *cells)], len(by_size))
