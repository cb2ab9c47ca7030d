"""The ship loop: peek, send, ack; one for each destination, each in a thread of its own.

Alone knows that a position moves only after the server said yes, and when a failed attempt is repeated.
Never touches the kernel's sockets or the window: a server that hangs cannot hold up a sample.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from tcpwatchd.clock import Clock
from tcpwatchd.edge import Edge
from tcpwatchd.errors import SpoolError
from tcpwatchd.model import Batch, Deferred, Delivered, Outcome
from tcpwatchd.schedule import backoff_s
from tcpwatchd.spool import Spool

log = logging.getLogger(__name__)

Deliver = Callable[[Batch], Outcome]


class ShipLoop:
    """Empties the spool towards one destination. `luck` gives numbers in [0, 1) that spread the repeats."""

    def __init__(
        self,
        destination: str,
        deliver: Deliver,
        batch_size: int,
        spool: Spool,
        clock: Clock,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self.destination = destination
        self.configure(deliver, batch_size)
        self._spool = spool
        self._clock = clock
        self._luck = luck
        self._failures = 0
        self._retry_at_s = 0.0
        self._introduced = False
        self._delivery = Edge(log, destination)
        self._refusal = Edge(log, destination)
        self._position = Edge(log, f"{destination}: position")
        self._refused = self._refused_told = 0
        self._news = threading.Event()
        self._closing = self._retired = False
        self._thread = threading.Thread(target=self._run, name=f"ship {destination}", daemon=True)

    def configure(self, deliver: Deliver, batch_size: int) -> None:
        """Takes new settings, from the next batch on."""
        self._settings = (deliver, batch_size)

    def take_refused(self) -> int:
        """Values that the server refused since this was last asked."""
        # Only the ship thread raises the count, only the caller moves what it was told: no lock is needed.
        refused, told = self._refused, self._refused_told
        self._refused_told = refused
        return refused - told

    def step(self, at_once: bool = False) -> float | None:
        """Sends one batch; returns the seconds until the next step, None: when there is news.

        After a failure nothing is sent until its wait is over, unless `at_once`.
        """
        left_s = self._retry_at_s - self._clock.steady_s()
        if self._failures and left_s > 0 and not at_once:
            return left_s
        deliver, batch_size = self._settings
        try:
            batch = self._spool.peek(self.destination, batch_size)
        except SpoolError as error:
            return self._again_later(str(error), "")
        if batch is None:
            return None
        outcome = deliver(batch)
        if isinstance(outcome, Deferred):
            where = f"{outcome.node} " if ";" in self.destination else ""  # which node of a cluster
            reason = f"{where}{outcome.reason}; values wait on disk"
            return self._again_later(reason, outcome.todo)
        self._delivered(batch, outcome)
        return 0.0

    def _again_later(self, reason: str, todo: str) -> float:
        self._failures += 1
        self._delivery.failed(reason, todo)
        wait_s = backoff_s(self._failures, self._luck())
        self._retry_at_s = self._clock.steady_s() + wait_s
        return wait_s

    def _delivered(self, batch: Batch, outcome: Delivered) -> None:
        self._failures = 0
        introduced, self._introduced = self._introduced or self._delivery.failing, True
        self._delivery.worked("delivers again")
        if not introduced:
            log.info(
                "%s: delivers; %d values taken by %s",
                self.destination,
                outcome.processed,
                outcome.node,
            )
        self._refused += outcome.refused
        if outcome.refused:
            self._refusal.failed(
                "refuses some values (missing or disabled item, not a trapper, or this sender not allowed)",
                "`tcpwatchd check --connect` names them; usually the template needs a new import",
            )
        else:
            self._refusal.worked("takes all values again")
        try:
            self._spool.ack(self.destination, batch.last_id)
        except SpoolError as error:
            # Delivered all the same, and not sent again by this process.
            self._position.failed(str(error), "")
        else:
            self._position.worked("is kept again")

    def start(self) -> None:
        """Begins to ship in a thread of its own."""
        self._thread.start()

    def news(self) -> None:
        """Something was appended to the spool."""
        self._news.set()

    def retire(self) -> None:
        """Ends the loop without a further attempt: the destination is no longer configured."""
        self._retired = True
        self._news.set()

    def finish(self) -> None:
        """Asks for one last attempt at all that waits; `join` afterwards."""
        self._closing = True
        self._news.set()

    def join(self, seconds: float) -> bool:
        """Waits for the loop to end; False if it has not. It may hang in a look-up that cannot be cut short:
        then the process leaves it behind, and what it had under way is sent again with the same stamps.
        """
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._retired:
            # Read before the step: what was appended before `finish` is then in sight of a last step.
            last = self._closing
            try:
                wait_s = self.step(at_once=last)
            except Exception:  # a bug must not end delivery for good, nor hide
                log.exception(
                    "%s: a bug in tcpwatchd; delivery goes on in a minute, please report it",
                    self.destination,
                )
                wait_s = 60.0
            if last and wait_s != 0:
                return
            if wait_s != 0:
                self._news.wait(wait_s)
                self._news.clear()
