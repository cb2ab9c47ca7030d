"""Runs the sample loop in the main thread and a delivery thread for each destination; the spool is between
them.

Also: what a signal does, and the shutdown: last push, last attempt to deliver, close.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tcpwatchd import __version__
from tcpwatchd.config.config import Config
from tcpwatchd.daemon.notify import Notifier
from tcpwatchd.daemon.sampling import SampleLoop
from tcpwatchd.daemon.signals import RELOAD, STOP, Signals
from tcpwatchd.daemon.watchdog import Watchdog
from tcpwatchd.delivery.destination import shipment
from tcpwatchd.delivery.shipping import ShipLoop
from tcpwatchd.kernel.sampler import Sampler
from tcpwatchd.model.backlog_level import oldest_age_s
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import NS_PER_S, Clock
from tcpwatchd.model.errors import ConfigError
from tcpwatchd.model.sockets import State
from tcpwatchd.model.window import Window
from tcpwatchd.spool.backlog import MemoryNote
from tcpwatchd.spool.spool import Spool
from tcpwatchd.zabbix.tls import warnings

log = logging.getLogger(__name__)

# What a reload does not change: configuration key → field of Config.
_AT_START = {"spool.path": "spool_path", "sampler.backend": "backend", "sampler.mode": "mode"}

# systemd waits for 90 s by default; a person who typed Ctrl-C, for five.
_ENDING_S = 4.0
# Of it, how long the disk is waited for, before the last attempt to deliver and again after it.
_LAST_WRITE_S = 0.4
# How often it is looked whether the disk answers.
_WATCH_S = 1.0


def _no_one(_window: Window, _values: tuple[Value, ...]) -> None:
    """Observes nothing."""


class Daemon:
    """Runs until a signal, or for a given time.

    `load` reads the configuration again at SIGHUP. `observe` is called for every push, in the main thread.
    """

    def __init__(
        self,
        config: Config,
        sampler: Sampler,
        spool: Spool,
        clock: Clock,
        notifier: Notifier,
        load: Callable[[], Config],
        observe: Callable[[Window, tuple[Value, ...]], None] = _no_one,
    ) -> None:
        self._config = config
        self._spool = spool
        self._clock = clock
        self._notifier = notifier
        self._load = load
        self._observe = observe
        self._ships: dict[str, ShipLoop] = {}
        self._watchdog = Watchdog(notifier)
        self._note = MemoryNote(config.spool_path)
        spool.listen(self._news)
        # Hosts that were started together push at different moments; each at its own, the same at each start.
        place = random.Random(config.host).random()  # noqa: S311 - to spread, not to hide
        self._samples = SampleLoop(
            config, sampler, spool, clock, self._take_refused, self._pushed, place=place
        )
        if sampler.fallback:
            log.warning("sampling with psutil, which costs much more: %s", sampler.fallback)

    def run(self, seconds: float = math.inf) -> None:
        """Until SIGTERM or SIGINT, or `seconds` have passed. Main thread only."""
        with Signals() as signals:
            end_s = self._clock.steady_s() + seconds
            log.info(
                "tcpwatchd %s: host %s, a sample every %gs, a push every %gs, to %s",
                __version__,
                self._config.host,
                self._config.sample_s,
                self._config.push_s,
                ", ".join(self._config.servers),
            )
            self._ship_to(self._config)
            wait_s = self._samples.step()
            self._notifier.tell("READY=1")
            while (left_s := end_s - self._clock.steady_s()) > 0:
                self._watchdog.tell(self._ships, self._clock.steady_s())
                self._watch_the_disk()
                came = signals.wait(min(wait_s, left_s, _WATCH_S, self._watchdog.interval_s))
                if came & STOP:
                    break
                if came & RELOAD:
                    self._reload()
                wait_s = self._samples.step()
            signals.let_the_next_one_kill()
            self._end()

    def _watch_the_disk(self) -> None:
        self._spool.watch()
        self._note.tell(self._held(), self._spool.hangs_s() > 0, self._clock.wall_ns() // 10**9)

    def _held(self) -> int:
        """Values that are in memory alone while the disk hangs or takes none; else 0."""
        return self._spool.in_memory() if self._spool.hangs_s() or self._spool.failing else 0

    def _ship_to(self, config: Config) -> None:
        """Brings the ship loops in line with a configuration: new ones start, others end or go on."""
        for sentence in warnings(config.tls):
            log.warning("%s", sentence)
        for name in self._ships.keys() - set(config.servers):
            self._ships.pop(name).retire()
        for name in config.servers:
            elsewhere_s = partial(self._elsewhere_s, name) if len(config.servers) > 1 else None
            reached = shipment(name, config, self._clock, elsewhere_s)
            if name in self._ships:
                self._ships[name].configure(reached)
            else:
                self._ships[name] = ShipLoop(name, reached, self._spool, self._clock)
                self._ships[name].start()

    def _elsewhere_s(self, destination: str) -> int:
        """For how many seconds the oldest value waits for another destination than this one."""
        others = (row for row in self._spool.backlog() if row.destination != destination)
        return oldest_age_s(others, self._clock.wall_ns() // NS_PER_S)

    def _news(self) -> None:
        for ship in tuple(self._ships.values()):
            ship.news()

    def _take_refused(self) -> int:
        return sum(ship.take_refused() for ship in self._ships.values())

    def _pushed(self, window: Window, values: tuple[Value, ...]) -> None:
        self._notifier.tell(f"STATUS={_status(window, values, self._held())}")
        self._observe(window, values)

    def _reload(self) -> None:
        """Takes a new configuration whole, or keeps the old one and says why."""
        self._notifier.tell("RELOADING=1")
        try:
            config = self._load()
        except ConfigError as error:
            for line in error.lines():
                log.error("%s", line)
            log.error("not reloaded; the old configuration stays in use")
        except Exception:  # a file may be odder than we thought; that must not end what runs
            log.exception("not reloaded because of a bug in tcpwatchd; please report it")
        else:
            for key, name in _AT_START.items():
                if getattr(config, name) != getattr(self._config, name):
                    log.warning("%s has changed; this takes effect at the next start", key)
            # What is in force stays what it is, for the next reload to be compared with.
            config = replace(config, **{name: getattr(self._config, name) for name in _AT_START.values()})
            logging.getLogger("tcpwatchd").setLevel(config.log_level.upper())
            self._config = config
            self._spool.direct(config.servers)
            self._samples.configure(config)
            self._ship_to(config)
            log.info("reloaded")
        self._notifier.tell("READY=1")

    def _end(self) -> None:
        """The last push, one last attempt at everything that waits, and the file closed."""
        self._notifier.tell("STOPPING=1", "STATUS=a last push and one last attempt to deliver")
        deadline_s = self._clock.steady_s() + _ENDING_S
        self._samples.push()
        self._samples.keep()
        self._spool.flush(_LAST_WRITE_S)  # what the disk has, or is late to take, is sent below
        for ship in self._ships.values():
            ship.finish()
        for ship in self._ships.values():
            ship.join(deadline_s - self._clock.steady_s())
        backlog = self._spool.backlog()
        lost = self._spool.close(_LAST_WRITE_S)
        for waiting in backlog:
            if waiting.values > lost:
                log.warning(
                    "%s: %d values stay on disk for the next start",
                    waiting.destination,
                    waiting.values - lost,
                )
        if lost:
            log.error("%d values were only in memory because the disk is not writable, and are lost", lost)
        self._note.remove()
        log.info("stopped")


def _status(window: Window, values: tuple[Value, ...], in_memory: int) -> str:
    """What `systemctl status` shows: the last push in one line."""
    established = window.states.get(State.ESTABLISHED)
    sockets = f"{established.last} established" if established else "no whole sample"
    waiting = next((value.text for value in values if value.key == "tcpwatchd.self[spool_values]"), "0")
    held = f", {in_memory} in memory because the disk is not writable" if in_memory else ""
    return f"{sockets}, {len(values)} values pushed, {waiting} more waiting on disk{held}"
