"""`make soak`: the daemon against a real Zabbix server while all goes wrong, and then the sum.

Alone knows the list of what goes wrong and in which order it comes (by a seed), and the report. What lost and
doubled mean is in `ledger`. Debian 12, root; about three minutes, never more than ten.

    python -m tests.soak [SEED]
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tcpwatchd.backlog import read_backlog
from tcpwatchd.catalogue import CATALOGUE
from tcpwatchd.render import TEMPLATE_NAME, template
from tests.ledger import Verdict, committed, compare, dead_destination
from tests.processes import Service, wait_for
from tests.relay import Relay
from tests.zabbix_stand import Stand, StandError, packages
from tests.zabbix_stand.stored import stored

HOST = "soak"
ITEM = "tcpwatchd.sockets.max[listen]"
ROUNDS = 2
_STARTED = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - _STARTED:6.1f} s  {text}", flush=True)


@dataclass
class Soak:
    """What is disturbed: the stand, the relay in front of its server, the daemon as often as it starts."""

    stand: Stand
    relay: Relay
    directory: Path
    yaml: str
    luck: random.Random
    services: list[Service] = field(default_factory=list)

    @property
    def spool(self) -> Path:
        return self.directory / "spool" / "spool.db"

    def start(self) -> None:
        service = Service(self.directory, self.yaml)
        service.__enter__()  # its end comes from a disturbance, or from `end`
        self.services.append(service)
        service.ready()

    def kill(self) -> None:
        self.services[-1].__exit__(None, None, None)  # with SIGKILL, as it is not asked to stop before

    def wait(self, least_s: float, most_s: float) -> float:
        """Lets some time pass, and tells how much."""
        seconds = self.luck.uniform(least_s, most_s)
        time.sleep(seconds)
        return seconds

    def switch(self, what: str, on: bool) -> None:
        """Enables or disables the host or the item, and waits until the server knows.

        What it has answered for and not stored yet, a server drops where host or item is disabled then, and
        no sender can know: so delivery pauses until history has it all.
        """
        if not on:
            self.relay.go()
            wait_for(self.is_stored, "history has what was answered for", 60)
        if what == "host":
            (found,) = self.stand.api("host.get", {"filter": {"host": [HOST]}, "output": ["hostid"]})
            self.stand.api("host.update", {"hostid": found["hostid"], "status": 0 if on else 1})
        else:
            itemid = self.stand.items(HOST)[ITEM]["itemid"]
            self.stand.api("item.update", {"itemid": itemid, "status": 0 if on else 1})
        self.stand.wait_until_read()
        if not on:
            self.relay.come()

    def is_stored(self) -> bool:
        """Whether history has all that the server has answered for."""
        waiting = self.waiting()
        return len(stored(self.stand, HOST)) >= len(committed(self.spool)) - waiting

    def waiting(self) -> int:
        """Values that the server has not taken yet, those set aside included."""
        for one in read_backlog(self.spool)[0]:
            if one.destination == self.relay.address:
                return one.values + sum(one.aside.values()) + one.doubted
        raise AssertionError("the spool does not know the destination")

    def log(self) -> str:
        return "\n".join(service.log() for service in self.services)


def server_stops(soak: Soak) -> None:
    soak.stand.stop_server()
    seconds = soak.wait(4, 8)
    soak.stand.start_server()
    say(f"the server was stopped for {seconds:.1f} s")


def database_stops(soak: Soak) -> None:
    soak.stand.stop_database()
    seconds = soak.wait(4, 8)
    soak.stand.start_database()
    say(f"the database was stopped under the server for {seconds:.1f} s")


def daemon_is_killed(soak: Soak) -> None:
    times = soak.luck.randint(3, 6)
    for _ in range(times):
        soak.kill()
        soak.start()
        soak.wait(0.0, 1.5)
    say(f"the daemon was killed (SIGKILL) and started again, {times} times")


def daemon_is_killed_while_the_server_is_away(soak: Soak) -> None:
    soak.stand.stop_server()
    soak.wait(1, 3)
    soak.kill()
    soak.start()
    soak.wait(1, 3)
    soak.kill()
    soak.stand.start_server()
    soak.start()
    say("the server was stopped, the daemon killed twice meanwhile, and both started again")


def host_is_disabled(soak: Soak) -> None:
    soak.switch("host", on=False)
    seconds = soak.wait(3, 6)
    soak.switch("host", on=True)
    say(f"the host was disabled for {seconds:.1f} s: everything was refused")


def item_is_disabled(soak: Soak) -> None:
    soak.switch("item", on=False)
    seconds = soak.wait(4, 8)
    aside = sum(sum(one.aside.values()) for one in read_backlog(soak.spool)[0])
    soak.switch("item", on=True)
    soak.services[-1].reload()
    say(f"one item was disabled for {seconds:.1f} s, {aside} of its values were set aside; enabled, SIGHUP")


def answers_get_lost(soak: Soak) -> None:
    before = soak.relay.lost
    soak.relay.loses = lambda: soak.luck.random() < 0.6
    seconds = soak.wait(4, 8)
    soak.relay.loses = lambda: False
    say(f"{soak.relay.lost - before} answers got lost within {seconds:.1f} s: stored, and sent again")


DISTURBANCES: tuple[Callable[[Soak], None], ...] = (
    server_stops,
    database_stops,
    daemon_is_killed,
    daemon_is_killed_while_the_server_is_away,
    host_is_disabled,
    item_is_disabled,
    answers_get_lost,
)


@contextmanager
def site(luck: random.Random) -> Iterator[Soak]:
    """All that runs, and its end however this ends."""
    directory = Path(tempfile.mkdtemp(prefix="tcpwatchd-soak-", dir="/tmp"))
    stand = None
    try:
        say("bringing up a Zabbix server of its own")
        stand = Stand.up(directory)
        own = directory / "soak"
        own.mkdir()
        stand.import_template(template(CATALOGUE.values(), 1.0))
        stand.create_host(HOST, TEMPLATE_NAME)
        stand.wait_until_known(HOST)
        with Relay(stand.server_port) as relay, dead_destination() as dead:
            yaml = f"""\
zabbix: {{servers: ["{relay.address}", "{dead}"], host: {HOST}, timeout: 5s}}
intervals: {{sample: 200ms, push: 500ms}}
spool: {{path: {own}/spool/spool.db}}
replay: {{delay: 0s}}
statistics: {{all: [value, delta, min, max, avg]}}
"""
            soak = Soak(stand, relay, own, yaml, luck)
            try:
                yield soak
            finally:
                if soak.services:
                    soak.kill()
    finally:
        if stand is not None:
            stand.down()
        shutil.rmtree(directory, ignore_errors=True)


def disturb(soak: Soak) -> None:
    """Everything on the list, so many rounds, each in an order of its own."""
    for _ in range(ROUNDS):
        for disturbance in soak.luck.sample(DISTURBANCES, len(DISTURBANCES)):
            disturbance(soak)
            soak.wait(0.5, 2)


def settle(soak: Soak) -> tuple[int, int, Verdict]:
    """Waits until all is delivered, ends the daemon, and holds history against the spool."""
    say(f"all is well again; {soak.waiting()} values wait")
    wait_for(lambda: soak.waiting() < 500, "the backlog delivered", 120)
    soak.services[-1].stop()
    if soak.waiting():  # it had a few seconds for its last push, on a busy machine perhaps too few
        soak.start()
        wait_for(lambda: not soak.waiting(), "the last values delivered", 60)
        soak.services[-1].stop()
    taken = committed(soak.spool)
    say("all is delivered; waiting until the server has stored it")
    with suppress(AssertionError):  # what is missing even then is what the comparison finds
        wait_for(lambda: len(stored(soak.stand, HOST)) >= len(taken), "all values in history", 30)
    history = stored(soak.stand, HOST)
    return len(taken), len(history), compare(taken, history)


def report(soak: Soak, taken: int, stored_: int, verdict: Verdict) -> bool:
    """The sum, for a person; True if nothing is wrong."""
    bugs = [line for line in soak.log().splitlines() if "a bug in" in line or "damaged" in line]
    for name, figure in (
        ("daemon started", len(soak.services)),
        ("answers lost", soak.relay.lost),
        ("values sampled", taken),
        ("values in history", stored_),
        ("lost", len(verdict.lost)),
        ("doubled", len(verdict.doubled)),
        ("changed", len(verdict.changed)),
        ("out of order", len(verdict.out_of_order)),
    ):
        print(f"{name:<18}{figure:>9,}")
    if not verdict:
        print(verdict)
    for line in bugs:
        print(f"in the daemon's log: {line}")
    return bool(verdict) and not bugs


def main(seed: int) -> int:
    signal.signal(signal.SIGTERM, _terminate)  # so that a kill cleans up like Ctrl-C does
    print(f"seed {seed}: python -m tests.soak {seed} repeats this order", flush=True)
    try:
        if os.geteuid() != 0:
            raise StandError("The test Zabbix runs as users of its own: start it as root.")
        packages.install()
        with site(random.Random(seed)) as soak:  # noqa: S311 - a seed to repeat, no secret
            say("the daemon pushes twice a second, to the server and to a destination that is dead")
            soak.start()
            soak.wait(2, 3)
            disturb(soak)
            good = report(soak, *settle(soak))
    except (AssertionError, StandError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0 if good else 1


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(10**6)))
