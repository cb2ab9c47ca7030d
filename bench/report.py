"""What a person reads: the table of one size, the targets, and docs/bench/README.md.

Text only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .figures import Held, Measured, Verdict
from .plan import FULL_SOCKETS, OURS, Mix

PLOT = "cost.svg"


def seconds(value_s: float) -> str:
    """CPU time with two digits that count."""
    if value_s >= 1:
        return f"{value_s:.1f} s" if value_s < 9.95 else f"{value_s:.0f} s"
    return f"{value_s * 1000:.2g} ms" if value_s < 0.0995 else f"{value_s * 1000:.0f} ms"


def times(one: Measured) -> str:
    """How often ours fits into it."""
    factor = 1 / one.ratio
    return f"{factor:.1f} ×" if factor < 9.95 else f"{factor:.0f} ×"


def size(value_bytes: int) -> str:
    """Memory in MB; nothing where it is not known."""
    return f"{value_bytes / 1e6:.1f} MB" if value_bytes else "-"


def rows(measured: Sequence[Measured]) -> list[tuple[str, ...]]:
    """One row a contender, cheapest first, those that were not measured last."""
    ordered = sorted(measured, key=lambda one: (not one.samples, one.cpu_s))
    return [
        (
            (one.contender, seconds(one.cpu_s), times(one), size(one.peak_bytes), f"{one.samples}", one.note)
            if one.samples
            else (one.contender, "-", "-", "-", "-", one.note)
        )
        for one in ordered
    ]


def table(measured: Sequence[Measured]) -> str:
    """One size, for the terminal."""
    lines = [f"{'ONE SAMPLE':<26}{'CPU':>10}{'OURS = 1':>12}{'MEMORY':>12}{'SAMPLES':>10}"]
    for name, cpu, factor, memory, samples, note in rows(measured):
        mark = "> " if name == OURS else "  "
        lines.append(f"{mark}{name:<24}{cpu:>10}{factor:>12}{memory:>12}{samples:>10}  {note}".rstrip())
    return "\n".join(lines)


def target_words(made: Mix) -> str:
    """What the targets are for."""
    words = "CPU of one sample, ours against theirs:"
    if made.established < FULL_SOCKETS:
        return f"Set for {FULL_SOCKETS:,} sockets; at {made.established:,} they only tell. {words}"
    return words


def verdict_lines(verdicts: Sequence[Verdict]) -> str:
    """The targets, one a line."""
    width = max(len(one.target) for one in verdicts)
    return "\n".join(
        f"{'met' if one.met else 'NOT MET':<9}{one.target:<{width}}  {one.measured or 'not measured'}"
        for one in verdicts
    )


def document(
    made: Mix,
    by_size: Mapping[int, Sequence[Measured]],
    held: Sequence[Held],
    verdicts: Sequence[Verdict],
    machine: Sequence[tuple[str, str]],
    whole: Sequence[str],
) -> str:
    """docs/bench/README.md; `whole` are the lines of the section about the whole daemon."""
    last = by_size[made.established]
    text = [
        "# What one sample costs\n",
        f"Written by `make bench` on commit {dict(machine).get('commit', 'unknown')}. "
        f"{made.established:,} ESTABLISHED sockets, {made.close_wait:,} CLOSE_WAIT and {made.fin_wait2:,} "
        "FIN_WAIT2, IPv4 and IPv6, in a network namespace of their own. CPU time of user and kernel, as the "
        "kernel accounts it, of everything that one sample of all states takes; medians. After each turn of "
        "another came one of tcpwatchd; *ours = 1* is the ratio within such a pair. Memory is the peak of "
        "the largest process. Who does not count all sockets is not measured.\n",
        f"![CPU seconds of one sample over the number of sockets]({PLOT})\n",
        *markdown(
            ("one sample", "CPU", "ours = 1", "memory", "samples", "remark"),
            [(f"**{row[0]}**" if row[0] == OURS else row[0], *row[1:]) for row in rows(last)],
            4,
        ),
        "",
        "tcpwatchd is the daemon as it runs, pushes to Zabbix included: one for twenty samples here, where "
        "by default it is one for sixty. It takes ESTABLISHED and TIME_WAIT from counters of the kernel; the "
        "row *full dumps* is the same daemon told not to, and what one of its audits costs, of which by "
        "default there is one in three hundred samples. The agents' rows are eleven items, one a state, as "
        "a template asks for them. psutil is the call alone, without starting Python.\n",
        "## Growth\n",
        *_growth(by_size),
        "",
        *whole,
        "## Memory of the daemon\n",
        *markdown(
            ("", "sockets", "resident", "not shared with files"),
            [
                (one.who, f"{one.sockets:,}", size(one.memory.now_bytes), size(one.memory.anonymous_bytes))
                for one in held
            ],
            3,
        ),
        "",
        "## Targets\n",
        f"{target_words(made)}\n",
        *markdown(
            ("target", "measured", ""),
            [(one.target, one.measured or "-", "met" if one.met else "**not met**") for one in verdicts],
            1,
        ),
        "",
        "## Machine\n",
        *markdown(("", "version"), machine, 0),
    ]
    return "\n".join(text) + "\n"


def _growth(by_size: Mapping[int, Sequence[Measured]]) -> list[str]:
    """CPU seconds: one row a contender, one column a size."""
    cells = {
        (one.contender, count): seconds(one.cpu_s)
        for count, measured in by_size.items()
        for one in measured
        if one.samples
    }
    names = [row[0] for row in rows(next(reversed(list(by_size.values()))))]
    return markdown(
        ("CPU of one sample, sockets:", *(f"{count:,}" for count in by_size)),
        [(name, *(cells.get((name, count), "-") for count in by_size)) for name in names],
        len(by_size),
    )


def markdown(head: Sequence[str], body: Sequence[Sequence[str]], numbers: int) -> list[str]:
    """A table with `numbers` columns of numbers behind its first."""
    rule = ["---", *["---:"] * numbers, *["---"] * (len(head) - 1 - numbers)]
    lines = [head, rule, *([cell.replace("|", "\\|") for cell in line] for line in body)]
    return [f"| {' | '.join(line)} |" for line in lines]
