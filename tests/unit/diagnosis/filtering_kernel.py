"""A kernel that has made connections, and gives of them what a filter lets through."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tcpwatchd.kernel.inet_diag import Dump
from tcpwatchd.model.sockets import State
from tests.lab.fakes import SEQUENCE, done, row_between
from tests.lab.filter_machine import INET, INET6, lets_through

RANGE = (32768, 60999)
USABLE = RANGE[1] - RANGE[0] + 1
HERE = "192.0.2.1"
Way = tuple[str, int, str, int]  # local address and port, remote address and port


@dataclass
class FilteringKernel:
    """Has these connections, all ESTABLISHED, and gives what a filter lets through. `rows` counts what
    it gave.
    """

    ways: Sequence[Way]
    rows: list[int] = field(default_factory=list)

    def ask(self, new: Callable[[int, int], Any], states: int, bytecode: bytes) -> list[Dump]:
        dump: Dump = new(SEQUENCE, 0)
        asked = states >> State.ESTABLISHED & 1
        passed = [way for way in self.ways if asked and self._passes(bytecode, *way)]
        self.rows.append(len(passed))
        for begin in range(0, len(passed), 300):
            dump.feed(b"".join(row_between(*way) for way in passed[begin : begin + 300]))
        dump.feed(done())
        return [dump]

    def _passes(self, bytecode: bytes, _local: str, port: int, remote: str, remote_port: int) -> bool:
        family = INET6 if ":" in remote else INET
        raw = socket.inet_pton(socket.AF_INET6 if family == INET6 else socket.AF_INET, remote)
        return lets_through(bytecode, port, remote_port, family, raw.ljust(16, b"\0"))


def lucky(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same mix each time, no secret


def crowd(luck: random.Random, connections: int, destinations: int) -> list[Way]:
    """Very many connections to very many destinations, none of which has many."""
    return [
        (HERE, luck.randint(*RANGE), f"10.{nth % destinations // 250}.{nth % destinations % 250}.1", 443)
        for nth in range(connections)
    ]
