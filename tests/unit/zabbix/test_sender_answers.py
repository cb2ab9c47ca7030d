"""What a server may answer, and what the sender makes of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcpwatchd.model.batch import Deferred, Delivered
from tests.lab.scripted_server import Script, ScriptedServer
from tests.lab.sender_peers import (
    GOOD,
    MARGIN_S,
    PATIENT_S,
    SENT,
    TIMEOUT_S,
    answers,
    answers_and_holds,
    answers_before_it_reads,
    assert_legible,
    counted,
    deliver,
    drips,
    echoes,
    ends_at_once,
    never_answers,
    packet,
    reads_and_ends,
    resets_after_the_request,
    resets_at_once,
    resets_in_its_answer,
    said,
)

# A socket that is only dropped, not closed, is an error too.
pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("nothing_is_left")]


@dataclass(frozen=True)
class Case:
    """What the other side does, and what the reason and the todo of a Deferred must say of it."""

    name: str
    script: Script
    reason: str
    todo: str = ""


NOT_ZABBIX = "the address of a Zabbix server"


ODD_HEADER = "header that is not understood"


ODD_ANSWER = "gave an answer that is not understood"


NO_SUM = "gave an answer that does not add up"


TOO_LONG = "took longer than zabbix.timeout"


DEFERRED = (
    # It ends, or does not begin.
    Case("accepts and ends", ends_at_once, "the connection", "log"),
    Case("reads the request and ends", reads_and_ends, "closed the connection without an answer", "TLS"),
    Case("never answers", never_answers, TOO_LONG, "raise zabbix.timeout"),
    Case("sends a byte now and then", drips(GOOD, 0.05), TOO_LONG, "raise zabbix.timeout"),
    Case("half a header and holds", answers_and_holds(GOOD[:6]), TOO_LONG, "raise zabbix.timeout"),
    Case("half a header and ends", answers(GOOD[:6]), "after 6 of 13 bytes", "log"),
    Case("a header and holds", answers_and_holds(GOOD[:13]), TOO_LONG, "raise zabbix.timeout"),
    Case("a header and ends", answers(GOOD[:13]), "after 0 of 90 bytes", "log"),
    Case(
        "a header for 13 bytes and ends",
        answers(packet(b"", length=13)),
        "after 0 of 13 bytes",
        "log",
    ),
    Case("half an answer and ends", answers(GOOD[:50]), "after 37 of 90 bytes", "log"),
    Case("resets at once", resets_at_once, "reset"),  # before the connection stands, or after
    Case("resets after the request", resets_after_the_request, "broke the connection", "log"),
    Case("resets in its answer", resets_in_its_answer, "reset by peer", "log"),
    # It is no Zabbix.
    Case("wrong magic", answers(b"ZBXX" + GOOD[4:]), "not Zabbix's protocol", NOT_ZABBIX),
    Case(
        "speaks HTTP",
        answers(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        "HTTP/1.1",
        NOT_ZABBIX,
    ),
    Case("speaks SSH", answers_and_holds(b"SSH-2.0-OpenSSH_9.2\r\n"), "SSH-2.0", NOT_ZABBIX),
    Case("only zeros", answers(bytes(200)), "not Zabbix's protocol", NOT_ZABBIX),
    Case("a TLS alert", answers(b"\x15\x03\x01\x00\x02\x02\x46"), "after 7 of 13 bytes", "TLS"),
    Case(
        "says the request back",
        echoes,
        ODD_ANSWER,
        NOT_ZABBIX,
    ),
    # The frame is Zabbix's, but not what a server answers with.
    Case("huge length", answers_and_holds(packet(b"", length=2**32 - 1)), ODD_HEADER, NOT_ZABBIX),
    Case("length 65537", answers_and_holds(packet(b"", length=65537)), ODD_HEADER, NOT_ZABBIX),
    Case("length 0", answers(packet(b"")), ODD_ANSWER, NOT_ZABBIX),
    Case("flags 3, compressed", answers(packet(b"x\x9c", flags=3, reserved=90)), "flags 3", NOT_ZABBIX),
    Case("flags 5, large", answers(packet(bytes(8), flags=5)), "flags 5", NOT_ZABBIX),
    Case("flags 0", answers(packet(b"{}", flags=0)), "flags 0", NOT_ZABBIX),
    # The body is none.
    Case("not JSON", answers(packet(b"processed: 3")), ODD_ANSWER, NOT_ZABBIX),
    Case("half a JSON object", answers(packet(GOOD[13:40])), ODD_ANSWER, NOT_ZABBIX),
    Case("not UTF-8", answers(packet(b'{"response":"\xff\xfe"}')), ODD_ANSWER, NOT_ZABBIX),
    Case("a JSON array", answers(said(["success"])), ODD_ANSWER, NOT_ZABBIX),
    Case("an empty JSON array", answers(said([])), ODD_ANSWER, NOT_ZABBIX),
    Case("a JSON number", answers(said(3)), ODD_ANSWER, NOT_ZABBIX),
    Case("a JSON string", answers(said("success")), ODD_ANSWER, NOT_ZABBIX),
    Case("JSON null", answers(said(None)), ODD_ANSWER, NOT_ZABBIX),
    Case("an empty object", answers(said({})), ODD_ANSWER, NOT_ZABBIX),
    Case("deeply nested JSON", answers(packet(b"[" * 30000 + b"]" * 30000)), ODD_ANSWER, NOT_ZABBIX),
    Case("an endless number", answers(packet(b"9" * 60000)), ODD_ANSWER, NOT_ZABBIX),
    # It says success, and not for what.
    Case("success without info", answers(said({"response": "success"})), ODD_ANSWER, NOT_ZABBIX),
    Case("info is a number", answers(said({"response": "success", "info": 3})), ODD_ANSWER, NOT_ZABBIX),
    Case("info is a list", answers(said({"response": "success", "info": [3]})), ODD_ANSWER, NOT_ZABBIX),
    Case("info is prose", answers(said({"response": "success", "info": "done"})), ODD_ANSWER, NOT_ZABBIX),
    Case(
        "info without digits",
        answers(
            said({"response": "success", "info": "processed: ; failed: ; total: ; seconds spent: 0.1"}),
        ),
        ODD_ANSWER,
        NOT_ZABBIX,
    ),
    Case(
        "info with a time that is none",
        answers(
            said({"response": "success", "info": "processed: 3; failed: 0; total: 3; seconds spent: ."}),
        ),
        ODD_ANSWER,
        NOT_ZABBIX,
    ),
    # It counts, and not what was sent.
    Case("one got lost", answers(counted(2, 0, 3)), NO_SUM, "counted 2 processed and 0 failed"),
    Case("total is one short", answers(counted(2, 0, 2)), NO_SUM, "counted 2 processed and 0 failed"),
    Case("total is one long", answers(counted(4, 0, 4)), NO_SUM, "counted 4 processed and 0 failed"),
    Case("nothing counted", answers(counted(0, 0, 0)), NO_SUM, "counted 0 processed and 0 failed"),
    Case(
        "a total of its own",
        answers(counted(3, 0, 7)),
        NO_SUM,
        "7",
    ),
    # It says no.
    Case("failed without info", answers(said({"response": "failed"})), "declined", "log"),
    Case("failed, info a number", answers(said({"response": "failed", "info": 3})), "declined", "log"),
    Case("info without a response", answers(said({"info": "busy"})), "busy"),
    Case(
        "failed, info of several lines",
        answers(said({"response": "failed", "info": "line one\nline two\x1b[31m\ud800"})),
        "line one",
    ),
    Case(
        "failed, info without end",
        answers(said({"response": "failed", "info": "busy " * 12000})),
        "busy",
    ),
    Case(
        "failed, info is deeply nested",
        answers(packet(b'{"response":"failed","info":' + b"[" * 500 + b"]" * 500 + b"}")),
        "declined",
    ),
)


@dataclass(frozen=True)
class Answer:
    """A way to say that `SENT - refused` values were taken."""

    name: str
    script: Script
    refused: int = 0


DELIVERED = (
    Answer("as a server does", answers(GOOD)),
    Answer("and does not end", answers_and_holds(GOOD)),
    Answer("a byte a segment", drips(GOOD, 0.001)),
    Answer("before it reads the request", answers_before_it_reads),
    Answer("and more behind it", answers(GOOD + b"garbage")),
    Answer("with more in it", answers(said({"response": "success", "info": GOOD[37:-2].decode(), "x": [1]}))),
    Answer("all failed", answers(counted(0, 3, 3)), refused=3),
    Answer("some failed", answers(counted(1, 2, 3)), refused=2),
    Answer("all but one failed, byte by byte", drips(counted(2, 1, 3), 0.001), refused=1),
    Answer(
        "with its length in the reserved field, as agent 2 of 6.0 does",
        answers(packet(GOOD[13:], reserved=len(GOOD) - 13)),
    ),
)


@pytest.mark.parametrize("case", DEFERRED, ids=lambda case: case.name)
def test_what_is_no_answer_for_every_value_defers_in_time_and_says_why(case: Case) -> None:
    timeout_s = TIMEOUT_S if case.reason == TOO_LONG else PATIENT_S
    with ScriptedServer(case.script) as server:
        began_s = time.monotonic()
        outcome = deliver(server.node, timeout_s=timeout_s)
        took_s = time.monotonic() - began_s
    assert isinstance(outcome, Deferred)
    assert took_s < TIMEOUT_S + MARGIN_S
    assert case.reason in outcome.reason
    assert case.todo in outcome.todo
    assert_legible(outcome, server.node)


@pytest.mark.parametrize("answer", DELIVERED, ids=lambda answer: answer.name)
def test_a_count_of_every_value_delivers_however_it_arrives(answer: Answer) -> None:
    with ScriptedServer(answer.script) as server:
        outcome = deliver(server.node)
    assert outcome == Delivered(str(server.node), SENT - answer.refused, answer.refused)


def test_an_answer_is_taken_at_once_though_the_server_does_not_end() -> None:
    with ScriptedServer(answers_and_holds(GOOD)) as server:
        began_s = time.monotonic()
        outcome = deliver(server.node)
        took_s = time.monotonic() - began_s
    assert isinstance(outcome, Delivered)
    assert took_s < PATIENT_S / 2


@settings(max_examples=150)
@given(
    data=st.binary(max_size=60)
    | st.builds(packet, st.binary(max_size=60), st.sampled_from([0, 1, 3, 5, 255]))
    | st.builds(lambda cut: GOOD[:cut], st.integers(0, len(GOOD) - 1))
)
def test_no_bytes_make_it_raise_or_deliver(data: bytes) -> None:
    with ScriptedServer(answers(data)) as server:
        outcome = deliver(server.node)
    assert isinstance(outcome, Deferred)
    assert outcome.reason
    assert outcome.todo


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150)
@given(response=st.just("success") | st.just("failed") | _JSON, info=_JSON, rest=_JSON, bare=st.booleans())
def test_no_json_makes_it_raise_or_deliver(response: Any, info: Any, rest: Any, bare: bool) -> None:
    answer = rest if bare else {"response": response, "info": info, "rest": rest}
    with ScriptedServer(answers(said(answer))) as server:
        outcome = deliver(server.node)
    assert isinstance(outcome, Deferred)
    assert outcome.reason
    assert outcome.todo


@settings(max_examples=150)
@given(processed=st.integers(0, 4), failed=st.integers(0, 4), total=st.integers(0, 4))
def test_delivered_means_that_every_value_was_counted(processed: int, failed: int, total: int) -> None:
    with ScriptedServer(answers(counted(processed, failed, total))) as server:
        outcome = deliver(server.node)
    if processed + failed == total == SENT:
        assert outcome == Delivered(str(server.node), processed, failed)
    else:
        assert isinstance(outcome, Deferred)
