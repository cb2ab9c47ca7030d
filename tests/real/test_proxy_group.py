"""A real Zabbix 7.0 whose hosts are with a group of two proxies: history held against what was committed.

Needs Debian 12 and root. The stand is brought up once for this file, in about fifteen seconds; Zabbix takes
more than ten to move a host.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tcpwatchd.metrics.catalogue import CATALOGUE, UPTIME
from tcpwatchd.metrics.graphs import GRAPHS, PAGES
from tcpwatchd.metrics.self_metrics import BY_DELIVERY
from tcpwatchd.metrics.triggers import TRIGGERS
from tcpwatchd.template.render import TEMPLATE_NAME, template
from tests.lab.host_in_stand import HostInStand
from tests.lab.import_over import assert_an_import_changes_texts_alone
from tests.lab.ledger import dead_destination
from tests.lab.processes import Service, wait_for
from tests.lab.stands import brought_up
from tests.lab.zabbix_stand import GroupStand


@pytest.fixture(scope="module")
def stand() -> Iterator[GroupStand]:
    with brought_up(GroupStand) as made:
        yield made


REST_S = 5.0  # so long has a host been with the same proxy when a group is at rest


@pytest.fixture
def dead() -> Iterator[str]:
    with dead_destination() as address:
        yield address


def made(stand: GroupStand, name: str, directory: Path, asked: str) -> tuple[HostInStand, int]:
    """A host of the group whose daemon asks the server, or the wrong proxy; and the proxy it is with."""
    stand.create_host(name, TEMPLATE_NAME)
    owner = at_rest(stand, name)
    port = stand.server_port if asked == "server" else stand.proxy_port(3 - owner)
    return HostInStand(stand, name, directory, f"127.0.0.1:{port}"), owner


def at_rest(stand: GroupStand, name: str) -> int:
    """The proxy that a host is with, once it stays there.

    A group that has just come up moves its hosts once more, and what Zabbix loses then is not ours to test.
    """
    stand.wait_until_known(name, 60)
    owner, since_s = stand.owner(name), time.monotonic()
    while time.monotonic() - since_s < REST_S:
        time.sleep(0.2)
        if (now := stand.owner(name)) != owner:
            owner, since_s = now, time.monotonic()
    stand.wait_until_known(name)
    return owner


def delivering(service: Service, host: HostInStand) -> None:
    service.ready()
    wait_for(lambda: len(host.stand.history(host.name, UPTIME)) >= 3, "values in history")


@contextmanager
def paused(service: Service, host: HostInStand) -> Iterator[None]:
    """The daemon stands still, and all that it has committed is in history.

    Otherwise Zabbix itself might lose some: when a host moves away from a proxy that has stopped, what
    that one had taken in its last second and not passed on yet never reaches history.
    """
    service.process.send_signal(signal.SIGSTOP)
    try:
        while host.waiting():
            service.process.send_signal(signal.SIGCONT)
            time.sleep(0.05)
            service.process.send_signal(signal.SIGSTOP)
        wait_for(host.is_stored, "all that was taken in history")
        yield
    finally:
        service.process.send_signal(signal.SIGCONT)


def end_whole(service: Service, host: HostInStand) -> None:
    """The end of a run: all is delivered, and history has it, once, in order, with its stamps."""
    wait_for(lambda: not host.waiting(), "all is delivered", 60)
    service.stop()
    taken, _, verdict = host.judged()
    # Nothing is old yet.
    old = {key for key in CATALOGUE if key.startswith("tcpwatchd.sockets.old[")}
    assert {value.key for value in taken} == CATALOGUE.keys() - {*BY_DELIVERY, *old}
    assert verdict, f"{verdict}\n{service.log()}"


def test_the_template_is_taken_by_7_0_and_a_second_import_changes_nothing(stand: GroupStand) -> None:
    stand.create_host("import", TEMPLATE_NAME)
    before, parts = stand.items("import"), stand.parts(TEMPLATE_NAME)
    assert stand.version == (7, 0)
    assert before.keys() == CATALOGUE.keys()
    assert [len(parts[name]) for name in ("triggers", "graphs")] == [len(TRIGGERS), len(GRAPHS)]
    assert [len(page["widgets"]) for page in parts["dashboards"][0]["pages"]] == [
        sum(map(len, page.values)) + len(page.graphs) for page in PAGES.values() if not page.services
    ]
    stand.import_template(template(CATALOGUE.values(), 1.0))
    assert stand.parts(TEMPLATE_NAME) == parts
    assert {key: item["itemid"] for key, item in stand.items("import").items()} == {
        key: item["itemid"] for key, item in before.items()
    }


def test_an_import_into_7_0_over_a_template_with_other_texts_keeps_items_history_and_problems(
    stand: GroupStand,
) -> None:
    assert_an_import_changes_texts_alone(stand, "former", stand.server_port)


@pytest.mark.parametrize("asked", ["server", "wrong-proxy"])
def test_whoever_is_configured_values_arrive_by_the_proxy_that_the_host_is_with(
    stand: GroupStand, tmp_path: Path, dead: str, asked: str
) -> None:
    host, owner = made(stand, f"asks-{asked}", tmp_path, asked)
    with Service(tmp_path, host.yaml(dead, push="500ms")) as service:
        delivering(service, host)
        end_whole(service, host)
    assert f"values taken by 127.0.0.1:{stand.proxy_port(owner)}" in service.log()


def test_a_proxy_that_stops_while_it_holds_nothing_of_ours_loses_nothing(
    stand: GroupStand, tmp_path: Path, dead: str
) -> None:
    host, owner = made(stand, "moves", tmp_path, "server")
    with Service(tmp_path, host.yaml(dead, push="500ms")) as service:
        delivering(service, host)
        with paused(service, host):
            stand.stop_proxy(owner)
        try:
            wait_for(lambda: "delivers again" in service.log(), "delivery by the other proxy", 90)
            assert stand.owner("moves") == 3 - owner
        finally:
            stand.start_proxy(owner)
        end_whole(service, host)
    assert "refused the connection" in service.log()


def test_a_group_that_is_away_while_it_holds_nothing_of_ours_loses_nothing(
    stand: GroupStand, tmp_path: Path, dead: str
) -> None:
    host, _ = made(stand, "waits", tmp_path, "server")
    with Service(tmp_path, host.yaml(dead, push="500ms")) as service:
        delivering(service, host)
        with paused(service, host):
            for number in (1, 2):
                stand.stop_proxy(number)
        try:
            wait_for(lambda: not stand.group_online(), "the group offline", 60)
            service.process.send_signal(signal.SIGSTOP)
        finally:
            for number in (1, 2):
                stand.start_proxy(number)
        at_rest(stand, "waits")
        service.process.send_signal(signal.SIGCONT)
        wait_for(lambda: "delivers again" in service.log(), "delivery after the outage", 90)
        end_whole(service, host)
    assert "refused the connection; values wait on disk" in service.log()


def test_a_host_registers_through_a_proxy_of_the_group(stand: GroupStand, dead: str, tmp_path: Path) -> None:
    """The proxy passes it on; the server gives the host to the group, and maybe to the other proxy."""
    stand.register_hosts("tcpwatchd group", TEMPLATE_NAME)
    time.sleep(REST_S)  # until the server has read the action
    host = HostInStand(stand, "registered", tmp_path, f"127.0.0.1:{stand.proxy_port(1)}")
    yaml = host.yaml(dead).replace("timeout: 5s", "timeout: 5s, host_metadata: tcpwatchd group")
    with Service(tmp_path, yaml) as service:
        service.ready()
        wait_for(lambda: stand.known(host.name), "the host is registered", 60)
        delivering(service, host)
        service.stop()
    _taken, _history, verdict = host.judged()
    assert not verdict.lost, verdict
    assert not verdict.changed, verdict
