"""A real Zabbix 6.0 server over TLS: certificates and pre-shared keys, right, wrong, and put right.

Needs Debian 12 and root. Debian's server links GnuTLS: another library than the one under Python.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tcpwatchd.metrics.catalogue import UPTIME
from tcpwatchd.template.render import TEMPLATE_NAME
from tests.lab.certificates import Authority, Pair
from tests.lab.processes import Service, tcpwatchd, wait_for
from tests.lab.stands import brought_up
from tests.lab.tls_peers import make_papers, require_psk
from tests.lab.zabbix_stand import Stand

BY_PSK, BY_CERT = 2, 4  # tls_accept of a host
KEY = "1f87b595725ac58dd977beef14b97461a7c1045b9a1c963065002c5473194952"
OTHER_KEY = KEY[::-1]


@dataclass(frozen=True)
class Site:
    """The server, and the papers that it and its hosts show each other."""

    stand: Stand
    authority: Authority
    client: Pair

    def host(self, name: str, **encryption: object) -> None:
        hostid = self.stand.create_host(name, TEMPLATE_NAME)
        self.stand.api("host.update", {"hostid": hostid, **encryption})
        self.stand.wait_until_known(name)

    def by_cert(self, **more: object) -> str:
        keys = {"ca_file": self.authority.cert, "cert_file": self.client.cert, "key_file": self.client.key}
        return ", ".join(f"{key}: {value}" for key, value in {"connect": "cert", **keys, **more}.items())

    def config(self, host: str, directory: Path, tls: str) -> str:
        return f"""\
zabbix: {{servers: ["127.0.0.1:{self.stand.server_port}"], host: {host}, tls: {{{tls}}}}}
intervals: {{sample: 100ms, push: 500ms}}
budget: {{cpu_percent: 100}}
spool: {{path: {directory}/spool/spool.db}}
"""

    def arrived(self, host: str) -> list[int]:
        return [row.clock for row in self.stand.history(host, UPTIME)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    papers = make_papers(tmp_path_factory.mktemp("papers"))
    files = {
        "TLSCAFile": papers.authority.cert,
        "TLSCertFile": papers.server.cert,
        "TLSKeyFile": papers.server.key,
    }
    with brought_up(Stand, tls_files=files) as stand:
        yield Site(stand, papers.authority, papers.client)


def psk_file(directory: Path, key: str) -> Path:
    path = directory / "zabbix.psk"
    path.touch(mode=0o600)
    path.write_text(f"{key}\n")
    return path


def test_values_arrive_by_certificate_where_nothing_else_is_taken(site: Site, tmp_path: Path) -> None:
    site.host(
        "by-cert",
        tls_accept=BY_CERT,
        tls_issuer=r"CN=tcpwatch test CA,O=tcpwatch\, test",
        tls_subject=r"CN=client,O=tcpwatch\, test",
    )
    demands = {
        "server_name": "zabbix.example.com",
        "server_issuer": r"'CN=tcpwatch test CA,O=tcpwatch\, test'",
        "server_subject": r"'CN=zabbix,O=tcpwatch\, test'",
    }
    with Service(tmp_path, site.config("by-cert", tmp_path, site.by_cert(**demands))) as service:
        service.ready()
        wait_for(lambda: len(site.arrived("by-cert")) >= 3, "values by certificate")
        ran = tcpwatchd("check", "--connect", "-c", str(service.config))
        service.stop()
    assert "TLSv1.2, ECDHE-RSA-AES128-GCM-SHA256, certificate CN=zabbix,O=tcpwatch" in ran.stdout
    assert (ran.returncode, "FAIL" in ran.stdout) == (0, False)
    assert "WARNING" not in service.log()
    assert "stay on disk" not in service.log()


def test_values_arrive_by_psk_where_nothing_else_is_taken(site: Site, tmp_path: Path) -> None:
    require_psk()
    site.host("by-psk", tls_accept=BY_PSK, tls_psk_identity="key of by-psk", tls_psk=KEY)
    tls = f"connect: psk, psk_identity: key of by-psk, psk_file: {psk_file(tmp_path, KEY)}"
    with Service(tmp_path, site.config("by-psk", tmp_path, tls)) as service:
        service.ready()
        wait_for(lambda: len(site.arrived("by-psk")) >= 3, "values by PSK")
        ran = tcpwatchd("check", "--connect", "-c", str(service.config))
        service.stop()
    assert "TLSv1.2, ECDHE-PSK-AES128-CBC-SHA256, PSK" in ran.stdout
    assert (ran.returncode, "FAIL" in ran.stdout) == (0, False)
    assert "WARNING" not in service.log()
    assert "stay on disk" not in service.log()


@pytest.mark.parametrize(
    ("host", "identity", "key"),
    [("wrong-key", "key of wrong-key", OTHER_KEY), ("wrong-identity", "nobody", KEY)],
    ids=["another key", "unknown identity"],
)
def test_a_wrong_psk_is_said_and_delivers_once_put_right(
    site: Site, tmp_path: Path, host: str, identity: str, key: str
) -> None:
    require_psk()
    site.host(host, tls_accept=BY_PSK, tls_psk_identity=f"key of {host}", tls_psk=KEY)
    path = psk_file(tmp_path, key)
    tls = "connect: psk, psk_identity: {}, psk_file: " + str(path)
    with Service(tmp_path, site.config(host, tmp_path, tls.format(identity))) as service:
        service.ready()
        wait_for(lambda: "ended the TLS handshake without a word" in service.log(), "a refusal")
        assert f"does a host in Zabbix have the PSK identity {identity}" in service.log()
        path.write_text(KEY)
        put_right(site, service, host, tls.format(f"key of {host}"), tmp_path)


def test_a_missing_client_certificate_is_said_and_delivers_once_given(site: Site, tmp_path: Path) -> None:
    site.host("bare", tls_accept=BY_CERT)
    bare = f"connect: cert, ca_file: {site.authority.cert}"
    with Service(tmp_path, site.config("bare", tmp_path, bare)) as service:
        service.ready()
        wait_for(lambda: "ended the TLS handshake without a word" in service.log(), "a refusal")
        assert "a Zabbix server asks for a certificate: set zabbix.tls.cert_file" in service.log()
        put_right(site, service, "bare", site.by_cert(), tmp_path)


def test_a_certificate_of_a_stranger_is_said_and_delivers_once_replaced(site: Site, tmp_path: Path) -> None:
    site.host("strange", tls_accept=BY_CERT)
    stranger = Authority(tmp_path / "stranger", "another CA").issue("client")
    tls = site.by_cert(cert_file=stranger.cert, key_file=stranger.key)
    with Service(tmp_path, site.config("strange", tmp_path, tls)) as service:
        service.ready()
        wait_for(lambda: "closed the connection without an answer" in service.log(), "a refusal")
        assert f"has the authority in TLSCAFile of the server signed {stranger.cert}" in service.log()
        put_right(site, service, "strange", site.by_cert(), tmp_path)


@pytest.mark.parametrize("wrong", ["connect: unencrypted", "cert"])
def test_encryption_that_the_host_does_not_allow_is_said_and_delivers_once_put_right(
    site: Site, tmp_path: Path, wrong: str
) -> None:
    require_psk()
    host = f"psk-only-not-{wrong[-4:]}"
    site.host(host, tls_accept=BY_PSK, tls_psk_identity=f"key of {host}", tls_psk=KEY)
    tls = site.by_cert() if wrong == "cert" else wrong
    with Service(tmp_path, site.config(host, tmp_path, tls)) as service:
        service.ready()
        wait_for(lambda: f"refused every value of host {host}" in service.log(), "a refusal")
        assert "Does its encryption (Connections from host) allow zabbix.tls.connect" in service.log()
        right = f"connect: psk, psk_identity: key of {host}, psk_file: {psk_file(tmp_path, KEY)}"
        put_right(site, service, host, right, tmp_path)


def put_right(site: Site, service: Service, host: str, tls: str, directory: Path) -> None:
    """Another configuration, a reload: then also what was sampled before it arrives."""
    assert not site.arrived(host)
    put_right_at = int(time.time())
    service.config.write_text(site.config(host, directory, tls))
    service.reload()
    wait_for(lambda: site.arrived(host), "values after the reload", 60)
    service.stop()
    assert site.arrived(host)[0] <= put_right_at
    assert "stay on disk" not in service.log()
