"""Stamps of pushes: what happens to them when the wall clock is set.

Alone knows how a step of the clock is told from the passing of time, and that no stamp is given twice. Pure:
readings of the clocks are passed in.
"""

from __future__ import annotations

from tcpwatchd.model.model import NS_PER_S, Stamp

# Clocks are disciplined by at most 500 ppm (ntp_adjtime(2)); what is beyond that, and a second, was a step.
_STEP_S = 1.0
_SLEW = 0.001


class Stamps:
    """`latest` and `life` are of the last push before, also by an earlier process; None if there is none.

    `steps` counts how often the wall clock was set, forwards or back, since it was last taken.
    """

    def __init__(self, latest: Stamp | None, life: int) -> None:
        self._latest = latest
        self._seen: tuple[int, float] | None = None
        self._stepped = False
        self.life = life
        self.steps = 0

    def watch(self, wall_ns: int, at_s: float) -> float:
        """Compares the clocks at a sample; returns by how many seconds the wall clock was set, mostly 0."""
        before, self._seen = self._seen, (wall_ns, at_s)
        if before is None:
            return 0.0
        passed_s = at_s - before[1]
        set_by_s = (wall_ns - before[0]) / NS_PER_S - passed_s
        if abs(set_by_s) < _STEP_S + _SLEW * passed_s:
            return 0.0
        self.steps += 1
        self._stepped = True
        return set_by_s

    def next(self, stamp: Stamp) -> tuple[Stamp, float]:
        """The stamp for a push, and by how many seconds it lies before that of the push before, mostly 0.

        Where the clock was set back, stamps go back with it: what came before was wrong, not what comes now.
        But each is new.
        """
        back_s = 0.0
        if self._latest is not None and stamp.again(self.life) <= self._latest:
            back_s = self._latest.clock - stamp.clock + (self._latest.ns - stamp.ns) / NS_PER_S
            self.life += 1
            self.steps += not self._stepped  # it was set while nobody watched, before this process
        self._stepped = False
        self._latest = stamp.again(self.life)
        return self._latest, max(back_s, 1e-6) if back_s else 0.0
