"""Lines of commands in Chinese: no sentence is missing, and what is no sentence stays as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpwatchd.commands.check_zh import CHECK_ZH
from tcpwatchd.commands.config_zh import CONFIG_ZH
from tcpwatchd.commands.in_chinese import chinese, speaks_chinese, spoken
from tcpwatchd.commands.setup_zh import SETUP_ZH
from tests.generated import ROOT
from tests.lab.processes import tcpwatchd

ROWS = {**CHECK_ZH, **CONFIG_ZH, **SETUP_ZH}
PACKAGE = ROOT / "tcpwatchd"
# Where the sentences are that `check`, `setup` and `backlog` print.
SPEAKERS = (
    "commands/{check,host_check,setup,backlog}",
    "config/{config,yaml_text,value_parsers,pattern_readers,service_readers,key_checks}",
    "delivery/refused_key_search",
    "setup/{api,autoregistration,changes,convert,import_template,link}",
    "spool/backlog",
    "zabbix/{active_checks,addresses,channel,exchange,sender,tls,tls_context,tls_handshake}",
)
# Parts of sentences, which stand in rows as a whole.
PARTS = {"(it is disabled)", "{} of {}", "{} {} of {}", "with something deleted", "and {} more", "to {}"}
# What is in these files and said to nobody, or is the same in every language.
NOT_SAID = {
    "active checks",
    "--pattern 'tcp.status[STATE]'",
    "--pattern {} {}",
    "systemctl status tcpwatchd",
    "no cipher",
    "pip install 'tcpwatchd[setup]'",
    "not a socket that wrap() has made",
    "not authori",
    "session terminated",
    "tcpwatchd: register hosts",
    "tcpwatchd was",
    "tcpwatchd linux",
    "(?! )[0-9A-Za-z._ -]{1,128}(?<! )",
}


def files() -> list[Path]:
    found = []
    for pattern in SPEAKERS:
        folder, _, names = pattern.partition("/")
        found += [PACKAGE / folder / f"{name}.py" for name in names.strip("{}").split(",")]
    return found


def sentences(path: Path) -> Iterator[str]:
    """Every text with a space in it; {} for what an f-string puts in. No docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            left_out |= {
                id(part) for part in ast.walk(node) if part is not node and isinstance(part, ast.JoinedStr)
            }
            left_out |= {id(part) for part in node.values}
        # A docstring, and the text below a name that explains it.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(id(node.value))
    for node in ast.walk(tree):
        if id(node) in left_out:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        text = re.sub(r"(\{\})+", "{}", text)
        # How sentences are joined is taken apart before the tables are asked.
        for sentence in re.split(
            r" -> ", re.sub(r"^(ok +|warn +|(spool |zabbix\.tls\.)?\{\}: )+", "", text.strip(" ;"))
        ):
            if " " in sentence and re.search("[a-z]{2}", sentence.replace("{}", "")):
                yield sentence


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_sentence_is_missing(path: Path) -> None:
    assert [one for one in sentences(path) if one not in {*ROWS, *PARTS, *NOT_SAID}] == []


@pytest.mark.parametrize("english", ROWS)
def test_each_place_of_the_english_is_in_the_chinese_once(english: str) -> None:
    places = re.findall(r"\{(\d?)\}", ROWS[english])
    taken, nth = [], 0
    for place in places:
        nth += not place
        taken.append(int(place) if place else nth)
    assert sorted(taken) == list(range(1, english.count("{}") + 1))
    assert re.search("[\u4e00-\u9fff]", ROWS[english]) or english == "ok: {}"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "FAIL  z:10051: did not answer the connection in time -> is the host up, and does a firewall let "
            "port 10051 through?",
            "FAIL  z:10051: 没有及时应答连接 -> 主机是否在运行，防火墙是否放行端口 10051？",
        ),
        (
            "/etc/config.yaml:3: intervals.push: 'for ever' is not a duration; write for example 1s",
            "/etc/config.yaml:3: intervals.push: 'for ever' 不是时长；例如写 1s",
        ),
        (
            "a.yaml:2: intervals.smaple: unknown key; did you mean intervals.sample?",
            "a.yaml:2: intervals.smaple: 未知的键; 您是指 intervals.sample 吗？",
        ),
        (
            "/x: cannot be read: No such file or directory; copy config.example.yaml there and edit it",
            "/x: 无法读取：没有该文件或目录; 把 config.example.yaml 复制到那里并编辑",
        ),
        (
            "FAIL  a;b: a:10051 refused the connection; b:10051 did not answer the connection in time",
            "FAIL  a;b: a:10051 拒绝了连接; b:10051 没有及时应答连接",
        ),
        (
            "would update the template: revision 12ab34cd, before unknown",
            "将更新模板：修订 12ab34cd，此前为 unknown",
        ),
        (
            "updated the template: revision 1, before 1 with something deleted",
            "已更新模板：修订 1，此前为 1，其中有内容被删除",
        ),
        (
            "  waiting    1,234 values of 56 pushes, 25.9 KiB, the oldest 2026-11-30 07:35:29 (8s ago)",
            "  等待    56 次推送的 1,234 个值，25.9 KiB，最早的 2026-11-30 07:35:29（8s 前）",
        ),
        (
            "  why        refused the connection, since 2026-11-30 07:35:29 (8s ago)",
            "  原因    拒绝了连接，自 2026-11-30 07:35:29（8s 前）",
        ),
        ("zabbix-1.example.com:10051", "zabbix-1.example.com:10051"),
        ("none of this is known here", "none of this is known here"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_line_is_taken_apart_and_names_stay(line: str, words: str) -> None:
    assert chinese(line) == words


@pytest.mark.parametrize("part", ["a: ", "a -> ", "a; ", "a of ", "would ", "x"])
@pytest.mark.parametrize("length", [990, 100_000])
def test_whatever_a_server_answers_a_line_ends(part: str, length: int) -> None:
    text = part * (length // len(part))
    assert chinese(text)[-20:] == text[-20:]


def test_the_locale_of_messages_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    assert speaks_chinese({"LANG": "zh_CN.UTF-8"})
    assert speaks_chinese({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"})
    assert not speaks_chinese({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"})
    assert not speaks_chinese({})
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert spoken("refused the connection") == "refused the connection"


def test_check_and_sample_are_chinese_and_what_programs_read_is_not(tmp_path: Path) -> None:
    locale = {"LC_ALL": "zh_CN.UTF-8", "PYTHONUTF8": "1"}
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("intervals: {push: never}\n", encoding="utf-8")
    checked = tcpwatchd("check", "-c", str(wrong), environment=locale)
    assert checked.returncode == 78
    assert "不是时长" in checked.stderr
    # A log is searched, and a unit of systemd has the locale of its host.
    assert "is not a duration" in tcpwatchd("run", "-c", str(wrong), environment=locale).stderr
    table = tcpwatchd("sample", environment=locale).stdout
    assert "已建立的连接" in table
    assert "ESTABLISHED" in table
    assert tcpwatchd("sample", "--json", environment=locale).stdout.isascii()
