"""The delivery loop: send a batch, pass the answer to the outbox. One for each destination, in its own
thread.

It decides when a batch is sent, when a failed one is repeated, and what is logged. A server that hangs
cannot delay a sample, because this loop shares nothing with sampling but the spool.
"""

from __future__ import annotations

import logging
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from tcpwatchd.delivery.outbox import HostRefusedError, Outbox
from tcpwatchd.delivery.pace import Pace
from tcpwatchd.delivery.recheck import RecheckTimes
from tcpwatchd.delivery.refused_key_search import HOST_TODO, host_refused
from tcpwatchd.model.batch import Batch, Deferred, Delivered, Outcome
from tcpwatchd.model.clock import NS_PER_S, Clock
from tcpwatchd.model.errors import SpoolError
from tcpwatchd.model.schedule import backoff_s
from tcpwatchd.model.transition_log import TransitionLog
from tcpwatchd.spool.spool import Spool

log = logging.getLogger(__name__)

Deliver = Callable[[Batch], Outcome]

# An ending sends so many batches at most: what is left is as safe on the disk.
_LAST_BATCHES = 20
# A disk that does not give what waits on it is asked again after so long.
_DISK_S = 1.0


@dataclass(frozen=True)
class Shipment:
    """How values reach one destination.

    They are sent as values of `host`, at most `batch_size` in a request; a backlog at most at `rate` values a
    second, starting within `delay_s` after an outage. A delivery that takes longer than `longest_s` hangs.
    `host_todo`: what a person does where nothing of the host is taken.
    """

    deliver: Deliver
    host: str
    batch_size: int
    rate: float
    delay_s: float
    longest_s: float = math.inf
    host_todo: str = HOST_TODO


class ShipLoop:
    """Empties the spool towards one destination. `luck` gives numbers in [0, 1) that spread the repeats."""

    def __init__(
        self,
        destination: str,
        shipment: Shipment,
        spool: Spool,
        clock: Clock,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self.destination = destination
        self._shipment = shipment
        self._spool = spool
        self._outbox = Outbox(destination, spool)
        self._clock = clock
        self._luck = luck
        self._pace = Pace(shipment.rate, shipment.delay_s)
        self._failures = 0
        self._retry_at_s = 0.0
        self._rechecks = RecheckTimes(clock.steady_s())
        self._introduced = False
        self._noted: str | None = None  # what an earlier process has noted is not known
        self._trouble_clock = 0
        self._delivery = TransitionLog(log, destination)
        self._keeping = TransitionLog(log, f"{destination}: spool")
        self._news = threading.Event()
        self._stepping_since_s: float | None = None
        self._closing = self._retired = False
        self._thread = threading.Thread(target=self._run, name=f"ship {destination}", daemon=True)

    def configure(self, shipment: Shipment) -> None:
        """Takes new settings from the next batch on, and asks again with it for all that is refused."""
        self._shipment = shipment
        self._pace.configure(shipment.rate, shipment.delay_s)
        self._outbox.recheck()
        self._retry_at_s = 0.0
        self._news.set()

    def take_refused(self) -> int:
        """Values that were refused or set aside since this was last asked."""
        return self._outbox.take_refused()

    def step(self, at_once: bool = False) -> float | None:
        """Sends one batch; returns the seconds until the next step, None: when there is news.

        After a failure nothing is sent until its wait is over, and after a batch not before its pace allows,
        unless `at_once`.
        """
        now_s = self._clock.steady_s()
        left_s = max(self._retry_at_s - now_s if self._failures else 0.0, self._pace.wait_s(now_s))
        if left_s > 0 and not at_once:
            return left_s
        if self._rechecks.take_all(now_s):
            self._outbox.recheck()
        if self._outbox.take_discovered_refused():
            self._rechecks.discovered_refused(now_s)
        if self._rechecks.take_discovered(now_s):
            self._outbox.recheck_discovered()
        shipment = self._shipment
        try:
            batch = self._outbox.batch(
                shipment.batch_size if at_once else self._pace.at_most(shipment.batch_size)
            )
        except SpoolError as error:
            # No server is at fault: what waits on disk is asked for again soon.
            self._keeping.failed(str(error))
            return _DISK_S
        if batch is None:
            return self._rechecks.wait_s(now_s)
        # Whoever corrects zabbix.host means what waits as well: it is of this machine under any name.
        batch = replace(batch, host=shipment.host)
        asked_s = self._clock.steady_s()
        outcome = shipment.deliver(batch)
        took_s = self._clock.steady_s() - asked_s
        if isinstance(outcome, Deferred):
            return self._again_later(outcome.reason, outcome.todo)
        try:
            self._outbox.answered(outcome)
        except HostRefusedError:
            return self._again_later(host_refused(batch.host), shipment.host_todo)
        except SpoolError as error:
            self._keeping.failed(str(error))
            return _DISK_S
        self._keeping.worked()
        # Where nothing was taken, the whole host may yet turn out to be refused; a question is no delivery.
        if outcome.processed and not batch.question:
            self._delivered(batch, outcome, took_s)
        return 0.0

    def _again_later(self, reason: str, todo: str) -> float:
        self._failures += 1
        now_s = self._clock.steady_s()
        self._pace.failed(now_s)
        self._delivery.failed(f"{reason}; values wait on disk", todo)
        if not self._trouble_clock:
            self._trouble_clock = self._clock.wall_ns() // NS_PER_S
        self._note(f"{reason} -> {todo}" if todo else reason)
        return self._put_off(backoff_s(self._failures, self._luck()))

    def _put_off(self, wait_s: float) -> float:
        self._failures = max(1, self._failures)
        self._retry_at_s = self._clock.steady_s() + wait_s
        return wait_s

    def _delivered(self, batch: Batch, outcome: Delivered, took_s: float) -> None:
        self._failures = 0
        self._pace.delivered(len(batch.values), self._clock.steady_s(), took_s, self._luck())
        introduced, self._introduced = self._introduced or self._delivery.failing, True
        if self._delivery.failing:
            self._delivery.worked(f"delivers again{self._what_follows()}")
        self._trouble_clock = 0
        self._note("")
        if not introduced:
            log.info("%s: delivers; %d values taken by %s", self.destination, outcome.processed, outcome.node)

    def _what_follows(self) -> str:
        """The backlog behind the first batch after an outage, for the log."""
        left = sum(row.values for row in self._spool.backlog() if row.destination == self.destination)
        return (
            f"; {left:,} values that waited follow, at most {self._shipment.rate:,.0f} a second"
            if left
            else ""
        )

    def _note(self, trouble: str) -> None:
        """Keeps the reason and the time for `tcpwatchd backlog`."""
        if trouble != self._noted:
            self._spool.note(self.destination, trouble, self._trouble_clock)
            self._noted = trouble

    def hangs(self, now_s: float) -> bool:
        """Whether a step of the thread takes longer than any can, or the thread has ended by itself."""
        since_s = self._stepping_since_s
        if since_s is not None and now_s - since_s > self._shipment.longest_s:
            return True
        return self._thread.ident is not None and not self._thread.is_alive()

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
        """Asks for one last attempt at what waits; `join` afterwards."""
        self._closing = True
        self._news.set()

    def join(self, seconds: float) -> bool:
        """Waits for the loop to end; False if it has not. It may hang in a look-up that cannot be cut short:
        then the process leaves it behind, and what it had under way is sent again with the same stamps.
        """
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _run(self) -> None:
        lasts = _LAST_BATCHES
        while not self._retired:
            # Read before the step: what was appended before `finish` is then in sight of a last step.
            last = self._closing
            self._stepping_since_s = self._clock.steady_s()
            try:
                wait_s = self.step(at_once=last)
            except Exception:  # a bug must not end delivery for good, nor hide
                log.exception(
                    "%s: a bug in tcpwatchd; delivery continues in a minute, please report it",
                    self.destination,
                )
                wait_s = self._put_off(60.0)
            self._stepping_since_s = None
            if last:
                lasts -= 1
                if wait_s != 0 or not lasts:
                    return
            elif wait_s != 0:
                self._news.wait(wait_s)
                self._news.clear()
