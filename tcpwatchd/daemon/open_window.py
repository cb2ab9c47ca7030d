"""Collects samples, counters and limits between two pushes, and computes statistics and deltas.

Minimum, maximum and mean rest on every whole sample since the push before, and for the states that counters
give, on the samples of counters between them too; the last value is that of a whole sample. There is no delta
at the first push, across a gap, or against a window without a sample, and no increase of a counter that went
back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tcpwatchd.kernel.accept_queues import worst
from tcpwatchd.model.sockets import CounterSample, Listener, Snapshot, State
from tcpwatchd.model.window import AcceptQueues, Findings, Limit, Statistics, Window


@dataclass
class _Fold:
    """One state over the samples seen so far."""

    count: int = 0
    last: int = 0
    minimum: int = 0
    maximum: int = 0
    total: int = 0

    def add(self, sockets: int) -> None:
        self.minimum = min(self.minimum, sockets) if self.count else sockets
        self.maximum = max(self.maximum, sockets) if self.count else sockets
        self.total += sockets
        self.count += 1


class OpenWindow:
    """Collects samples until `close` ends the window and begins the next.

    `gap_s`: where the last samples of two windows lie further apart than this, something stood still in
    between (suspend, a stopped process, dropped samples) and a difference would be an invented number.
    `last_queues` are the accept queues of the last sample.
    """

    def __init__(self, gap_s: float) -> None:
        self.gap_s = gap_s
        self._before: dict[State, int] = {}
        self._before_at_s = 0.0
        self._counted_before: Mapping[str, int] = {}
        self._found_before = Findings()
        self.last_queues: tuple[Listener, ...] = ()
        self._begin()

    def _begin(self) -> None:
        self._folds = {state: _Fold() for state in State}
        self._latest: Snapshot | None = None
        self._samples = self._counter_samples = self._dropped = self._missed = self._spared = 0
        self._audit: int | None = None
        self._queues: AcceptQueues | None = None
        self._unanswered: dict[State, int] = {}
        self._counted: Mapping[str, int] = {}
        self._limits: Mapping[str, Limit] = {}
        self._found = Findings()

    def add(self, snapshot: Snapshot) -> None:
        """Folds one whole sample in."""
        for state, fold in self._folds.items():
            sockets = snapshot.total(state)
            if sockets is not None:
                fold.add(sockets)
                fold.last = sockets
        self._latest = snapshot
        self._samples += 1
        audit = snapshot.reading.audit
        if audit is not None:
            self._audit = audit if self._audit is None else max(self._audit, audit)
        self._add_queues(snapshot.reading.queues)
        unanswered = snapshot.reading.unanswered
        if unanswered is not None:
            self._unanswered = {
                state: max(unanswered[state], self._unanswered.get(state, 0)) for state in State
            }

    def add_counters(self, sample: CounterSample) -> None:
        """Folds in what counters say between two whole samples."""
        for state, sockets in sample.sockets.items():
            self._folds[state].add(sockets)
        self._counter_samples += 1
        self._add_queues(sample.queues)

    def _add_queues(self, queues: tuple[Listener, ...] | None) -> None:
        self.last_queues = queues or ()
        if queues is not None:
            self._queues = worst(self._queues, queues)

    def drop(self) -> None:
        """Counts a sample that was not whole."""
        self._dropped += 1

    def miss(self, ticks: int) -> None:
        """Counts ticks that passed without a sample."""
        self._missed += ticks

    def spare(self) -> None:
        """Counts a tick without a walk, to keep to the budget."""
        self._spared += 1

    def count(self, counters: Mapping[str, int]) -> None:
        """Takes what the kernel's counters say now, by their names."""
        self._counted = counters

    def measure(self, limits: Mapping[str, Limit]) -> None:
        """Takes what is in use of the kernel's limits now."""
        self._limits = limits

    def find(self, findings: Findings) -> None:
        """Takes what closer looks have brought."""
        self._found = findings

    @property
    def counted(self) -> Mapping[str, int]:
        """The kernel's counters as they were read for this push."""
        return self._counted

    def told(self, counted: Mapping[str, int]) -> None:
        """The increase of these counters was sent before the push; the push has the rest."""
        self._counted_before = {**self._counted_before, **counted}

    @property
    def latest(self) -> Snapshot | None:
        """The last whole sample, None if there was none."""
        return self._latest

    @property
    def audit(self) -> int | None:
        """The largest difference of an audit, None without an audit."""
        return self._audit

    @property
    def empty(self) -> bool:
        """Whether no sample was taken, nor tried."""
        return not self._samples and not self._dropped

    def so_far(self) -> Window:
        """What the window holds at this moment; it stays open."""
        latest = self._latest
        states: dict[State, Statistics] = {}
        gap = latest is None or latest.at_s - self._before_at_s > self.gap_s
        if latest is not None:
            for state, fold in self._folds.items():
                if fold.count:
                    before = None if gap else self._before.get(state)
                    states[state] = Statistics(
                        last=fold.last,
                        delta=None if before is None else fold.last - before,
                        minimum=fold.minimum,
                        maximum=fold.maximum,
                        average=fold.total / fold.count,
                    )
        return Window(
            latest=latest,
            states=states,
            samples=self._samples,
            dropped=self._dropped,
            missed=self._missed,
            spared=self._spared,
            counter_samples=self._counter_samples,
            audit=self._audit,
            queues=self._queues,
            unanswered=self._unanswered,
            increases=self._increases(),
            limits=self._limits,
            found=self._found,
            found_before=Findings() if gap else self._found_before,
        )

    def _increases(self) -> Mapping[str, int]:
        """Across a gap too: each event is counted once. A counter that went back has begun anew."""
        before, now = self._counted_before, self._counted
        return {
            name: count - before[name]
            for name, count in now.items()
            if name in before and count >= before[name]
        }

    def close(self) -> Window:
        """Ends the window, returns what it held, and begins the next one.

        To be called when what `so_far` gave is safe: until then the push before is still the one before.
        """
        window = self.so_far()
        if self._latest is not None:
            self._before_at_s = self._latest.at_s
        self._before = {state: held.last for state, held in window.states.items()}
        self._found_before = self._found
        # What could not be read this time is compared with what it was before.
        self._counted_before = {**self._counted_before, **self._counted}
        self._begin()
        return window
