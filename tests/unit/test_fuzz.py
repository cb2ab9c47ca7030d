"""A short run of `python -m tests.fuzz`, and the cases that it found, each with the right value."""

from __future__ import annotations

import sys

import pytest

from tcpwatchd.diagnosis.ephemeral_ports import DestinationDump, parse_range, usable
from tcpwatchd.diagnosis.holder_dump import HolderDump, InodeDump
from tcpwatchd.diagnosis.services import PortDump
from tcpwatchd.model.errors import SampleError
from tcpwatchd.spool.schema import Row
from tests.fuzz import TARGETS, run
from tests.lab.fakes import IPV4, SEQUENCE, done, row

INPUTS = {"explain": 100, "example": 30, "configuration": 300}
SEED = 20261126

little = pytest.mark.skipif(sys.byteorder != "little", reason="the dumps were captured on little-endian")


@little
@pytest.mark.parametrize("name", TARGETS)
def test_an_input_gives_a_result_or_a_documented_error(name: str) -> None:
    run(name, SEED, INPUTS.get(name, 1500))


@pytest.mark.parametrize("new", [HolderDump, InodeDump.of(100), PortDump, DestinationDump])
@pytest.mark.parametrize(
    ("family", "state", "complaint"),
    [
        (IPV4, 12, "a socket of state 12"),
        (IPV4, 0, "a socket of state 0"),
        (IPV4, 255, "a socket of state 255"),
        (7, 1, "a socket of family 7"),
    ],
)
def test_a_socket_that_cannot_be_is_no_row_of_any_dump(
    new: type[HolderDump], family: int, state: int, complaint: str
) -> None:
    dump = new(SEQUENCE)
    with pytest.raises(SampleError, match=complaint):
        dump.feed(row(IPV4, 1) + row(family, state) + done())


@pytest.mark.parametrize(
    "body",
    [
        b'[["k", null, 1, 1]]',
        b'[[5, "1", 1, 1]]',
        b'[["k", "1", "1", 1]]',
        b'[["k", "1", 1, 1.5]]',
        b'[["k", "1", true, 1]]',
        b"[" * 100_000,
    ],
)
def test_a_row_of_other_types_is_damaged(body: bytes) -> None:
    assert Row(1, "h", 1, 1, body).decoded() is None


def test_reserved_ports_beyond_all_ports_cost_no_memory() -> None:
    assert usable((32768, 60999), "0-99999999999") == 0
    assert usable((32768, 60999), "40000-40009,80") == 28222


@pytest.mark.parametrize("text", ["60999 32768", "-1 5", "1 65536", "1", "1 2 3", "a b"])
def test_what_is_no_range_of_ports(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - parse_range says no more
        parse_range(text)
