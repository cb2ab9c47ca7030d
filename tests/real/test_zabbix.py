"""A real Zabbix 6.0 server with its database: import, push, and history held against what was sampled.

Needs Debian 12 and root. The stand is brought up once for this file, in about ten seconds.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.config.config import parse
from tcpwatchd.delivery.refused_key_search import KEY_TODO
from tcpwatchd.metrics.catalogue import CATALOGUE, UPTIME, selected
from tcpwatchd.metrics.graphs import GRAPHS
from tcpwatchd.metrics.metric import ValueType
from tcpwatchd.metrics.self_metrics import BY_DELIVERY
from tcpwatchd.metrics.triggers import TRIGGERS
from tcpwatchd.model.batch import Value
from tcpwatchd.model.sockets import State
from tcpwatchd.template.render import TEMPLATE_NAME, template
from tests.lab import ss
from tests.lab.host_in_stand import EVERYTHING
from tests.lab.import_over import assert_an_import_changes_texts_alone
from tests.lab.lab_relay import relay
from tests.lab.processes import TCPWATCHD, Service, tcpwatchd, wait_for
from tests.lab.socket_lab import Lab, fill, require_lab
from tests.lab.zabbix_stand import Stand, watched


def config(stand: Stand, host: str, directory: Path, *servers: str, more: str = EVERYTHING) -> str:
    entries = ", ".join(f'"{server}"' for server in (f"127.0.0.1:{stand.server_port}", *servers))
    return f"""\
zabbix: {{servers: [{entries}], host: {host}}}
intervals: {{sample: 100ms, push: 500ms}}
spool: {{path: {directory}/spool/spool.db}}
{more}
"""


def test_a_second_import_changes_nothing_and_a_smaller_one_takes_away(stand: Stand) -> None:
    stand.create_host("import", TEMPLATE_NAME)
    before, parts = stand.items("import"), stand.parts(TEMPLATE_NAME)
    assert set(before) == set(CATALOGUE)
    assert {name: len(found) for name, found in parts.items()} == {
        "triggers": len(TRIGGERS),
        "graphs": len(GRAPHS),
        "dashboards": 1,
    }
    stand.import_template(template(CATALOGUE.values(), 1.0))
    assert stand.parts(TEMPLATE_NAME) == parts
    after = stand.items("import")
    assert {key: item["itemid"] for key, item in after.items()} == {
        key: item["itemid"] for key, item in before.items()
    }
    # Value types as Zabbix numbers them: 0 float, 1 character, 3 unsigned.
    numbers = {ValueType.FLOAT: "0", ValueType.CHAR: "1", ValueType.UNSIGNED: "3"}
    for key, item in after.items():
        assert item["type"] == "2"  # trapper
        assert item["value_type"] == numbers[CATALOGUE[key].value_type]
        assert item["units"] == CATALOGUE[key].units
    default = parse("", "defaults")
    stand.import_template(template(selected(default), default.push_s))
    assert set(stand.items("import")) == {metric.key for metric in selected(default)}
    stand.import_template(template(CATALOGUE.values(), 1.0))


def test_an_import_over_a_template_with_other_texts_keeps_items_history_and_problems(stand: Stand) -> None:
    assert_an_import_changes_texts_alone(stand, "former", stand.server_port)


def test_history_is_what_was_sampled_also_when_the_server_was_away(stand: Stand, tmp_path: Path) -> None:
    """A trapper in this process gets the same values: what it took and what history has are the same rows."""
    stand.create_host("web-01", TEMPLATE_NAME)
    stand.wait_until_known("web-01")
    types = {key: metric.value_type for key, metric in CATALOGUE.items()}
    with Trapper("web-01", types) as trapper:
        with Service(tmp_path, config(stand, "web-01", tmp_path, trapper.address)) as service:
            service.ready()
            wait_for(lambda: stand.history("web-01", UPTIME), "a first value in history")
            stand.stop_server()
            away = len(trapper.requests)
            wait_for(lambda: len(trapper.requests) > away + 4, "pushes while the server is away")
            stand.start_server()
            wait_for(lambda: "delivers again" in service.log(), "delivery after the outage", 60)
            service.stop()
        accepted = [value for request in trapper.requests for value in request.accepted]
        assert not any(request.refused for request in trapper.requests)
    assert "stay on disk" not in service.log()
    assert "refused the connection; values wait on disk" in service.log()
    spooled = CATALOGUE.keys() - {*BY_DELIVERY}
    expected: dict[str, list[tuple[int, int, float | str]]] = {key: [] for key in spooled}
    for value in (value for value in accepted if value.key in spooled):
        expected[value.key].append((value.stamp.clock, value.stamp.ns, _comparable(value)))
    wait_for(lambda: len(stand.history("web-01", UPTIME)) == len(expected[UPTIME]), "all values in history")
    for key, rows in expected.items():
        history = [
            (row.clock, row.ns, float(row.text) if types[key] is not ValueType.CHAR else row.text)
            for row in stand.history("web-01", key)
        ]
        assert history == rows, key
        # Nothing is old yet, and what the delivery adds is each server's own.
        assert rows or key.startswith("tcpwatchd.sockets.old["), key
    for key, item in stand.items("web-01").items():
        assert (item["state"], item["error"]) == ("0", ""), key


def _comparable(value: Value) -> float | str:
    return value.text if CATALOGUE[value.key].value_type is ValueType.CHAR else float(value.text)


def test_all_eleven_states_made_for_real_arrive_as_ss_counts_them(stand: Stand, tmp_path: Path) -> None:
    require_lab()
    stand.create_host("lab", TEMPLATE_NAME)
    stand.wait_until_known("lab")
    with Lab() as lab:
        fill(lab)
        with relay(lab, stand.server_port) as port:
            path = tmp_path / "c.yaml"
            path.write_text(
                config(stand, "lab", tmp_path).replace(f":{stand.server_port}", f":{port}"), encoding="utf-8"
            )
            before = ss.counted(lab.run)
            daemon = subprocess.Popen(
                ["nsenter", "-t", str(lab.pid), "-n", *TCPWATCHD, "run", "-c", str(path)]
            )
            try:
                wait_for(lambda: stand.history("lab", UPTIME), "the first push in history")
            finally:
                daemon.terminate()
                daemon.wait(30)
            # The first sample was taken before the daemon itself had any connection.
            first = {
                state: int(stand.history("lab", f"tcpwatchd.sockets[{state.parameter}]")[0].text)
                for state in State
            }
            expected = lab.expected()
        # CLOSE is of the whole host, on which the server and its database open sockets all the time.
        assert lab.unconnected <= first.pop(State.CLOSE) <= before[State.CLOSE] + 20
        assert first == {state: before[state] for state in first}
        for state, sockets in first.items():
            assert sockets > 0
            if state is not State.LISTEN:  # the relay listens too
                assert sockets == sum(expected[state])
        assert first[State.LISTEN] == sum(expected[State.LISTEN]) + 1


def test_silence_raises_the_alarm_and_a_value_clears_it(stand: Stand, tmp_path: Path) -> None:
    hostid = stand.create_host("silent", TEMPLATE_NAME)
    macro = {"hostid": hostid, "macro": "{$TCPWATCHD.NODATA}", "value": "5s"}
    stand.api("usermacro.create", macro)
    stand.wait_until_known("silent")
    yaml = config(stand, "silent", tmp_path)
    with Service(tmp_path, yaml) as service:
        service.ready()
        wait_for(lambda: stand.history("silent", UPTIME), "a first value")
        service.stop()
    # The server looks at nodata() every 30 seconds.
    wait_for(lambda: stand.problems("silent"), "the alarm", 90)
    (problem,) = stand.problems("silent")
    assert problem["name"] == "tcpwatchd on silent sends nothing for 5s"
    with Service(tmp_path, yaml) as service:
        service.ready()
        wait_for(lambda: not stand.problems("silent"), "the end of the alarm", 90)
        service.stop()


def test_check_connect_names_what_a_real_server_refuses(stand: Stand, tmp_path: Path) -> None:
    hostid = stand.create_host("checked", TEMPLATE_NAME)
    key = "tcpwatchd.sockets.max[time_wait]"
    stand.api("item.update", {"itemid": stand.items("checked")[key]["itemid"], "status": 1})
    stand.wait_until_known("checked")
    path = tmp_path / "c.yaml"
    path.write_text(config(stand, "checked", tmp_path), encoding="utf-8")
    ran = tcpwatchd("check", "-c", str(path), "--connect")
    assert ran.returncode == 1, ran.stdout
    assert [line for line in ran.stdout.splitlines() if line.startswith("FAIL")] == [
        f"FAIL  127.0.0.1:{stand.server_port}: refuses {key} -> {KEY_TODO}"
    ]
    stand.api("item.update", {"itemid": stand.items("checked")[key]["itemid"], "status": 0})
    stand.wait_until_known("checked")
    assert tcpwatchd("check", "-c", str(path), "--connect").returncode == 0
    stand.wait_until_known("checked")  # a whole pass later nothing of it is in history
    assert not [key for key in CATALOGUE if stand.history("checked", key)]
    stand.api("host.update", {"hostid": hostid, "status": 1})
    stand.wait_until_known("import")  # any host: a whole configuration pass
    ran = tcpwatchd("check", "-c", str(path), "--connect")
    assert ran.returncode == 1
    assert "refused every value" in ran.stdout
    assert "is the host known in Zabbix" in ran.stdout


def test_a_host_that_is_created_late_gets_its_history(stand: Stand, tmp_path: Path) -> None:
    with Service(tmp_path, config(stand, "late", tmp_path)) as service:
        service.ready()
        wait_for(lambda: "refused every value" in service.log(), "a refusal")
        began = time.time()
        time.sleep(1.5)
        stand.create_host("late", TEMPLATE_NAME)
        stand.wait_until_known("late")
        wait_for(lambda: "delivers again" in service.log(), "delivery", 60)
        service.stop()
    wait_for(lambda: stand.history("late", UPTIME), "history")
    assert stand.history("late", UPTIME)[0].clock <= began
    assert service.log().count("refused every value") == 1


def test_this_host_as_make_zabbix_shows_it(stand: Stand) -> None:
    """The last one here: it imports the template of the default configuration, which has fewer items."""
    watched.watch(stand, lambda _text: None)
    matches = watched.compare(stand)
    assert set(matches) == set(State)
    assert sum(match.exact for match in matches.values()) >= 8
    assert stand.alive()["tcpwatchd"]
