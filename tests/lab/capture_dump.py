"""Captures socket dumps as this kernel gives them: python -m tests.lab.capture_dump [DIRECTORY], as root.

NAME.bin has its datagrams back to back, NAME.json says how long each was, which sequence number was asked
with, on which kernel, and how many sockets there were. Those numbers come from what was made in the lab, not
from reading the dump.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tcpwatchd.kernel.inet_diag import DATAGRAM_BYTES, NETLINK_SOCK_DIAG, request
from tcpwatchd.model.sockets import State, Tally, Walk
from tests.lab.socket_lab import NOBODY, Lab, fill

DIRECTORY = Path(__file__).parent / "dumps"
_NLMSG_DONE = 3


@dataclass(frozen=True)
class Captured:
    """One dump, whole, and the sockets that there were."""

    sequence: int
    datagrams: tuple[bytes, ...]
    walk: Walk


def capture(sequence: int) -> tuple[bytes, ...]:
    """The datagrams of one dump of the namespace that this process is in."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(5)
        kernel.sendto(request(sequence), (0, 0))
        datagrams = []
        while True:
            datagrams.append(kernel.recv(DATAGRAM_BYTES))
            if _NLMSG_DONE in kinds(datagrams[-1]):
                return tuple(datagrams)


def messages(datagram: bytes) -> list[bytes]:
    """The messages of one datagram, one by one, each with its padding."""
    found = []
    while datagram:
        span = int.from_bytes(datagram[:4], sys.byteorder) + 3 & ~3
        found.append(datagram[:span])
        datagram = datagram[span:]
    return found


def kinds(datagram: bytes) -> list[int]:
    """The nlmsg_type of each message."""
    return [int.from_bytes(message[4:6], sys.byteorder) for message in messages(datagram)]


def save(name: str, captured: Captured, directory: Path = DIRECTORY) -> None:
    """Writes both files."""
    description: Mapping[str, object] = {
        "kernel": f"{platform.release()} {platform.machine()}",
        "sequence": captured.sequence,
        "datagrams": [len(datagram) for datagram in captured.datagrams],
        "ipv4": {state.parameter: captured.walk.ipv4[state] for state in State},
        "ipv6": {state.parameter: captured.walk.ipv6[state] for state in State},
        "orphaned": captured.walk.orphaned,
        "minis": captured.walk.minis,
    }
    (directory / f"{name}.bin").write_bytes(b"".join(captured.datagrams))
    text = json.dumps(description, indent=2) + "\n"
    (directory / f"{name}.json").write_text(text, encoding="utf-8")


def load(name: str, directory: Path = DIRECTORY) -> Captured:
    """Reads both files."""
    raw = (directory / f"{name}.bin").read_bytes()
    description = json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))
    datagrams = []
    for size in description["datagrams"]:
        datagrams.append(raw[:size])
        raw = raw[size:]
    if raw:
        raise ValueError(f"{name}.bin has {len(raw)} bytes more than {name}.json says")
    ipv4, ipv6 = (
        Tally((0, *(int(description[family][state.parameter]) for state in State)))
        for family in ("ipv4", "ipv6")
    )
    walk = Walk(ipv4, ipv6, int(description["orphaned"]), int(description["minis"]), ())
    return Captured(int(description["sequence"]), tuple(datagrams), walk)


def walk_of(lab: Lab) -> Walk:
    """What a dump of this lab has to add up to."""
    expected = lab.expected()
    ipv4, ipv6 = (Tally((0, *(expected[state][column] for state in State))) for column in (0, 1))
    return Walk(ipv4, ipv6, lab.orphaned, lab.minis, ())


def main() -> int:
    """Captures an empty lab, a full one, and the full one as nobody."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY
    if os.geteuid() != 0:
        print("capture_dump needs root, for a network namespace", file=sys.stderr)
        return 1
    with Lab() as lab:
        for name, sequence, user in (
            ("empty", 1, 0),
            ("mixed", 0x01020304, 0),
            ("nobody", 0xFFFFFFFF, NOBODY),
        ):
            if name == "mixed":
                fill(lab)
            datagrams = lab.call(functools.partial(capture, sequence), user)
            save(name, Captured(sequence, datagrams, walk_of(lab)), directory)
            sizes = " + ".join(str(len(datagram)) for datagram in datagrams)
            print(f"{directory / name}.bin: {sizes} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
