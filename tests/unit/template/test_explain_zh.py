"""The states in Chinese: all of them, by --lang and by LANG, wrapped so that a terminal shows them whole."""

from __future__ import annotations

import re
import unicodedata

import pytest

from tcpwatchd.model.sockets import State
from tcpwatchd.model.states import STATE_TEXTS
from tcpwatchd.model.states_zh import STATE_TEXTS_ZH
from tcpwatchd.template.explain import explain
from tests.lab.processes import tcpwatchd


def columns(line: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in line)


@pytest.mark.parametrize("state", list(State))
def test_every_state_is_explained_with_the_same_commands(state: State) -> None:
    english, chinese = STATE_TEXTS[state], STATE_TEXTS_ZH[state]
    assert chinese.title == english.title
    for part in ("summary", "meaning", "rise", "look"):
        assert re.search("[\u4e00-\u9fff]", getattr(chinese, part))
    commands = re.compile(r"`([a-z]+ [^`]*)`")
    assert set(commands.findall(chinese.look)) == set(commands.findall(english.look))
    # The kernel's names and numbers are the same ones.
    names = re.compile(r"(?:net\.ipv4\.)?tcp_[a-z_]+|SyncookiesSent|ListenOverflows|28,232|SO_REUSEPORT")
    told = " ".join((chinese.meaning, chinese.rise, chinese.look))
    assert set(names.findall(told)) == set(
        names.findall(" ".join((english.meaning, english.rise, english.look)))
    )


@pytest.mark.parametrize("state", list(State))
def test_no_line_is_wider_than_a_terminal(state: State) -> None:
    text, found = explain(state.parameter, chinese=True)
    assert found
    for line in text.splitlines():
        # A full stop may stand out by its two columns.
        assert columns(line) <= 82, line


def test_the_language_is_asked_for_or_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert STATE_TEXTS_ZH[State.CLOSE_WAIT].summary in tcpwatchd("explain", "CLOSE-WAIT").stdout
    assert STATE_TEXTS_ZH[State.CLOSE_WAIT].summary in tcpwatchd("explain").stdout
    assert STATE_TEXTS[State.CLOSE_WAIT].summary in tcpwatchd("explain", "close_wait", "--lang", "en").stdout
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert STATE_TEXTS[State.CLOSE_WAIT].summary in tcpwatchd("explain", "close_wait").stdout
    assert (
        STATE_TEXTS_ZH[State.CLOSE_WAIT].summary in tcpwatchd("explain", "closewait", "--lang", "zh").stdout
    )
