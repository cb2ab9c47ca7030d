"""The whole daemon over ten minutes: what was spent for what, and its targets.

Pure: no file, process or clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tcpwatchd.model.schedule import Budget

from .accounting import Memory
from .figures import Measured, Verdict
from .plan import (
    BUDGET_SHARE,
    EVERY_FEATURE,
    EVERY_FEATURE_AS_NOBODY,
    EVERY_FEATURE_TARGETS,
    LEAST_TICKS,
    MOST_AT_REST_BYTES,
    MOST_BURST_WALKS,
    MOST_EVERY_FEATURE_GROWTH_BYTES,
    MOST_EVERY_FEATURE_PEAK_BYTES,
    WHOLE,
    WHOLE_AS_NOBODY,
    WHOLE_TARGETS,
)


@dataclass(frozen=True)
class Accounted:
    """What one daemon spent in `elapsed_s`, and on what.

    Memory after two pushes with few sockets (`rest`) and at the end. `samples` are whole ones, `spent_s` is
    the CPU time of each tick, `longest_walk_s` that of the longest of the bare walks meanwhile.
    """

    who: str
    sockets: int
    elapsed_s: float
    push_s: float
    tick_s: float
    cpu_s: float
    samples: int
    counter_samples: int
    audits: int
    longest_burst_s: float
    longest_walk_s: float
    rest: Memory
    memory: Memory
    spent_s: tuple[float, ...]

    @property
    def share(self) -> float:
        """Of one core."""
        return self.cpu_s / self.elapsed_s

    @property
    def sample_s(self) -> float:
        """CPU time for each whole sample, everything included."""
        return self.cpu_s / max(1, self.samples)

    @property
    def samples_a_push(self) -> float:
        """Whole samples from push to push; by default these are a minute."""
        return self.samples * self.push_s / self.elapsed_s

    @property
    def ticks(self) -> float:
        """On which part of all ticks ESTABLISHED was counted."""
        return (self.samples + self.counter_samples) * self.tick_s / self.elapsed_s


def samples_a_minute(sample_s: float, audit_s: float) -> int:
    """How many samples of this cost the default budget allows each minute."""
    budget = Budget()
    budget.configure(100 * BUDGET_SHARE, 1.0, 60.0, 300.0, audits_grow=True)
    budget.spent(audit_s, audit=True)
    budget.spent(sample_s, audit=False)
    return -(-60 // budget.stride)


def whole_verdicts(accounted: Sequence[Accounted], measured: Sequence[Measured]) -> list[Verdict]:
    """The targets of the whole daemon, held against what was measured at the last size."""
    peers = {one.contender: one for one in measured if one.samples}
    by_name = {one.who: one for one in accounted}
    found = []
    for names, targets in (
        ((WHOLE, WHOLE_AS_NOBODY), WHOLE_TARGETS),
        ((EVERY_FEATURE, EVERY_FEATURE_AS_NOBODY), EVERY_FEATURE_TARGETS),
    ):
        for who in names:
            for target in targets:
                words = f"{who}: everything for one sample ≤ {target.most:g} × {target.contender}"
                peer = peers.get(target.contender)
                ratio = by_name[who].sample_s / peer.cpu_s if peer else 0.0
                found.append(Verdict(words, f"{ratio:.2g} ×" if peer else "", 0 < ratio <= target.most))
    for one in accounted:
        found += _of_one(one)
    return found


def _of_one(one: Accounted) -> list[Verdict]:
    walks = one.longest_burst_s / one.longest_walk_s if one.longest_walk_s else 0.0
    found = [
        Verdict(f"{one.who} ≤ {BUDGET_SHARE:.0%} of one core", f"{one.share:.2%}", one.share <= BUDGET_SHARE),
        Verdict(
            f"{one.who}: longest burst of the main loop ≤ {MOST_BURST_WALKS:g} × the longest bare walk",
            f"{walks:.2g} ×" if walks else "",
            0 < walks <= MOST_BURST_WALKS,
        ),
        Verdict(
            f"{one.who}: ESTABLISHED counted at ≥ {LEAST_TICKS:.0%} of the ticks",
            f"{one.ticks:.1%}",
            one.ticks >= LEAST_TICKS,
        ),
    ]
    if one.who in (WHOLE, WHOLE_AS_NOBODY):
        bytes_, most = one.rest.now_bytes, MOST_AT_REST_BYTES
        words = f"{one.who}: resident memory at rest ≤ {most / 1e6:g} MB"
        return [*found, Verdict(words, f"{bytes_ / 1e6:.1f} MB", bytes_ <= most)]
    for name, grown, most in (
        ("resident memory", one.memory.now_bytes - one.rest.now_bytes, MOST_EVERY_FEATURE_GROWTH_BYTES),
        ("its peak", one.memory.peak_bytes - one.rest.peak_bytes, MOST_EVERY_FEATURE_PEAK_BYTES),
    ):
        words = f"{one.who}: {name} grows by ≤ {most / 1e6:g} MB"
        found.append(Verdict(words, f"{grown / 1e6:+.2f} MB", grown <= most))
    return found
