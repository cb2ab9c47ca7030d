"""Which destination takes most ephemeral ports: what is counted of rows, and what is usable."""

from __future__ import annotations

import ipaddress

import pytest

from tcpwatchd.diagnosis.ephemeral_ports import (
    NOWHERE,
    RUNNING_OUT,
    RUNNING_OUT_PERCENT,
    DestinationDump,
    busiest,
    parse_range,
    told,
    usable,
)
from tcpwatchd.metrics.trigger import MACROS
from tcpwatchd.model.window import Ports
from tests.lab.fakes import SEQUENCE, done, row_between

HERE, THERE, OTHER = "192.0.2.1", "192.0.2.7", "192.0.2.8"


def dump_of(*ways: tuple[str, int, str, int]) -> DestinationDump:
    """Connections from address and port to address and port."""
    dump = DestinationDump(SEQUENCE)
    rows = b"".join(row_between(*way) for way in ways)
    assert dump.feed(rows + done())
    return dump


def test_the_busiest_is_one_address_and_port_from_one_local_address() -> None:
    dump = dump_of(
        *((HERE, 40000 + n, THERE, 3306) for n in range(5)),
        *((HERE, 40000 + n, THERE, 3307) for n in range(4)),
        *((HERE, 40000 + n, OTHER, 3306) for n in range(4)),
        *(("192.0.2.2", 40000 + n, THERE, 3306) for n in range(4)),
    )
    assert busiest([dump], 100) == Ports(f"{THERE}:3306", HERE, 5, 100)


def test_both_families_of_sockets_share_the_ports_of_an_ipv4_address() -> None:
    dump = dump_of(
        *((HERE, 40000 + n, THERE, 80) for n in range(3)),
        *((f"::ffff:{HERE}", 41000 + n, f"::ffff:{THERE}", 80) for n in range(3)),
        *((HERE, 40000 + n, OTHER, 80) for n in range(4)),
    )
    assert busiest([dump], 100) == Ports(f"{THERE}:80", HERE, 6, 100)


def test_dumps_of_both_families_are_one() -> None:
    ipv4 = dump_of(*((HERE, 40000 + n, THERE, 80) for n in range(2)))
    ipv6 = dump_of(*(("2001:db8::1", 40000 + n, "2001:db8::7", 80) for n in range(3)))
    ports = busiest([ipv4, ipv6], 28232)
    assert told(ports) == "[2001:db8::7]:80 from 2001:db8::1 (3 of 28232 ports)"
    assert ports.percent == pytest.approx(3 / 282.32)


def test_without_connections_there_is_no_destination() -> None:
    ports = busiest([dump_of()], 10)
    assert (told(ports), ports.percent) == (NOWHERE, 0)
    assert Ports("", "", 0, 0).percent is None


@pytest.mark.parametrize(
    ("reserved", "left"),
    [("\n", 100), ("1000\n", 99), ("900-1009,1050\n", 89), ("1-65535\n", 0), ("5000-6000\n", 100)],
)
def test_reserved_ports_are_not_usable(reserved: str, left: int) -> None:
    assert usable(parse_range("1000\t1099\n"), reserved) == left


@pytest.mark.parametrize("text", ["", "1000", "a b", "1 2 3"])
def test_what_is_no_range_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any: its words are Python's own
        parse_range(text)


def test_an_address_is_written_as_ss_does() -> None:
    # Against the library that knows how; the daemon does not load it.
    for text in ("192.0.2.1", "2001:db8::1", "::1", "::", "fe80::1:0:0:1"):
        dump = dump_of((text, 40000, text, 80))
        parsed = ipaddress.ip_address(text)
        expected = f"[{parsed}]:80" if parsed.version == 6 else f"{parsed}:80"
        assert busiest([dump], 1).remote == expected


def test_ports_run_out_before_an_alarm_ends() -> None:
    """The alarm needs these words, so they have to be there as long as it may last."""
    assert float(MACROS["{$TCPWATCHD.LIMIT.OK}"][0]) == RUNNING_OUT_PERCENT
    assert RUNNING_OUT not in told(Ports("a:1", "b", 69, 100))
    assert told(Ports("a:1", "b", 70, 100)).endswith(f"70 of 100 ports, {RUNNING_OUT})")
