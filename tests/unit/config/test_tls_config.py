"""What can be wrong with TLS settings and the files behind them is said before the first connection."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.config.config import load, parse
from tcpwatchd.model.errors import ConfigError
from tcpwatchd.zabbix.tls import TlsSettings, key_of, name_text, warnings
from tests.lab.certificates import Authority
from tests.lab.processes import Service, tcpwatchd, wait_for
from tests.lab.tls_peers import require_psk


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse(text, "c.yaml", with_files=True)
    return [line.removeprefix("c.yaml:") for line in refused.value.lines()]


def tls(**keys: str) -> str:
    return "zabbix:\n  tls:\n" + "".join(f"    {key}: {value}\n" for key, value in keys.items())


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (
            {"psk_file": "/k"},
            [
                "3: zabbix.tls.psk_file: is of use only with connect: psk, but zabbix.tls.connect is "
                "unencrypted"
            ],
        ),
        (
            {"connect": "psk", "psk_identity": "i", "psk_file": "/k", "ca_file": "/c"},
            ["6: zabbix.tls.ca_file: is of use only with connect: cert, but zabbix.tls.connect is psk"],
        ),
        (
            {"connect": "psk", "psk_identity": "i"},
            [
                "3: zabbix.tls.connect: psk needs both psk_identity and psk_file, as they stand at the host "
                "in Zabbix"
            ],
        ),
        (
            {"connect": "cert", "cert_file": "/c"},
            [
                "3: zabbix.tls.connect: cert needs ca_file: the authority whose signature the server's "
                "certificate bears",
                "4: zabbix.tls.cert_file: needs key_file, the private key of this certificate",
            ],
        ),
        (
            {"connect": "cert", "ca_file": "/c", "key_file": "/k"},
            ["5: zabbix.tls.key_file: needs cert_file, the certificate of this key"],
        ),
        (
            {"connect": "cert", "ca_file": "/none/ca", "cert_file": "/none/c", "key_file": "/none/k"},
            [
                f"{line}: zabbix.tls.{key}: {path} cannot be read: No such file or directory"
                for line, key, path in (
                    (4, "ca_file", "/none/ca"),
                    (5, "cert_file", "/none/c"),
                    (6, "key_file", "/none/k"),
                )
            ],
        ),
        ({"connect": "psk", "psk_identity": "7"}, ["4: zabbix.tls.psk_identity: 7 is not a PSK identity; "]),
        ({"server_name": "a..b"}, ["3: zabbix.tls.server_name: 'a..b' is not a host name or IP address; "]),
        ({"server_issuer": "me"}, ["3: zabbix.tls.server_issuer: 'me' is not a distinguished name; "]),
    ],
)
def test_what_does_not_go_together_is_said_with_its_line(keys: dict[str, str], lines: list[str]) -> None:
    found = problems(tls(**keys))
    assert len(found) == len(lines)
    for problem, line in zip(found, lines):
        assert problem.startswith(line)


def test_files_are_looked_at_only_where_they_are_needed() -> None:
    config = parse(tls(connect="cert", ca_file="/none"), "c.yaml")
    assert config.tls == TlsSettings("cert", ca_file="/none")


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    pair, other = authority.issue("client"), authority.issue("other")
    locked = authority.issue("locked", passphrase=b"secret")
    junk, folder = tmp_path / "junk", tmp_path
    junk.write_text("junk")
    ca, cert, key = authority.cert, pair.cert, pair.key
    for files, path, problem in (
        ((junk, cert, key), "ca_file", f"{junk} holds no certificate in PEM form"),
        ((key, cert, key), "ca_file", f"{key} holds no certificate in PEM form"),
        ((ca, key, key), "cert_file", f"{key} holds no certificate in PEM form"),
        ((ca, cert, cert), "key_file", f"{cert} holds no private key in PEM form"),
        ((ca, cert, junk), "key_file", f"{junk} holds no private key in PEM form"),
        ((ca, cert, other.key), "key_file", f"{other.key} is not the key of {cert}"),
        ((ca, locked.cert, locked.key), "key_file", f"{locked.key} is protected by a passphrase"),
        ((ca, cert, folder), "key_file", f"{folder} cannot be read: Is a directory"),
    ):
        keys = dict(zip(("ca_file", "cert_file", "key_file"), map(str, files)))
        (found,) = problems(tls(connect="cert", **keys))
        assert re.sub(r"^\d: zabbix\.tls\.", "", found).startswith(f"{path}: {problem}")


@pytest.mark.parametrize("text", ["", "1f" * 15, "1f" * 257, "1f" * 16 + "1", "xy" * 16, "é" * 32, "\ufffe"])
def test_a_file_without_a_key_is_named_and_never_quoted(text: str, tmp_path: Path) -> None:
    path = tmp_path / "psk"
    path.write_text(text, encoding="utf-8")
    (found,) = problems(tls(connect="psk", psk_identity="i", psk_file=str(path)))
    assert found.startswith(f"5: zabbix.tls.psk_file: {path} does not hold ")
    assert not text or text not in found


@given(st.binary(min_size=16, max_size=256))
def test_a_key_is_what_its_digits_say(key: bytes) -> None:
    assert key_of(f"{key.hex()}\n") == key_of(key.hex().upper()) == key


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([("organizationName", "tcpwatch test")], "O=tcpwatch test"),
        ([("countryName", "LV"), ("organizationName", "Zabbix, SIA"), ("commonName", "a+b")],
         r"CN=a\+b,O=Zabbix\, SIA,C=LV"),
        ([("commonName", " #x "), ("userId", "#1")], r"UID=\#1,CN=\ #x\ "),
        ([("commonName", 'a"b\\c<d>;e=f')], r"CN=a\"b\\c\<d\>\;e=f"),
        ([("commonName", "Zażółć"), ("emailAddress", "a@b")], "emailAddress=a@b,CN=Zażółć"),
        ([("commonName", "a\0b\nc")], r"CN=a\00b\0Ac"),
        ([], ""),
    ],
)  # fmt: skip
def test_names_are_written_as_rfc_4514_has_them(parts: list[tuple[str, str]], text: str) -> None:
    assert name_text([[part] for part in parts]) == text


def test_a_part_of_several_values_keeps_them_together() -> None:
    assert name_text([[("countryName", "LV")], [("commonName", "a"), ("userId", "b")]]) == "CN=a+UID=b,C=LV"


def test_a_secret_that_others_can_read_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "psk"
    path.write_text("1f" * 32)
    settings = TlsSettings("psk", psk_identity="i", psk_file=str(path))
    for mode, warned in ((0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o444, True)):
        path.chmod(mode)
        assert bool(warnings(settings)) == warned
    (sentence,) = warnings(settings)
    assert sentence == (
        f"zabbix.tls.psk_file: {path} can be read by others than its owner (mode 0444) -> chmod 600 {path}, "
        "owned by the user that tcpwatchd runs as"
    )
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert not warnings(settings)


def test_daemon_and_check_say_it_once_and_a_reload_keeps_what_works(tmp_path: Path) -> None:
    require_psk()
    key = tmp_path / "psk"
    key.write_text("1f" * 32)
    key.chmod(0o644)
    text = tls(connect="psk", psk_identity="i", psk_file=str(key)) + f"spool: {{path: {tmp_path}/spool.db}}\n"
    with Service(tmp_path, text) as service:
        service.ready()
        assert service.log().count("can be read by others") == 1
        ran = tcpwatchd("check", "-c", str(service.config))
        assert ran.returncode == 0
        assert f"\nwarn  zabbix.tls.psk_file: {key} can be read by others" in ran.stdout
        key.write_text("junk")
        service.reload()
        wait_for(lambda: "not reloaded" in service.log(), "a refused reload")
        assert f"{service.config}:5: zabbix.tls.psk_file: {key} does not hold a key" in service.log()
        key.write_text("2e" * 32)
        key.chmod(0o600)
        service.reload()
        wait_for(lambda: "INFO reloaded" in service.log(), "a reload")
        assert service.log().count("can be read by others") == 1
        service.stop()


def test_load_reads_the_files_of_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(tls(connect="cert", ca_file="/none"))
    assert load(path).tls.ca_file == "/none"
    with pytest.raises(ConfigError):
        load(path, with_files=True)
