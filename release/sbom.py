"""What is inside a package: a CycloneDX list for machines, a copyright file for people.

Source: CycloneDX 1.5 (JSON), package URLs of PyPI, Debian's machine-readable copyright format 1.0.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path

from tcpwatchd import __version__


@dataclass(frozen=True)
class Licence:
    """Of one project: by SPDX, as Debian spells it, whose copyright, and its directory in the library."""

    spdx: str
    debian: str
    holder: str
    directory: str


# Metadata of packages spells licences in many ways, or not at all.
_LICENCES = {
    "tcpwatchd": Licence("GPL-3.0-or-later", "GPL-3+", "The tcpwatchd maintainers", "*"),
    "py-zabbix": Licence("GPL-2.0-only", "GPL-2", "Alexey Dubkov", "opt/tcpwatchd/lib/py*zabbix*"),
    "psutil": Licence("BSD-3-Clause", "BSD-3-clause", "Giampaolo Rodola", "opt/tcpwatchd/lib/psutil*"),
    "pyyaml": Licence("MIT", "Expat", "Kirill Simonov, Ingy döt Net", "opt/tcpwatchd/lib/*yaml*"),
    "sslpsk3": Licence("Apache-2.0", "Apache-2.0", "Kuba Szczodrzyński", "opt/tcpwatchd/lib/sslpsk3*"),
}
# GPL and Apache are on every Debian host; others stand in the file whole.
_COMMON = {"GPL-3+": "GPL-3", "GPL-2": "GPL-2", "Apache-2.0": "Apache-2.0"}


@dataclass(frozen=True)
class Component:
    """A Python project in a library, with the text of its licence."""

    name: str
    version: str
    licence: Licence
    text: str


def components(library: Path) -> tuple[Component, ...]:
    """All of them, by name. KeyError for one whose licence nobody has looked up yet."""
    found = []
    for directory in sorted(library.glob("*.dist-info")):
        metadata = PathDistribution(directory).metadata
        name = metadata["Name"].lower()
        texts = [path for path in sorted(directory.rglob("LICENSE*")) if path.is_file()]
        text = texts[0].read_text(encoding="utf-8")
        found.append(Component(name, metadata["Version"], _LICENCES[name], text))
    return tuple(sorted(found, key=lambda one: one.name != "tcpwatchd"))


def sbom(library: Path) -> str:
    """The list in JSON; the same for the same library."""
    inside = [_row(one) for one in components(library)]
    main, others = inside[0], inside[1:]
    listed = json.dumps([main, *others], sort_keys=True)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, listed)}",
        "version": 1,
        "metadata": {"component": main},
        "components": others,
        "dependencies": [{"ref": main["bom-ref"], "dependsOn": [one["bom-ref"] for one in others]}],
    }
    return json.dumps(document, indent=2) + "\n"


def _row(one: Component) -> dict[str, object]:
    address = f"pkg:pypi/{one.name}@{one.version}"
    return {
        "type": "application" if one.name == "tcpwatchd" else "library",
        "bom-ref": address,
        "name": one.name,
        "version": one.version,
        "purl": address,
        "licenses": [{"license": {"id": one.licence.spdx}}],
    }


def licences(library: Path) -> str:
    """The copyright file of Debian: who holds what, and the licence texts that no Debian host has."""
    inside = components(library)
    paragraphs = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        f"Upstream-Name: tcpwatchd\nComment: version {__version__}, with the Python packages that it needs"
    ]
    for one in inside:
        licence = one.licence
        paragraphs.append(
            f"Files: {licence.directory}\nCopyright: {licence.holder}\nLicense: {licence.debian}"
        )
    for name, text in {one.licence.debian: one.text for one in inside}.items():
        common = _COMMON.get(name)
        told = f"The whole text is in /usr/share/common-licenses/{common}." if common else text
        paragraphs.append(f"License: {name}\n{_indented(told)}")
    return "\n\n".join(paragraphs) + "\n"


def _indented(text: str) -> str:
    lines = (line.rstrip() for line in text.strip().splitlines())
    return "\n".join(f" {line}" if line else " ." for line in lines)
