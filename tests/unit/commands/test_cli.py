"""The commands as a person types them: output, exit codes, and what they do with odd input."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tcpwatchd import __version__
from tcpwatchd.commands.console import HOME_AND_CLEAR
from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.kernel.kernel_limits import KERNEL_LIMITS
from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.model.batch import Aside, Value
from tcpwatchd.model.clock import Stamp
from tcpwatchd.model.sockets import State
from tests.lab.disks import open_spool
from tests.lab.processes import TCPWATCHD, tcpwatchd

# An empty configuration: what stands in /etc/tcpwatchd of the machine that tests is not ours to read.
DEFAULTS = ("-c", os.devnull)
COMMANDS = ("run", "sample", "check", "template", "explain", "backlog", "demo", "import-agent-config")


def test_version_and_help() -> None:
    assert tcpwatchd("--version").stdout == f"tcpwatchd {__version__}\n"
    text = tcpwatchd("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"^    {command}\s", text, re.MULTILINE)
        assert "usage: tcpwatchd" in tcpwatchd(command, "--help").stdout
    assert "78 bad configuration" in text


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["sample", "--json", "--watch"], ["demo", "--seconds", "0"]]
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    ran = tcpwatchd(*arguments)
    assert ran.returncode == 2
    assert "usage:" in ran.stderr


@pytest.mark.parametrize("command", ["run", "sample", "check", "template", "backlog"])
def test_a_bad_configuration_is_78_and_each_problem_a_line(command: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("intervals:\n  sample: 1\n  oops: 2\n")
    ran = tcpwatchd(command, "-c", str(path))
    assert ran.returncode == 78
    assert [line.split(": ")[0] for line in ran.stderr.splitlines()] == [f"{path}:2", f"{path}:3"]
    assert not ran.stdout


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_missing_configuration_is_78_and_says_what_to_do(command: str, tmp_path: Path) -> None:
    ran = tcpwatchd(command, "-c", str(tmp_path / "none.yaml"))
    assert ran.returncode == 78
    assert "copy config.example.yaml there" in ran.stderr


def test_sample_is_a_table_without_colours_where_nobody_looks() -> None:
    ran = tcpwatchd("sample", *DEFAULTS)
    assert ran.returncode == 0
    assert "\x1b" not in ran.stdout
    for state in State:
        assert re.search(rf"^{state.name} ", ran.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("sample", 0),
        ("sample --json", 0),
        ("explain close_wait", 0),
        ("explain nonsense", 2),
        ("template", 0),
        ("--version", 0),
        ("--nonsense", 2),
        ("check -c /nowhere/config.yaml", 78),
        ("backlog", 1),
        ("import-agent-config /nowhere/agent.conf", 1),
        ("demo --seconds 1", 0),
    ],
)
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_changes_no_exit_code(command: str, code: int, closed: str, tmp_path: Path) -> None:
    configuration = tmp_path / "c.yaml"
    configuration.write_text(f"spool: {{path: {tmp_path}/none.db}}\n", encoding="utf-8")
    if command.split(maxsplit=1)[0] in ("sample", "template", "backlog"):
        command += f" -c {configuration}"
    ran = subprocess.run(
        f"{shlex.join(TCPWATCHD)} {command} {closed}", shell=True, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == code, ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "Error" not in ran.stdout


def test_the_list_of_explanations_has_two_even_columns() -> None:
    rows = [
        line for line in tcpwatchd("explain", "--lang", "en").stdout.splitlines() if line.startswith("  ")
    ]
    assert len({len(re.match(r"  \S+ +", row)[0]) for row in rows}) == 1  # type: ignore[index] # each matches


def test_sample_json_has_the_shape_others_rely_on() -> None:
    ran = tcpwatchd("sample", "--json", *DEFAULTS)
    sample = json.loads(ran.stdout)
    found = {"ports", "culprits", "services"}
    assert set(sample) == {"clock", "backend", "states", "limits", "accept_queues", *found}
    assert set(sample["limits"]) <= set(KERNEL_LIMITS)
    assert all(set(limit) == {"used", "max"} for limit in sample["limits"].values())
    assert all(set(one) == {"address", "waiting", "max"} for one in sample["accept_queues"] or [])
    assert list(sample["states"]) == [state.parameter for state in State]
    for name, numbers in sample["states"].items():
        assert set(numbers) - {"held", "orphaned"} == {"ipv4", "ipv6", "total"}
        assert ("held" in numbers) == ("orphaned" in numbers) == (name == "fin_wait2")
        if name != "close":
            assert numbers["ipv4"] + numbers["ipv6"] == numbers["total"]


def on_a_terminal(*arguments: str, until: str, times: int = 1, **environment: str) -> tuple[int, str]:
    """Runs a command on a terminal, types Ctrl-C when `until` was on the screen so often, or after a minute.
    Exit code and what the screen got.
    """
    pid, screen = pty.fork()
    if pid == 0:
        os.environ.pop("NO_COLOR", None)
        os.environ.update(environment)
        os.execv(sys.executable, [*TCPWATCHD, *arguments])
    received = b""
    end_s, typed = time.monotonic() + 60.0, False
    while True:
        if not typed and (received.count(until.encode()) >= times or time.monotonic() > end_s):
            os.write(screen, b"\x03")
            typed = True
        if not select.select([screen], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(screen, 65536)
        except OSError:  # a terminal whose last user has gone
            break
        if not piece:
            break
        received += piece
    os.close(screen)
    # At Ctrl-C the terminal throws away what it has not shown yet, in the middle of a character too.
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), received.decode(errors="replace")


def test_watch_redraws_on_a_terminal_until_ctrl_c(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("intervals: {sample: 200ms}")
    code, screen = on_a_terminal("sample", "--watch", "-c", str(path), until=HOME_AND_CLEAR, times=3)
    assert code == 0
    assert screen.count("\x1b[H\x1b[J") >= 2
    assert "\x1b[1m" in screen
    assert "Traceback" not in screen


def test_no_color_is_respected() -> None:
    _, screen = on_a_terminal("sample", *DEFAULTS, until="LIMIT", NO_COLOR="1")
    assert "ESTABLISHED" in screen
    assert "\x1b" not in screen


def test_a_reader_that_leaves_is_no_error() -> None:
    ran = subprocess.run(
        f"{' '.join(TCPWATCHD)} template -c /dev/null | head -n 1; echo ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.stdout == "zabbix_export:\n0\n"
    assert ran.stderr == ""


def test_template_follows_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("{intervals: {push: 5m}, statistics: {all: [], listen: [avg]}}")
    ran = tcpwatchd("template", "-c", str(path))
    (only,) = yaml.safe_load(ran.stdout)["zabbix_export"]["templates"]
    assert [item["key"] for item in only["items"] if "sockets" in item["key"]] == [
        "tcpwatchd.sockets.avg[listen]"
    ]
    assert {one["macro"]: one["value"] for one in only["macros"]}["{$TCPWATCHD.NODATA}"] == "1500s"


def test_explain() -> None:
    assert "the peer closed, our program has not" in tcpwatchd("explain", "CLOSE-WAIT").stdout
    overview = tcpwatchd("explain").stdout
    assert all(state.parameter in overview for state in State)
    unknown = tcpwatchd("explain", "close_wayt")
    assert unknown.returncode == 2
    assert "did you mean close_wait" in unknown.stderr


def test_backlog_tells_what_waits_for_whom_and_since_when(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(f"spool: {{path: {tmp_path}/spool.db}}")
    none = tcpwatchd("backlog", "-c", str(path))
    assert none.returncode == 1
    assert f"there is no spool at {tmp_path}/spool.db -> has the daemon run here?" in none.stderr
    spool = open_spool(tmp_path / "spool.db", ("one.example.com", "two.example.com"))
    clock = int(time.time()) - 7500
    spool.append("h", [Value("k", "1", Stamp(clock, 1))] * 3, 250)
    refused = (Value("k[gone]", "1", Stamp(clock, 1)), Value("k[gone]", "2", Stamp(clock, 2)))
    in_doubt = (Value("k", "1", Stamp(clock, 1)), Value("l", "2", Stamp(clock, 2)))
    spool.ack("two.example.com", 1, [Aside("h", refused), Aside("h", in_doubt, refused=1)])
    spool.note("one.example.com", "refused the connection -> is it running?", clock + 60)
    ran = tcpwatchd("backlog", "-c", str(path))  # beside the open spool
    spool.close()
    assert ran.returncode == 0
    assert re.search(r"of 64\.0 MiB in use; the daemon is running\n", ran.stdout)
    one, two = ran.stdout.split("\n\n")[1:]
    when = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(
        rf"one\.example\.com\n  waiting    3 values of 1 pushes, \d+ B, the oldest {when} \(2h 5m ago\)\n"
        rf"  why        refused the connection, since {when} \(2h 4m ago\)\n  do         is it running\?",
        one,
    )
    assert two.startswith("two.example.com\n  waiting    nothing\n  in doubt   2 values, some of them")
    assert "  set aside  2 values of 1 keys that are refused" in two
    assert "\n           2  k[gone]\n  do         does the host have an enabled trapper item" in two
    ran = tcpwatchd("backlog", "-c", str(path))
    assert "NO DAEMON IS RUNNING" in ran.stdout


def checked(tmp_path: Path, servers: str, *more: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "c.yaml"
    path.write_text(f"zabbix: {{servers: [{servers}], host: h, timeout: 2s}}")
    return tcpwatchd("check", "-c", str(path), *more)


def test_check_says_what_is_in_force(tmp_path: Path) -> None:
    ran = checked(tmp_path, '"zabbix.example.com"')
    assert ran.returncode == 0
    assert ran.stdout == (
        "ok    configuration: host h to zabbix.example.com, a sample every 1s, a push every 60s, "
        "spool /var/lib/tcpwatchd/spool.db\n"
    )


def test_check_connect_does_not_speak_of_its_own_samples(tmp_path: Path) -> None:
    # Its two samples a tenth of a second apart are above this budget; the daemon's are not.
    with Trapper("h", {key: metric.value_type for key, metric in CATALOGUE.items()}) as trapper:
        path = tmp_path / "small-budget.yaml"
        path.write_text(
            f'zabbix: {{servers: ["{trapper.address}"], host: h}}\nbudget: {{cpu_percent: 0.01}}\n',
            encoding="utf-8",
        )
        ran = tcpwatchd("check", "--connect", "-c", str(path))
    assert (ran.returncode, ran.stderr) == (0, "")


def test_check_connect_gives_no_value_and_names_what_is_refused(tmp_path: Path) -> None:
    items = {key: metric.value_type for key, metric in CATALOGUE.items()}
    with Trapper("h", items) as trapper:
        ran = checked(tmp_path, f'"{trapper.address}"', "--connect")
        assert [(len(r.asked), r.accepted) for r in trapper.requests] == [(113, ())]
        assert ran.returncode == 0
        assert re.search(r"ok    127\.0\.0\.1:\d+: connects in \d+\.\d ms", ran.stdout)
        assert re.search(
            r"ok    127\.0\.0\.1:\d+: knows host h; takes 113 of 113 keys, asked without values", ran.stdout
        )
    for key in ("tcpwatchd.sockets.delta[listen]", "tcpwatchd.self[rss]"):
        del items[key]
    with Trapper("h", items) as trapper:
        ran = checked(tmp_path, f'"{trapper.address}"', "--connect")
    assert ran.returncode == 1
    assert set(re.findall(r"FAIL +\S+: refuses (\S+)", ran.stdout)) == {
        "tcpwatchd.sockets.delta[listen]",
        "tcpwatchd.self[rss]",
    }


def test_check_connect_takes_one_node_of_a_pair_for_good(tmp_path: Path) -> None:
    with Trapper("h", {}) as gone:
        standby = gone.address
    items = {key: metric.value_type for key, metric in CATALOGUE.items()}
    with Trapper("h", items) as trapper:
        ran = checked(tmp_path, f'"{standby};{trapper.address}"', "--connect")
    assert ran.returncode == 0
    about_nodes = [line[:6] for line in ran.stdout.splitlines() if "127.0.0.1:" in line][1:]
    assert about_nodes == ["warn  ", "ok    ", "ok    "]


def test_check_connect_tells_an_unknown_host_from_a_dead_server(tmp_path: Path) -> None:
    with Trapper("other", {}) as trapper:
        ran = checked(tmp_path, f'"{trapper.address}"', "--connect")
        address = trapper.address
    assert ran.returncode == 1
    assert "refused every value of host h -> is the host known in Zabbix" in ran.stdout
    ran = checked(tmp_path, f'"{address}", "no-such-host.invalid"', "--connect")
    assert ran.returncode == 1
    assert f"FAIL  {address}: refused the connection -> is the Zabbix server running" in ran.stdout
    assert "FAIL  no-such-host.invalid:10051: the name no-such-host.invalid cannot be resolved" in ran.stdout


def test_output_that_cannot_be_written_is_a_sentence() -> None:
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [*TCPWATCHD, "sample", *DEFAULTS], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert ran.returncode == 1
    assert "No space left on device" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_terminal_without_block_characters_gets_its_numbers() -> None:
    ran = subprocess.run(
        [*TCPWATCHD, "sample", *DEFAULTS],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert ran.returncode == 0
    assert b"ESTABLISHED" in ran.stdout


@pytest.mark.parametrize("spelling", ["refused", "self[refused]", "tcpwatchd.self[refused]"])
def test_explain_takes_the_short_name_of_a_value(spelling: str) -> None:
    assert "Values refused" in tcpwatchd("explain", spelling).stdout


def test_the_demo_ends_by_itself_and_every_value_was_accepted() -> None:
    ran = tcpwatchd("demo", "--seconds", "4")
    assert ran.returncode == 0, ran.stderr
    found = re.search(
        r"^passed: (\d+) samples, (\d+) pushes, (\d+) values sent, (\d+) accepted, 0 refused, 0 waiting",
        ran.stdout,
        re.MULTILINE,
    )
    assert found, ran.stdout
    samples, pushes, sent, taken = map(int, found.groups())
    assert samples >= 3
    assert pushes >= 2
    assert sent == taken >= 37 + 49
    assert not ran.stderr


def test_ctrl_c_ends_the_demo_with_the_same_summary() -> None:
    process = subprocess.Popen([*TCPWATCHD, "demo", "--seconds", "60"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline(), process.stdout.readline()]
    assert "values accepted" in lines[1]
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert rest.strip().rpartition("\n")[2].startswith("passed: ")


def test_the_demo_on_a_terminal_draws_a_table() -> None:
    code, screen = on_a_terminal("demo", "--seconds", "30", until="as the trapper has them", times=2)
    assert code == 0
    assert "as the trapper has them" in screen
    assert "passed: " in screen
