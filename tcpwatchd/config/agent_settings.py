"""Translates the settings of a Zabbix agent into YAML, and lists those that cannot be translated.

Text in, text out. Source: Zabbix manual, "Zabbix agent (UNIX)" and "Zabbix agent 2 (UNIX)", configuration
parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tcpwatchd.config.user_parameters import Proposal, propose

# Theirs → ours, where a value is taken as it is.
_TAKEN: Mapping[str, str] = {
    "SourceIP": "zabbix.source_ip",
    "TLSConnect": "zabbix.tls.connect",
    "TLSPSKIdentity": "zabbix.tls.psk_identity",
    "TLSPSKFile": "zabbix.tls.psk_file",
    "TLSCAFile": "zabbix.tls.ca_file",
    "TLSCertFile": "zabbix.tls.cert_file",
    "TLSKeyFile": "zabbix.tls.key_file",
    "TLSServerCertIssuer": "zabbix.tls.server_issuer",
    "TLSServerCertSubject": "zabbix.tls.server_subject",
}
# What says how the agent itself works is no loss; what would protect or direct, and is not known here, is.
_MISSED: Mapping[str, str] = {
    "HostMetadataItem": "is not run here: set zabbix.host_metadata by hand",
    "TLSCRLFile": "revoked certificates are not looked up",
    "TLSCipherCert": "ciphers are those of Python's TLS",
    "TLSCipherCert13": "ciphers are those of Python's TLS",
    "TLSCipherPSK": "ciphers are those of Python's TLS",
    "TLSCipherPSK13": "ciphers are those of Python's TLS",
}


@dataclass(frozen=True)
class Translation:
    """A configuration in YAML, sentences on what of the agent's is not in it, and lines of the agent's that
    are to be removed when what they bring comes from tcpwatchd.
    """

    yaml: str
    missed: tuple[str, ...]
    remove: tuple[str, ...] = ()


class Setting(NamedTuple):
    """One line of an agent's configuration, and where it stands."""

    name: str
    value: str
    where: str = ""


def settings(text: str, source: str = "") -> list[Setting]:
    """The settings of one file in their order, `Include` among them; comments and blank lines aside."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            found.append(Setting(name.strip(), value.strip(), f"{source}:{number}"))
    return found


def translate(given: Sequence[Setting], unread: Sequence[str] = ()) -> Translation:
    """The same as a configuration of ours. Of a setting that stands twice the last counts, as there.
    `unread` are sentences on what could not be read.
    """
    proposals = propose([(one.value, one.where) for one in given if one.name == "UserParameter"])
    values = {one.name: one.value for one in given if one.value}
    missed = [*unread, *(f"{name}: {why}" for name, why in _MISSED.items() if name in values)]
    ours: dict[str, object] = {"zabbix.servers": _servers(values, missed)}
    if hostname := _host(values, missed):
        ours["zabbix.host"] = hostname
    protected = values.get("TLSConnect", "unencrypted")
    for theirs, path in _TAKEN.items():
        if theirs in values and (protected in _uses(theirs)):
            ours[path] = values[theirs]
    lines = tuple(proposal.line for proposal in proposals)
    return Translation(_yaml(ours) + _registration(values) + _proposed(proposals), tuple(missed), lines)


def _registration(values: Mapping[str, str]) -> str:
    """Comments: while the agent runs, it registers the host."""
    lines = [
        f"#   {path}: {json.dumps(values[theirs], ensure_ascii=False)}"
        for theirs, path in (("HostMetadata", "host_metadata"), ("HostInterface", "host_interface"))
        if theirs in values
    ]
    if not lines:
        return ""
    head = [
        "# With this the agent registers this host in Zabbix. Where no agent runs, tcpwatchd can do so:",
        "# zabbix:",
    ]
    return "\n".join([*head, *lines, ""])


def _proposed(proposals: Sequence[Proposal]) -> str:
    """Comments: the keys are to be sent when their items are trapper items."""
    entries = dict.fromkeys(proposal.yaml() for proposal in proposals)
    if not entries:
        return ""
    per_port = any("PORT" in proposal.pattern for proposal in proposals)
    return "\n".join(
        [
            "# UserParameter lines that count TCP states: when their items are of type Zabbix trapper, this",
            "# sends the same keys, so that items and history go on.",
            "# keys:",
            "#   patterns:",
            *(f"#     - {entry}" for entry in entries),
            *(["# discover: listeners"] if per_port else []),
            "",
        ]
    )


def _uses(setting: str) -> tuple[str, ...]:
    """With which kinds of protection a setting is of use."""
    if setting.startswith("TLSPSK"):
        return ("psk",)
    return (
        ("cert",) if setting.startswith("TLS") and setting != "TLSConnect" else ("unencrypted", "psk", "cert")
    )


def _servers(values: Mapping[str, str], missed: list[str]) -> list[str]:
    """ServerActive names where to send; Server, who may ask, is as a rule the same."""
    entries = [entry.strip() for entry in values.get("ServerActive", "").split(",") if entry.strip()]
    if entries:
        return entries
    askers = [entry.strip() for entry in values.get("Server", "").split(",") if entry.strip()]
    servers = [entry for entry in askers if "/" not in entry and entry not in ("::", "0.0.0.0")]  # noqa: S104
    missed += [f"Server={entry}: is a network, and no server" for entry in askers if entry not in servers]
    if not servers:
        missed.append("neither ServerActive nor Server names a server: set zabbix.servers by hand")
    return servers or ["127.0.0.1"]


def _host(values: Mapping[str, str], missed: list[str]) -> str:
    names = [name.strip() for name in values.get("Hostname", "").split(",") if name.strip()]
    missed += [f"Hostname: {name}: one daemon is one host; {names[0]} is taken" for name in names[1:]]
    item = values.get("HostnameItem", "system.hostname")
    if not names and not item.startswith("system.hostname"):
        missed.append(f"HostnameItem={item}: is not run here: set zabbix.host by hand")
    return names[0] if names else ""


def _yaml(ours: Mapping[str, object]) -> str:
    """One key a line, sections once; a text in JSON's quotes is one in YAML too."""
    lines: list[str] = []
    open_section: list[str] = []
    for path, value in ours.items():
        *sections, name = path.split(".")
        for depth, section in enumerate(sections):
            if open_section[: depth + 1] != sections[: depth + 1]:
                lines.append(f"{'  ' * depth}{section}:")
        open_section = sections
        lines.append(f"{'  ' * len(sections)}{name}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
