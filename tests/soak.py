"""`make soak`: the daemon against a real Zabbix server while all goes wrong, and then the sum.

What lost and doubled mean is in `ledger`. Debian 12, root; about three minutes, never more than ten.

    python -m tests.soak [SEED]
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.template.render import template
from tests.lab.exit_code import exit_code
from tests.lab.frozen import FileSystem, file_system
from tests.lab.host_in_stand import HostInStand
from tests.lab.ledger import dead_destination
from tests.lab.processes import Service, wait_for
from tests.lab.relay import Relay
from tests.lab.zabbix_stand import Stand, StandError, packages

ITEM = "tcpwatchd.sockets.max[listen]"
ROUNDS = 2
_STARTED = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - _STARTED:6.1f} s  {text}", flush=True)


@dataclass
class Soak:
    """What is disturbed: the server, the relay in front of it, and the daemon, as often as it starts."""

    host: HostInStand
    relay: Relay
    yaml: str
    luck: random.Random
    disk: FileSystem
    services: list[Service] = field(default_factory=list)

    def start(self) -> None:
        service = Service(self.host.directory, self.yaml)
        service.__enter__()  # what ends it is a disturbance, or the end of all
        self.services.append(service)
        service.ready()

    def kill(self) -> None:
        self.services[-1].__exit__(None, None, None)  # with SIGKILL, where it was not asked to stop before

    def wait(self, least_s: float, most_s: float) -> float:
        """Lets some time pass, and tells how much."""
        seconds = self.luck.uniform(least_s, most_s)
        time.sleep(seconds)
        return seconds

    @contextmanager
    def logging(self, text: str) -> Iterator[None]:
        """What is done within makes the daemon say this once more; waits until it has."""
        service = self.services[-1]
        said = service.log().count(text)
        yield
        wait_for(lambda: service.log().count(text) > said, f"{text!r} in the daemon's log", 60)


def server_stops(soak: Soak) -> None:
    soak.host.stand.stop_server()
    seconds = soak.wait(4, 8)
    soak.host.stand.start_server()
    say(f"the server was stopped for {seconds:.1f} s")


def database_stops(soak: Soak) -> None:
    soak.host.stand.stop_database()
    seconds = soak.wait(4, 8)
    soak.host.stand.start_database()
    say(f"the database was stopped under the server for {seconds:.1f} s")


def daemon_is_killed(soak: Soak) -> None:
    times = soak.luck.randint(3, 6)
    for _ in range(times):
        soak.kill()
        soak.start()
        soak.wait(0.0, 1.5)
    say(f"the daemon was killed (SIGKILL) and started again, {times} times")


def daemon_is_killed_while_the_server_is_away(soak: Soak) -> None:
    soak.host.stand.stop_server()
    soak.wait(1, 3)
    soak.kill()
    soak.start()
    soak.wait(1, 3)
    soak.kill()
    soak.host.stand.start_server()
    soak.start()
    say("the server was stopped, the daemon killed twice meanwhile, and both started again")


def host_is_disabled(soak: Soak) -> None:
    with soak.logging("refused every value"), soak.host.paused(soak.relay):
        soak.host.switch(on=False)
    seconds = soak.wait(2, 5)
    soak.host.switch(on=True)
    say(f"the host was disabled; everything was refused for {seconds:.1f} s")


def item_is_disabled(soak: Soak) -> None:
    with soak.logging(f"refuses {ITEM}"), soak.host.paused(soak.relay):
        soak.host.switch_item(ITEM, on=False)
    soak.wait(2, 5)
    aside = soak.host.aside()
    soak.host.switch_item(ITEM, on=True)
    soak.services[-1].reload()
    say(f"one item was disabled, {aside} of its values were set aside; enabled again, SIGHUP")


def answers_get_lost(soak: Soak) -> None:
    before = soak.relay.lost
    luck = random.Random(soak.luck.random())  # noqa: S311 - of its own, as it is asked in another thread
    soak.relay.loses = lambda: luck.random() < 0.6
    seconds = soak.wait(4, 8)
    soak.relay.loses = lambda: False
    say(f"{soak.relay.lost - before} answers got lost within {seconds:.1f} s: stored, and sent again")


def disk_hangs(soak: Soak) -> None:
    with soak.logging("answers again, after"):
        soak.disk.freeze()
        try:
            seconds = soak.wait(7, 12)
        finally:
            soak.disk.thaw()
    say(f"the spool's disk was frozen for {seconds:.1f} s")


DISTURBANCES: tuple[Callable[[Soak], None], ...] = (
    server_stops,
    database_stops,
    daemon_is_killed,
    daemon_is_killed_while_the_server_is_away,
    host_is_disabled,
    item_is_disabled,
    answers_get_lost,
    disk_hangs,
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
        with Relay(stand.server_port) as relay, dead_destination() as dead, file_system(own, "spool") as disk:
            host = HostInStand(stand, "soak", own, relay.address)
            host.create()
            soak = Soak(host, relay, host.yaml(dead, push="500ms"), luck, disk)
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


def settle(soak: Soak) -> None:
    """Waits until all is delivered, and ends the daemon."""
    waiting = soak.host.waiting
    say(f"all is well again; {waiting()} values wait")
    wait_for(lambda: waiting() < 500, "the backlog delivered", 120)
    soak.services[-1].stop()
    if waiting():  # it had a few seconds for its last push, on a busy machine perhaps too few
        soak.start()
        wait_for(lambda: not waiting(), "the last values delivered", 60)
        soak.services[-1].stop()
    say("all is delivered; waiting until the server has stored it")


def report(soak: Soak) -> bool:
    """The sum, for a person; True if nothing is wrong."""
    taken, history, verdict = soak.host.judged()
    for name, figure in (
        ("daemon started", len(soak.services)),
        ("answers lost", soak.relay.lost),
        ("values sampled", len(taken)),
        ("values in history", len(history)),
        ("lost", len(verdict.lost)),
        ("doubled", len(verdict.doubled)),
        ("changed", len(verdict.changed)),
        ("out of order", len(verdict.out_of_order)),
    ):
        print(f"{name:<18}{figure:>9,}")
    if not verdict:
        print(verdict)
    log = (line for service in soak.services for line in service.lines)
    odd = [line for line in log if "a bug in" in line or "damaged" in line]
    for line in odd:
        print(f"in the daemon's log: {line}")
    return bool(verdict) and not odd


def survived(seed: int) -> bool:
    """Whether nothing was lost or doubled, whatever went wrong."""
    print(f"seed {seed}: python -m tests.soak {seed} repeats this order", flush=True)
    if os.geteuid() != 0:
        raise StandError("The test Zabbix runs as users of its own: start it as root.")
    packages.install()
    with site(random.Random(seed)) as soak:  # noqa: S311 - a seed to repeat, no secret
        say("the daemon pushes twice a second, to the server and to a destination that is dead")
        soak.start()
        soak.wait(2, 3)
        disturb(soak)
        settle(soak)
        return report(soak)


if __name__ == "__main__":
    chosen = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(10**6)
    sys.exit(exit_code(lambda: survived(chosen)))
