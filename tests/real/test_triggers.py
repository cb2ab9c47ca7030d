"""What a real Zabbix 6.0 server makes of the triggers: as they are written, with names and tags of a problem.

When they fire, and when they are silent, is test_alarm_series.py. Needs Debian 12 and root.
"""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tcpwatchd.metrics.catalogue import RULES, UPTIME
from tcpwatchd.metrics.trigger import MACROS, NODATA_MACRO, Trigger
from tcpwatchd.metrics.triggers import TRIGGERS
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.host_in_stand import HostInStand
from tests.lab.processes import Service, wait_for
from tests.lab.zabbix_stand import Stand
from tests.real.alarm_replay import ready, replay
from tests.real.alarm_series import HOUR, Series, always, during, hung, leak, nothing


def open_problems(stand: Stand, series: Series) -> list[dict[str, Any]]:
    """Those at its end, with their tags."""
    host = series.name
    ready(stand, {host: series})
    replay(stand, {host: host}, {host: series}, int(time.time()))
    wait_for(lambda: stand.problems(host), "a problem")
    found: list[dict[str, Any]] = stand.api(
        "problem.get",
        {
            "hostids": [one["hostid"] for one in stand.api("host.get", {"filter": {"host": host}})],
            "selectTags": ["tag", "value"],
        },
    )
    return found


def tags_of(problem: dict[str, Any]) -> dict[str, str]:
    """Without those of its items and of the template."""
    of_all = ("component", "state", "class", "target")
    return {one["tag"]: one["value"] for one in problem["tags"] if one["tag"] not in of_all}


def test_the_listener_stands_in_the_problem_and_in_its_tag(stand: Stand) -> None:
    # The template of this stand is for a push a second: in five minutes this one is full for a moment.
    (problem,) = open_problems(stand, Series("hung", HOUR, hung(58, HOUR)))
    assert problem["name"] == "TCP: Accept queue full for a moment: 0.0.0.0:80 (129 of 129, full)"
    assert tags_of(problem) == {"scope": "performance", "listener": "0.0.0.0:80"}


def test_the_program_stands_in_the_problem_and_in_its_tag(stand: Stand) -> None:
    courses = {
        "sockets.old[close_wait]": leak(36000, 10, 3 * HOUR),
        "culprits[close_wait]": always("java[4211] 4031 (3950 for 10m), nginx[88] 12"),
    }
    (problem,) = open_problems(stand, Series("leak", 2 * HOUR, courses))
    assert problem["name"] == "TCP: CLOSE_WAIT leak: java[4211] 4031 (3950 for 10m), nginx[88] 12"
    assert tags_of(problem) == {"scope": "performance", "program": "java"}


def test_the_destination_stands_in_the_problem_and_in_its_tag(stand: Stand) -> None:
    text = "192.0.2.7:80 from 192.0.2.1 (25748 of 28232 ports, running out)"
    courses = {
        "ports[busiest]": during(58, HOUR, 91.2, 10),
        "ports[destination]": during(58, HOUR, text, "no destination"),
    }
    (problem,) = open_problems(stand, Series("ports", HOUR, courses))
    assert problem["name"] == f"TCP: Many ephemeral ports to one destination: {text}"
    assert tags_of(problem) == {"scope": "performance", "destination": "192.0.2.7:80"}


def test_a_text_that_never_came_makes_no_alarm_unknown(stand: Stand) -> None:
    """As where culprits.states leaves a state out."""
    courses = {"sockets.old[close_wait]": leak(36000, 10, 3 * HOUR), "culprits[close_wait]": nothing}
    (problem,) = open_problems(stand, Series("untold", 2 * HOUR, courses))
    assert problem["name"].startswith("TCP: CLOSE_WAIT leak")


def test_zabbix_has_taken_every_trigger_as_it_is_written(stand: Stand) -> None:
    host = "as-written"
    stand.create_host(host, TEMPLATE_NAME)
    found = stand.api(
        "trigger.get",
        {
            "host": host,
            "output": ["description", "priority", "comments", "opdata", "error", "state"],
            "selectDependencies": ["description"],
        },
    )
    severities = ["NOT_CLASSIFIED", "INFO", "WARNING", "AVERAGE", "HIGH", "DISASTER"]

    def as_taken(trigger: Trigger) -> tuple[str, str, list[str]]:
        return trigger.severity, trigger.shown, sorted(TRIGGERS[name].title for name in trigger.behind)

    assert {
        one["description"]: (
            severities[int(one["priority"])],
            one["opdata"],
            sorted(other["description"] for other in one["dependencies"]),
        )
        for one in found
    } == {trigger.title: as_taken(trigger) for trigger in TRIGGERS.values()}
    filters = [macro for rule in RULES for macro in rule.filters]
    (taken,) = stand.api("template.get", {"filter": {"host": [TEMPLATE_NAME]}, "selectMacros": ["macro"]})
    assert {one["macro"] for one in taken["macros"]} == {*MACROS, NODATA_MACRO, *filters}


def test_a_program_that_does_not_accept_is_named_by_its_address(stand: Stand, tmp_path: Path) -> None:
    """The whole way: a real queue, the kernel, the daemon, the server's problem."""
    host = HostInStand(stand, "real-queue", tmp_path, f"127.0.0.1:{stand.server_port}")
    host.create()
    with ExitStack() as held, Service(tmp_path, host.yaml(push="500ms")) as service:
        service.ready()
        wait_for(lambda: stand.history(host.name, UPTIME), "values in history")
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(2)
        for _ in range(3):
            held.enter_context(socket.create_connection(listener.getsockname()))
        wait_for(lambda: stand.problems(host.name), "a problem")
        (problem,) = stand.problems(host.name)
        port = listener.getsockname()[1]
        assert problem["name"] == f"TCP: Accept queue full for a moment: 127.0.0.1:{port} (3 of 3, full)"
        service.stop()
