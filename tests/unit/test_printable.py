"""Text from outside is data: one hostile table goes in wherever text enters, and safe lines come out."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tcpwatchd.config.config import parse
from tcpwatchd.daemon.journal import formatter
from tcpwatchd.diagnosis import programs
from tcpwatchd.kernel.netns import called, key_part
from tcpwatchd.model.batch import Batch, Deferred, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.model.errors import ConfigError
from tcpwatchd.model.printable import MESSAGE_CHARACTERS, MOST_CHARACTERS, one_line, printable
from tcpwatchd.spool.schema import Row
from tcpwatchd.zabbix.addresses import Node
from tcpwatchd.zabbix.failover import Redirect
from tcpwatchd.zabbix.sender import Sender
from tcpwatchd.zabbix.tls import name_text
from tests.lab.requirements import require
from tests.lab.scripted_server import HEADER, Connection, ScriptedServer

HOSTILE = {
    "latin-1": "caf\udce9",
    "gbk": b"\xcd\xf8\xd5\xbe".decode("utf-8", "surrogateescape"),
    "escape and newline": "a\x1b[31mb\nc",
    "carriage return": "good\rbad",
    "nul": "a\0b",
    "c1 control": "a\x9b31mb",
    "lone surrogates": "\ud800\udfff",
    "bidirectional": "a\u202etxt.exe\u2066",
    "line separator": "a\u2028b\u2029c",
    "64 KiB": "x" * 65536,
    "64 KiB of escapes": "\x1b" * 65536,
    "empty": "",
    "macro": "{$MACRO}{HOST.HOST}",
    "quotes": "\"a' b\\",
    "key syntax": 'a,b]c[d"e',
    "no characters": "\U000e0001\ufffe\uffff",
    "beyond the plane": "\U0001f600" * 300,
}
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


def nobody(host: str, *rest: Any, **options: Any) -> Any:
    """Looks up the server of the test, and no other name."""
    if host != "127.0.0.1":
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return socket.getaddrinfo(host, *rest, **options)


def assert_safe(line: str, most: int) -> None:
    assert line.isprintable()
    assert len(line) <= most
    line.encode("utf-8")  # not a lone surrogate among it


@hostile
def test_one_printable_line(text: str) -> None:
    for line in (
        printable(text),
        one_line(text),
        printable(os.fsencode("x") + text.encode("utf-8", "replace")),
    ):
        assert_safe(line, MOST_CHARACTERS)


def test_what_is_printable_stays_and_what_is_not_is_replaced_one_by_one() -> None:
    assert printable("naïve 网站 {$MACRO}") == "naïve 网站 {$MACRO}"
    assert printable("caf\udce9") == printable(b"caf\xe9") == "caf\ufffd"
    assert printable("a\x1b[31mb\nc") == "a\ufffd[31mb\ufffdc"
    assert one_line("  not\r\n  now\t!\n") == "not now !"


def test_it_is_cut_between_characters() -> None:
    assert printable("é" * 255) == "é" * 255
    assert printable("é" * 256) == "é" * 254 + "…"
    assert printable(("é" * 300).encode()) == "é" * 254 + "…"
    assert printable("abcdef", 4) == "abc…"


@contextmanager
def process_named(name: bytes) -> Iterator[int]:
    """A process of that name that holds a socket; its pid."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            ctypes.CDLL(None).prctl(15, ctypes.c_char_p(name), 0, 0, 0)  # PR_SET_NAME
            os.write(write_fd, b".")
            threading.Event().wait(60)
        finally:
            os._exit(0)
    try:
        os.read(read_fd, 1)
        yield pid
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(read_fd)
        os.close(write_fd)


@hostile
def test_a_process_may_call_itself_anything(text: str) -> None:
    with process_named(text.encode("utf-8", "surrogatepass")) as pid:
        program = programs.named({pid})[pid]
        assert_safe(str(program), MOST_CHARACTERS)
        assert program.name


def test_a_name_that_is_not_utf8_is_shown_with_replacements() -> None:
    with process_named(b"caf\xe9") as pid:
        assert str(programs.named({pid})[pid]) == f"caf\ufffd[{pid}]"


@hostile
def test_a_user_may_be_called_anything(text: str, tmp_path: Path) -> None:
    users = tmp_path / "passwd"
    users.write_bytes(f"{text}:x:1000:1000::/:/bin/sh\n".encode("utf-8", "surrogatepass"))
    assert_safe(programs.user(1000, str(users)), MOST_CHARACTERS)


@hostile
def test_a_namespace_may_be_called_anything(text: str) -> None:
    for name in (key_part(text), called(f"0::/{text}\n", text), called(f"0::/lxc/{text}", text)):
        assert_safe(name, 64)
        assert name
        assert not set(name) & set('[]",{}$ ')


@hostile
@pytest.mark.parametrize("member", ["info", "address"])
def test_a_server_may_answer_anything(text: str, member: str) -> None:
    answer: dict[str, object] = {"response": "failed", "info": text}
    if member == "address":
        answer = {"response": "failed", "redirect": {"revision": 1, "address": text}}
    body = json.dumps(answer).encode()

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(HEADER.pack(b"ZBXD", 1, len(body), 0) + body)

    with ScriptedServer(script) as server:
        batch = Batch("web-01", (Value("key", "1", Stamp(1, 1)),), 1)
        outcome = Sender([server.node], 10.0, Clock(), resolve=nobody).deliver(batch)
    assert isinstance(outcome, Deferred)
    assert_safe(f"{outcome.node}{outcome.reason}{outcome.todo}", 2 * MESSAGE_CHARACTERS)


@hostile
def test_a_redirect_names_an_address_or_is_none(text: str) -> None:
    redirect = Redirect.parse(Node("a", 1), {"revision": 1, "address": text})
    assert redirect is None or len(str(redirect.address)) <= 270


@hostile
def test_a_certificate_may_be_of_anyone(text: str) -> None:
    assert_safe(one_line(name_text(((("commonName", text),),))), MOST_CHARACTERS)


@hostile
@pytest.mark.parametrize("place", ["key", "value", "item"])
def test_a_configuration_may_hold_anything(text: str, place: str) -> None:
    quoted = json.dumps(text)  # a text in JSON's quotes is one in YAML too
    file = {
        "key": f"{quoted}: 1",
        "value": f"zabbix: {{host: {quoted}}}",
        "item": f"aliases: {{{quoted}: {quoted}}}",
    }
    try:
        config = parse(file[place], "f.yaml")
    except ConfigError as error:
        for line in error.lines():
            assert_safe(line, 2 * MESSAGE_CHARACTERS)
    else:
        assert_safe(config.host, 128)


def test_a_host_may_be_called_anything() -> None:
    require(os.geteuid() == 0, "needs root, to give a host a name (unshare -u)")
    named = "import socket; socket.sethostname(b'caf\\xe9'); from tcpwatchd.config.config import parse; "
    ran = subprocess.run(
        ["unshare", "-u", sys.executable, "-c", named + "print(ascii(parse('', 'defaults').host))"],
        capture_output=True,
        text=True,
    )
    assert ran.stdout == "'caf\\ufffd'\n"


@hostile
def test_a_value_with_any_text_is_kept(text: str) -> None:
    row = Row.of(1, "host", [Value("key", text, Stamp(1, 1)), Value("other", "2", Stamp(1, 1))])
    decoded = row.decoded()
    assert decoded is not None
    assert decoded[1].text == "2"


@pytest.mark.parametrize("where", ["terminal", "journal"])
@hostile
def test_a_log_line_is_one_line_whatever_it_quotes(text: str, where: str, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        here = os.fstat(stream.fileno())
        environment = {"JOURNAL_STREAM": f"{here.st_dev}:{here.st_ino}"} if where == "journal" else {}
        lines = formatter(stream.fileno(), environment)
    record = logging.LogRecord("tcpwatchd", logging.WARNING, "", 0, "%s: says %s", ("a", text), None)
    assert_safe(lines.format(record), MESSAGE_CHARACTERS + 10)
    try:
        raise OSError(text)
    except OSError as error:
        record.exc_info = (OSError, error, error.__traceback__)
    whole = lines.format(record)
    assert all(line.isprintable() for line in whole.splitlines())
