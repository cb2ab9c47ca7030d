"""From readings to numbers: medians, ratios, targets.

Alone knows this arithmetic. Pure: no file, process or clock.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .contender import Reading
from .plan import AS_NOBODY, MOST_GROWTH_BYTES, OURS, TARGETS


@dataclass(frozen=True)
class Pair:
    """A turn of a contender and ours right after it."""

    theirs: Reading
    ours: Reading


@dataclass(frozen=True)
class Measured:
    """One contender at one size. CPU seconds a sample; `ratio` is ours divided by its; `note`: what failed.

    Numbers are medians over `rounds`; without a round they are 0 and mean nothing.
    """

    contender: str
    sockets: int
    rounds: int
    cpu_s: float
    ours_s: float
    ratio: float
    peak_bytes: int
    note: str = ""


def summed_up(contender: str, sockets: int, pairs: Sequence[Pair], note: str = "") -> Measured:
    """The medians of all rounds; the ratio is that within a round."""
    if not pairs:
        return Measured(contender, sockets, 0, 0.0, 0.0, 0.0, 0, note or "not measured")
    return Measured(
        contender,
        sockets,
        len(pairs),
        statistics.median(pair.theirs.cpu_s for pair in pairs),
        statistics.median(pair.ours.cpu_s for pair in pairs),
        statistics.median(pair.ours.cpu_s / pair.theirs.cpu_s for pair in pairs),
        max(pair.theirs.peak_bytes for pair in pairs),
        note,
    )


def ours_of(measured: Sequence[Measured], peak_bytes: int) -> Measured:
    """Our own row at one size: the median of the medians that stand beside the others."""
    counted = [one for one in measured if one.rounds]
    cpu_s = statistics.median(one.ours_s for one in counted)
    rounds = sum(one.rounds for one in counted)
    return Measured(OURS, counted[0].sockets, rounds, cpu_s, cpu_s, 1.0, peak_bytes)


@dataclass(frozen=True)
class Verdict:
    """A target, what was measured, and whether that will do; `measured` empty: it could not be measured."""

    target: str
    measured: str
    met: bool


def verdicts(measured: Sequence[Measured], growth_bytes: int, nobody_growth_bytes: int) -> list[Verdict]:
    """Every target, held against what was measured at the last size; and the same for nobody.

    Nobody runs beside us, not beside each contender: its ratio to them is ours times its ratio to us.
    """
    by_name = {one.contender: one for one in measured if one.rounds}
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
    for who, growth in ((OURS, growth_bytes), (AS_NOBODY, nobody_growth_bytes)):
        words = f"{who}: resident memory grows by < {MOST_GROWTH_BYTES / 1e6:g} MB"
        found.append(Verdict(words, f"{growth / 1e6:+.2f} MB", growth < MOST_GROWTH_BYTES))
    return found
