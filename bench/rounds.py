"""One size, measured: every contender in turn, and after each of its turns one of ours.

Two turns that are compared follow each other at once, so that what else the machine does falls on both.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from typing import Callable

from .contender import Contender, Reading
from .errors import BenchError, ContenderError
from .figures import Measured, Pair, summed_up
from .plan import Mix

# Of a contender, whatever it is that is wrong with its program: it is told, and the others go on.
_TROUBLE = (BenchError, OSError, ValueError, subprocess.SubprocessError)


def measure(
    contenders: Sequence[Contender],
    running: Sequence[Contender],
    ours: Contender,
    made: Mix,
    rounds: int,
    step: Callable[[str], None],
) -> list[Measured]:
    """What each contender takes on the sockets that are there; `running` ones are not started here."""
    pairs: dict[str, list[Pair]] = {one.name: [] for one in (*contenders, *running)}
    notes: dict[str, str] = {}
    with contextlib.ExitStack() as started:
        for contender in contenders:
            try:
                started.enter_context(contender)
            except _TROUBLE as error:
                notes[contender.name] = str(error)
        for number in range(1, rounds + 1):
            for contender in (*contenders, *running):
                if contender.name in notes or number > contender.rounds:
                    continue
                step(f"{made.established:,} sockets, round {number} of {rounds}: {contender.name}")
                try:
                    theirs = believable(contender.turn(), made)
                except _TROUBLE as error:
                    notes[contender.name] = str(error)
                    continue
                pairs[contender.name].append(Pair(theirs, our_turn(ours, made)))
    return [summed_up(name, made.established, found, notes.get(name, "")) for name, found in pairs.items()]


def believable(reading: Reading, made: Mix) -> Reading:
    """The reading; ContenderError where it did not count what is there, however fast it was."""
    differences = reading.seen.differences(made)
    if differences:
        raise ContenderError(f"counts {differences}")
    return reading


def our_turn(ours: Contender, made: Mix) -> Reading:
    """As any other's; but without it there is no comparison."""
    try:
        return believable(ours.turn(), made)
    except ContenderError as error:
        raise BenchError(f"{ours.name}: {error}") from None
