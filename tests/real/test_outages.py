"""A real Zabbix 6.0 server through what happens to servers: afterwards history is what was sampled, exactly.

Each daemon here has a destination that is dead all the time: it keeps the reference (`ledger`), and holds up
nobody. Needs Debian 12 and root; about four minutes, of which the server is stopped for two.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.metrics.catalogue import CATALOGUE, UPTIME
from tcpwatchd.model.batch import Batch, Delivered, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.zabbix.addresses import parse_nodes
from tcpwatchd.zabbix.sender import Sender
from tests.lab.host_in_stand import HostInStand
from tests.lab.ledger import as_history, committed, compare, dead_destination
from tests.lab.processes import Service, tcpwatchd, wait_for
from tests.lab.relay import Relay
from tests.lab.zabbix_stand import Stand
from tests.lab.zabbix_stand.stored import stored

TYPES = {key: metric.value_type for key, metric in CATALOGUE.items()}


@pytest.fixture
def dead() -> Iterator[str]:
    with dead_destination() as address:
        yield address


def made(stand: Stand, name: str, directory: Path, destination: str = "") -> HostInStand:
    host = HostInStand(stand, name, directory, destination or f"127.0.0.1:{stand.server_port}")
    host.create()
    return host


def delivering(service: Service, host: HostInStand) -> None:
    """Waits until pushes reach the server as they come."""
    service.ready()
    wait_for(lambda: committed(host.spool) and not host.waiting(), "a first delivery")


def end_whole(service: Service, host: HostInStand, patience_s: float = 60) -> None:
    """The end of a run: all is delivered, and history has it, once, in order, with its stamps."""
    wait_for(lambda: host.waiting() == 0, "all is delivered", patience_s)
    service.stop()
    assert host.waiting() == 0, service.log()
    taken, _, verdict = host.judged()
    assert verdict, f"{verdict}\n{service.log()}"
    assert "a bug in" not in service.log()
    print(f"{host.name}: {len(taken)} values of {len({value.stamp for value in taken})} pushes; {verdict}")


def test_history_shows_in_which_order_it_was_stored(stand: Stand, tmp_path: Path) -> None:
    """Else that nothing is out of order would mean nothing."""
    host = made(stand, "order", tmp_path)
    send = Sender(parse_nodes(host.destination), 10, Clock()).deliver
    now = int(time.time())
    values = [Value(UPTIME, "1", Stamp(now + nth, 1)) for nth in (5, 3, 4, 1, 2)]
    for nth, value in enumerate(values, 1):
        assert isinstance(send(Batch(host.name, (value,), 0)), Delivered)
        # One by one: what Zabbix writes at once, it sorts.
        wait_for(lambda nth=nth: len(stored(stand, host.name)) == nth, "it is in history")  # type: ignore[misc]
    assert [value.stamp.clock - now for value in stored(stand, host.name)] == [5, 3, 4, 1, 2]
    late = compare(sorted(values, key=lambda value: value.stamp), stored(stand, host.name)).out_of_order
    assert [value.stamp.clock - now for value in late] == [3, 4, 1, 2]


def test_two_minutes_without_the_server_and_another_destination_gets_all_at_once(
    stand: Stand, tmp_path: Path, dead: str
) -> None:
    host = made(stand, "long-outage", tmp_path)
    with Trapper(host.name, TYPES) as trapper:
        with Service(tmp_path, host.yaml(trapper.address, dead)) as service:
            delivering(service, host)
            stand.stop_server()
            before = len(trapper.requests)
            time.sleep(120)
            # The one destination that is well has not waited for those that are not.
            assert len(trapper.requests) > before + 60
            waiting = host.waiting()
            stand.start_server()
            end_whole(service, host, patience_s=90)  # up to a minute until the next attempt
        assert waiting > 60 * len(CATALOGUE)
        assert not any(request.refused for request in trapper.requests)
        arrived = as_history(value for request in trapper.requests for value in request.accepted)
    verdict = compare(committed(host.spool), arrived)
    assert verdict, verdict
    assert service.log().count("refused the connection") == 2  # once for the server, once for the dead one
    assert service.log().count("delivers again") == 1


def test_the_database_stopped_under_the_server(stand: Stand, tmp_path: Path, dead: str) -> None:
    """The server takes values into its memory meanwhile, or lets the daemon wait."""
    host = made(stand, "no-database", tmp_path)
    with Service(tmp_path, host.yaml(dead)) as service:
        delivering(service, host)
        stand.stop_database()
        before = len(committed(host.spool))
        time.sleep(30)
        assert len(committed(host.spool)) > before
        stand.start_database()
        end_whole(service, host, patience_s=90)


def test_an_answer_that_is_lost_on_its_way_doubles_nothing(stand: Stand, tmp_path: Path, dead: str) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # shown where this fails
    luck = random.Random(seed)  # noqa: S311 - a seed to repeat, no secret
    with Relay(stand.server_port) as relay:
        host = made(stand, "lost-answers", tmp_path, relay.address)
        with Service(tmp_path, host.yaml(dead)) as service:
            delivering(service, host)
            relay.loses = lambda: luck.random() < 0.5
            wait_for(lambda: relay.lost >= 6, "six answers lost", 90)
            relay.loses = lambda: False
            end_whole(service, host, patience_s=90)


def test_of_a_pair_the_other_node_takes_over_and_back(stand: Stand, tmp_path: Path, dead: str) -> None:
    with Relay(stand.server_port) as first, Relay(stand.server_port) as second:
        host = made(stand, "pair", tmp_path, f"{first.address};{second.address}")
        with Service(tmp_path, host.yaml(dead)) as service:
            delivering(service, host)
            assert (first.answered > 0, second.answered) == (True, 0)
            first.go()
            wait_for(lambda: second.answered > 3, "the second node took over", 60)
            first.come()
            taken_by_first = first.answered
            wait_for(lambda: second.answered > 5, "who works goes on", 60)
            assert first.answered == taken_by_first
            second.go()
            wait_for(lambda: first.answered > taken_by_first + 3, "back to the first", 60)
            end_whole(service, host)


def test_a_host_that_is_disabled_for_a_while_has_its_whole_history(
    stand: Stand, tmp_path: Path, dead: str
) -> None:
    with Relay(stand.server_port) as relay:
        host = made(stand, "disabled", tmp_path, relay.address)
        with Service(tmp_path, host.yaml(dead)) as service:
            delivering(service, host)
            with host.paused(relay):
                host.switch(on=False)
            wait_for(lambda: "refused every value of host disabled" in service.log(), "a refusal", 60)
            before = len(committed(host.spool))
            enough = before + 5 * len(CATALOGUE)
            wait_for(lambda: len(committed(host.spool)) >= enough, "pushes meanwhile")
            assert host.waiting() >= 5 * len(CATALOGUE)
            host.switch(on=True)
            end_whole(service, host, patience_s=60)


def test_an_item_that_is_disabled_for_a_while_has_its_whole_history(
    stand: Stand, tmp_path: Path, dead: str
) -> None:
    key = "tcpwatchd.sockets.avg[time_wait]"
    with Relay(stand.server_port) as relay:
        host = made(stand, "item-disabled", tmp_path, relay.address)
        with Service(tmp_path, host.yaml(dead)) as service:
            delivering(service, host)
            with host.paused(relay):
                host.switch_item(key, on=False)
            wait_for(lambda: f"refuses {key}; stored on disk" in service.log(), "its name in the log", 60)
            wait_for(lambda: host.aside() > 5, "values set aside")
            backlog = tcpwatchd("backlog", "-c", str(service.config)).stdout
            assert [line for line in backlog.splitlines() if line.endswith(f"  {key}")], backlog
            host.switch_item(key, on=True)
            service.reload()
            wait_for(lambda: f"takes {key} again" in service.log(), "it is taken again")
            wait_for(lambda: host.aside() == 0, "nothing is set aside any more")
            end_whole(service, host)
    assert service.log().count(f"refuses {key}") == 1
