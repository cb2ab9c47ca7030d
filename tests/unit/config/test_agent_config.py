"""A Zabbix agent's configuration as ours, with includes, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpwatchd.config.agent_config import import_agent_config
from tcpwatchd.config.agent_settings import settings, translate
from tcpwatchd.config.config import Config, parse
from tcpwatchd.model.errors import TcpwatchdError
from tests.lab.processes import tcpwatchd


def taken(text: str) -> tuple[Config, tuple[str, ...]]:
    translation = translate(settings(text))
    return parse(translation.yaml, "imported"), translation.missed


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("ServerActive=zabbix.example.com", ("zabbix.example.com",)),
        (
            "ServerActive=a:10055, b;c:10052 , [2001:db8::1]:10051",
            ("a:10055", "b;c:10052", "[2001:db8::1]:10051"),
        ),
        ("Server=192.0.2.1,10.0.0.0/8,::", ("192.0.2.1",)),
        ("Server=192.0.2.1\nServerActive=zabbix", ("zabbix",)),
        ("# ServerActive=x\nServerActive=first\nServerActive=second", ("second",)),
    ],
)
def test_servers_are_those_that_the_agent_sends_to(text: str, servers: tuple[str, ...]) -> None:
    assert taken(text)[0].servers == servers


def test_who_may_ask_is_no_server_where_it_is_a_network() -> None:
    config, missed = taken("Server=10.0.0.0/8,0.0.0.0")
    assert config.servers == ("127.0.0.1",)
    assert missed == (
        "Server=10.0.0.0/8: is a network, and no server",
        "Server=0.0.0.0: is a network, and no server",
        "neither ServerActive nor Server names a server: set zabbix.servers by hand",
    )


def test_the_host_is_the_first_of_its_names() -> None:
    config, missed = taken("ServerActive=a\nHostname=web-01, web-01-ext")
    assert config.host == "web-01"
    assert missed == ("Hostname: web-01-ext: one daemon is one host; web-01 is taken",)
    config, missed = taken("ServerActive=a\nHostnameItem=system.run[hostname -f]")
    assert missed == ("HostnameItem=system.run[hostname -f]: is not run here: set zabbix.host by hand",)
    assert taken("ServerActive=a\nHostnameItem=system.hostname")[1] == ()


def test_protection_is_what_the_agent_connects_with() -> None:
    everything = (
        "ServerActive=a\nSourceIP=192.0.2.5\nTLSAccept=cert\nTLSPSKIdentity=PSK 1\nTLSPSKFile=/etc/z.psk\n"
        "TLSCAFile=/etc/ca.pem\nTLSCertFile=/etc/c.pem\nTLSKeyFile=/etc/k.pem\nTLSCRLFile=/etc/crl.pem\n"
        'TLSServerCertIssuer=CN="A, B",O=Ö\nTLSServerCertSubject=CN=s\n'
    )
    config, missed = taken(everything)
    assert config.source_ip == "192.0.2.5"
    assert config.tls.connect == "unencrypted"
    assert missed == ("TLSCRLFile: revoked certificates are not looked up",)
    config, _ = taken(everything + "TLSConnect=psk")
    assert (config.tls.psk_identity, config.tls.psk_file) == ("PSK 1", "/etc/z.psk")
    assert config.tls.ca_file is None
    config, _ = taken(everything + "TLSConnect=cert")
    assert (config.tls.ca_file, config.tls.cert_file, config.tls.key_file) == (
        "/etc/ca.pem",
        "/etc/c.pem",
        "/etc/k.pem",
    )
    assert (config.tls.server_issuer, config.tls.server_subject) == ('CN="A, B",O=Ö', "CN=s")


def test_what_is_included_counts(tmp_path: Path) -> None:
    main, parts = tmp_path / "zabbix_agentd.conf", tmp_path / "zabbix_agentd.d"
    parts.mkdir()
    (parts / "10-server.conf").write_text("ServerActive=included\n", encoding="utf-8")
    (parts / "20-host.conf").write_text("Hostname=by-pattern\n", encoding="utf-8")
    (parts / "ignored.txt").write_text("Hostname=not\n", encoding="utf-8")
    single = tmp_path / "single.conf"
    single.write_text("SourceIP=192.0.2.5\n", encoding="utf-8")
    main.write_text(
        f"Include={parts}/*.conf\nInclude=single.conf\nInclude={tmp_path}/none/*\n", encoding="utf-8"
    )
    config = parse(import_agent_config(main).yaml, "imported")
    assert (config.servers, config.host, config.source_ip) == (("included",), "by-pattern", "192.0.2.5")
    main.write_text(f"Include={parts}\n", encoding="utf-8")
    assert parse(import_agent_config(main).yaml, "imported").host == "not"


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "round.conf"
    path.write_text("Include=round.conf\n", encoding="utf-8")
    with pytest.raises(TcpwatchdError, match="include one another"):
        import_agent_config(path)
    ran = tcpwatchd("import-agent-config", str(tmp_path / "none.conf"))
    assert ran.returncode == 1
    assert "none.conf: cannot be read: No such file or directory" in ran.stderr


def test_the_command_prints_what_the_daemon_takes(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text("ServerActive=zabbix\nHostname=web-01,b\n", encoding="utf-8")
    ran = tcpwatchd("import-agent-config", str(path))
    assert ran.returncode == 0
    assert parse(ran.stdout, "printed").host == "web-01"
    assert ran.stderr == "not taken over: Hostname: b: one daemon is one host; web-01 is taken\n"
    path.write_text("ServerActive=zabbix\nHostname=we/b\n", encoding="utf-8")
    ran = tcpwatchd("import-agent-config", str(path))
    assert ran.returncode == 78
    assert "zabbix.host: 'we/b' is not a Zabbix host name" in ran.stderr


def test_what_the_agent_registers_with_is_a_proposal() -> None:
    """While the agent runs, it registers the host: two need not."""
    told = translate(settings("ServerActive=z\nHostMetadata=linux: web\nHostInterface=web-01.example.com\n"))
    assert parse(told.yaml, "printed").host_metadata == ""
    proposed = told.yaml.split("can do so:\n")[1].replace("# ", "", 3).replace("#   ", "  ")
    assert proposed == ('zabbix:\n  host_metadata: "linux: web"\n  host_interface: "web-01.example.com"\n')
    assert parse(proposed, "proposed").host_metadata == "linux: web"
    assert "host_metadata" not in translate(settings("ServerActive=z\n")).yaml
    assert (
        "set zabbix.host_metadata by hand" in translate(settings("HostMetadataItem=system.uname\n")).missed[0]
    )


def test_an_include_that_is_not_there_is_said_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "copied.conf"
    path.write_text(
        "Include=/nowhere/zabbix_agentd.d\nInclude=/nowhere/*.conf\nInclude=missing.conf\n"
        "ServerActive=zabbix\nHostname=web-01\n",
        encoding="utf-8",
    )
    ran = tcpwatchd("import-agent-config", str(path))
    assert ran.returncode == 0, ran.stderr
    config = parse(ran.stdout, "printed")
    assert (config.servers, config.host) == (("zabbix",), "web-01")
    assert ran.stderr.splitlines() == [
        f"not taken over: Include={what} ({path}:{line}): No such file or directory"
        for line, what in enumerate(("/nowhere/zabbix_agentd.d", "/nowhere/*.conf", "missing.conf"), 1)
    ]


@pytest.mark.parametrize(
    ("parameter", "pattern"),
    [
        (
            "tcp.status[*],netstat -ant | awk '/^tcp/{print $NF}' | grep -c $1",
            '{pattern: "tcp.status[STATE]", spelling: netstat}',
        ),
        ("tcp.status[*],ss -ant | grep -c $1", '{pattern: "tcp.status[STATE]", spelling: ss}'),
        ("tcp.status[*],/etc/zabbix/tcp_status.sh $1", '{pattern: "tcp.status[STATE]", spelling: compact}'),
        (
            'linux_status[*],/opt/zabbix_linux_plugin.sh "$1" "$2" "$3"',
            '{pattern: "linux_status[tcp_status,STATE]", spelling: ss}',
        ),
        ("tcp.timew,netstat -an | grep -c TIME_WAIT", '{pattern: "tcp.STATE", spelling: short}'),
        (
            "net.tcp.count.depend[*],/etc/zabbix/count.sh $1 $2 $3",
            '{pattern: "net.tcp.count.depend[PORT,,STATE]", spelling: netstat}',
        ),
        ("my.conns[*],ss -tan state $1 | wc -l", '{pattern: "my.conns[STATE]", spelling: ss}'),
    ],
)
def test_scripts_that_count_states_are_proposed_as_patterns(
    parameter: str, pattern: str, tmp_path: Path
) -> None:
    path = tmp_path / "agent.conf"
    path.write_text(f"ServerActive=zabbix\nUserParameter={parameter}\n", encoding="utf-8")
    ran = tcpwatchd("import-agent-config", str(path))
    assert ran.returncode == 0
    assert f"#     - {pattern}\n" in ran.stdout
    assert parse(ran.stdout, "printed").key_patterns == ()
    # What is proposed can be taken as it stands.
    taken = ran.stdout.replace("# UserParameter", "## ").replace("# sends", "## ").replace("\n# ", "\n")
    assert len(parse(taken, "taken").key_patterns) == 1
    key = parameter.partition(",")[0]
    assert ran.stderr == (f"remove when its values come from tcpwatchd: UserParameter={key},… ({path}:2)\n")


@pytest.mark.parametrize(
    "parameter",
    [
        "mysql.ping,mysqladmin ping",
        "nginx.status[*],curl -s http://localhost/$1",
        "vfs.dev[*],cat /proc/diskstats | awk '{print $$1}'",
        "tcp.port[*],nc -z localhost $1",
        "web.listen,curl -s localhost",
    ],
)
def test_other_scripts_are_left_alone(parameter: str) -> None:
    translation = translate(settings(f"ServerActive=a\nUserParameter={parameter}"))
    assert (translation.remove, "pattern" in translation.yaml) == ((), False)


def test_one_key_a_state_is_one_pattern() -> None:
    lines = (
        f"UserParameter=tcp.{name},netstat -an | grep -c {name}" for name in ("establ", "timew", "closew")
    )
    translation = translate(settings("\n".join(["ServerActive=a", *lines])))
    assert translation.yaml.count("pattern:") == 1
    assert len(translation.remove) == 3
