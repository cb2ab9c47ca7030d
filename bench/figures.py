"""From readings to numbers: medians, ratios, targets.

Pure: no file, process or clock.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .accounting import Memory
from .contender import Reading
from .plan import AS_NOBODY, MOST_COMMAND_S, MOST_GROWTH_BYTES, OURS, TARGETS


@dataclass(frozen=True)
class Pair:
    """A turn of a contender and ours right after it."""

    theirs: Reading
    ours: Reading


@dataclass(frozen=True)
class Measured:
    """One contender at one size: the medians of its rounds, or a `note` that says why there are none.

    CPU seconds are those of one sample. `ratio` is ours divided by its, within a round.
    """

    contender: str
    sockets: int
    samples: int = 0
    cpu_s: float = 0.0
    ratio: float = 0.0
    peak_bytes: int = 0
    note: str = ""
    ours: tuple[Reading, ...] = ()


def summed_up(contender: str, sockets: int, pairs: Sequence[Pair], note: str = "") -> Measured:
    """What all its rounds come to."""
    if not pairs:
        return Measured(contender, sockets, note=note)
    return Measured(
        contender,
        sockets,
        sum(pair.theirs.samples for pair in pairs),
        statistics.median(pair.theirs.cpu_s for pair in pairs),
        statistics.median(pair.ours.cpu_s / pair.theirs.cpu_s for pair in pairs),
        max(pair.theirs.peak_bytes for pair in pairs),
        note,
        tuple(pair.ours for pair in pairs),
    )


def ours_of(measured: Sequence[Measured]) -> Measured:
    """Our own row at one size, from all the turns beside the others."""
    turns = [turn for one in measured for turn in one.ours]
    return summed_up(
        OURS,
        measured[0].sockets,
        [Pair(turn, turn) for turn in turns],
        "" if turns else "no other was measured",
    )


@dataclass(frozen=True)
class Held:
    """What a daemon of ours holds in memory at so many sockets."""

    who: str
    sockets: int
    memory: Memory


def growth_bytes(held: Sequence[Held], who: str) -> int:
    """Of resident memory, from the first size to the last."""
    resident = [one.memory.now_bytes for one in held if one.who == who]
    return resident[-1] - resident[0]


@dataclass(frozen=True)
class Verdict:
    """A target, what was measured, and whether that will do; `measured` empty: it could not be measured."""

    target: str
    measured: str
    met: bool


def verdicts(measured: Sequence[Measured], held: Sequence[Held]) -> list[Verdict]:
    """Every target, held against what was measured at the last size; and the same for nobody.

    Nobody runs beside us, not beside each contender: its ratio to them is ours times its ratio to us.
    """
    by_name = {one.contender: one for one in measured if one.samples}
    nobody = by_name.get(AS_NOBODY)
    found = []
    for who, factor in ((OURS, 1.0), (AS_NOBODY, 1 / nobody.ratio if nobody else None)):
        for target in TARGETS:
            one = by_name.get(target.contender)
            words = f"{who} ≤ {target.most:g} × {target.contender}"
            if one is None or factor is None:
                found.append(Verdict(words, "", False))
            else:
                ratio = one.ratio * factor
                found.append(Verdict(words, f"{ratio:.2g} ×", ratio <= target.most))
    for who in (OURS, AS_NOBODY):
        growth = growth_bytes(held, who)
        words = f"{who}: resident memory grows by < {MOST_GROWTH_BYTES / 1e6:g} MB"
        found.append(Verdict(words, f"{growth / 1e6:+.2f} MB", growth < MOST_GROWTH_BYTES))
    return found


def command_verdict(command_s: float) -> Verdict:
    """The target of `tcpwatchd sample`."""
    words = f"tcpwatchd sample ≤ {MOST_COMMAND_S:g} s of CPU"
    return Verdict(words, f"{command_s:.3f} s", command_s <= MOST_COMMAND_S)
