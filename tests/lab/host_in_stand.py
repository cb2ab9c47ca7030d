"""One host in a stand, whose daemon sends to a dead destination too: what waits, what is stored, the
verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tcpwatchd.diagnosis.culprits import CULPRITS
from tcpwatchd.kernel.kernel_counters import KERNEL_COUNTERS
from tcpwatchd.metrics.self_metrics import BY_DELIVERY
from tcpwatchd.spool.backlog import read_backlog
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.ledger import Values, Verdict, committed, compare, stored_behind
from tests.lab.processes import wait_for
from tests.lab.relay import Relay
from tests.lab.zabbix_stand import Stand
from tests.lab.zabbix_stand.stored import stored

# Each push sends all that there is: the families too, and so each of them needs a full dump, at any price.
EVERYTHING = f"""\
counters: [{", ".join(KERNEL_COUNTERS)}]
culprits: {{states: [{", ".join(state.parameter for state in CULPRITS)}]}}
statistics: {{all: [value, delta, min, max, avg, ipv4, ipv6]}}
budget: {{cpu_percent: 100}}
"""
_ON, _OFF = 0, 1  # as Zabbix numbers the status of hosts and items


@dataclass(frozen=True)
class HostInStand:
    """`destination` is the entry of zabbix.servers that leads to the stand; `directory` is the daemon's."""

    stand: Stand
    name: str
    directory: Path
    destination: str

    def create(self) -> None:
        """In Zabbix, with all items of the template."""
        self.stand.create_host(self.name, TEMPLATE_NAME)
        self.stand.wait_until_known(self.name)

    def yaml(self, *others: str, push: str = "1s") -> str:
        """The daemon's configuration; `others` are further destinations, a dead one among them."""
        servers = ", ".join(f'"{server}"' for server in (self.destination, *others))
        return f"""\
zabbix: {{servers: [{servers}], host: {self.name}, timeout: 5s}}
intervals: {{sample: 200ms, push: {push}, limits: 1s, unchanged: off}}
spool: {{path: {self.spool}}}
replay: {{rate: 100000, delay: 0s}}
{EVERYTHING}
"""

    @property
    def spool(self) -> Path:
        return self.directory / "spool" / "spool.db"

    def waiting(self) -> int:
        """Values that the server has not taken yet, those set aside and in doubt included."""
        (one,) = (one for one in read_backlog(self.spool)[0] if one.destination == self.destination)
        return one.values + sum(one.aside.values()) + one.doubted

    def aside(self) -> int:
        """Values set aside, as their key is refused."""
        return sum(sum(one.aside.values()) for one in read_backlog(self.spool)[0])

    def is_stored(self) -> bool:
        """Whether history has all that the server has answered for."""
        waiting = self.waiting()
        return len(self.history()) >= len(committed(self.spool)) - waiting

    def history(self) -> Values:
        """What the server has stored, without what the delivery adds to requests: no spool has that."""
        return tuple(value for value in stored(self.stand, self.name) if value.key not in BY_DELIVERY)

    @contextmanager
    def paused(self, relay: Relay) -> Iterator[None]:
        """Nothing is delivered meanwhile, and history has all that was.

        What it has answered for and not stored yet, a server drops where host or item is disabled then, and
        no sender can know. So nothing is to be disabled at any other time than this.
        """
        relay.go()
        wait_for(self.is_stored, "history has what was answered for", 60)
        yield
        relay.come()

    def switch(self, on: bool) -> None:
        """Enables or disables the host, and waits until the server knows."""
        (found,) = self.stand.api("host.get", {"filter": {"host": [self.name]}, "output": ["hostid"]})
        self.stand.api("host.update", {"hostid": found["hostid"], "status": _ON if on else _OFF})
        self.stand.wait_until_read()

    def switch_item(self, key: str, on: bool) -> None:
        """Enables or disables one item, and waits until the server knows."""
        itemid = self.stand.items(self.name)[key]["itemid"]
        self.stand.api("item.update", {"itemid": itemid, "status": _ON if on else _OFF})
        self.stand.wait_until_read()

    def judged(self) -> tuple[Values, Values, Verdict]:
        """What was committed, what history has, and what is wrong; when the daemon has ended."""
        taken = committed(self.spool)
        with suppress(AssertionError):  # what is missing even then is what the comparison finds
            wait_for(lambda: len(self.history()) >= len(taken), "all in history", 60)
        history = self.history()
        return taken, history, stored_behind(compare(taken, history), taken)
