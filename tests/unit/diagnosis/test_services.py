"""Services: which sockets belong to one, what the kernel is asked for, and how they are written in YAML."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.config.service_readers import read_services
from tcpwatchd.diagnosis.services import PortDump, Service, ServiceDump, needed, sampled
from tcpwatchd.kernel.port_filter import MOST_RANGES
from tcpwatchd.model.sockets import State
from tests.lab.fakes import SEQUENCE, done, row_between
from tests.lab.filter_machine import audit, lets_through

# Few of each, so that sockets and services meet.
PORTS = st.integers(79, 82)
RANGES = st.lists(st.tuples(PORTS, PORTS).filter(lambda pair: pair[0] <= pair[1]), max_size=2)
IPV4 = st.sampled_from(["10.0.0.1", "10.0.1.1", "192.0.2.1"])
IPV6 = st.sampled_from(["2001:db8::1", "2001:db8:1::1", "::ffff:10.0.0.1", "::ffff:192.0.2.1"])
PREFIXES = st.lists(
    st.sampled_from(["10.0.0.0/8", "10.0.0.0/24", "192.0.2.1", "2001:db8::/32", "2001:db8::1", "::/0"]),
    max_size=2,
)
SERVICES = st.lists(
    st.fixed_dictionaries(
        {
            "local_ports": RANGES,
            "remote_ports": RANGES,
            "local_addresses": PREFIXES,
            "remote_addresses": PREFIXES,
        }
    ).filter(lambda fields: bool(fields["local_ports"] or fields["remote_ports"])),
    min_size=1,
    max_size=4,
)
SOCKETS = st.lists(
    st.one_of(
        *(st.tuples(address, PORTS, address, PORTS, st.sampled_from(State)) for address in (IPV4, IPV6))
    ),
    max_size=30,
)
Socket = tuple[str, int, str, int, State]


def belongs(fields: dict[str, Any], socket: Socket) -> bool:
    """The same by the library that knows addresses, a socket at a time."""

    def among(text: str, prefixes: list[str]) -> bool:
        address: Any = ipaddress.ip_address(text)
        address = getattr(address, "ipv4_mapped", None) or address
        # ::/0 holds every address, those of IPv4 as IPv6 sockets show them, too.
        return not prefixes or any(
            prefix == "::/0" or address in ipaddress.ip_network(prefix) for prefix in prefixes
        )

    def within(port: int, ranges: list[tuple[int, int]]) -> bool:
        return not ranges or any(first <= port <= last for first, last in ranges)

    local, local_port, remote, remote_port, _state = socket
    return (
        within(local_port, fields["local_ports"])
        and within(remote_port, fields["remote_ports"])
        and among(local, fields["local_addresses"])
        and among(remote, fields["remote_addresses"])
    )


def configured(many: list[dict[str, Any]]) -> Sequence[Service]:
    """As a configuration has them."""
    listed = [
        {
            "name": f"s{place}",
            **fields,
            "local_ports": [f"{first}-{last}" for first, last in fields["local_ports"]],
            "remote_ports": [f"{first}-{last}" for first, last in fields["remote_ports"]],
        }
        for place, fields in enumerate(many)
    ]
    return read_services(listed)


@given(many=SERVICES, sockets=SOCKETS)
def test_sockets_are_sorted_out_as_the_fields_say(many: list[dict[str, Any]], sockets: list[Socket]) -> None:
    services = configured(many)
    # What the kernel lets through is enough.
    program = needed(services)
    passed = [one for one in sockets if lets_through(program, one[1], one[3])]
    dump = ServiceDump.of(services)(SEQUENCE)
    assert dump.feed(b"".join(row_between(*one) for one in passed) + done())
    assert dump.counts == [counted(fields, sockets) for fields in many]


def counted(fields: dict[str, Any], sockets: list[Socket]) -> list[int]:
    tally = [0] * 12
    for one in sockets:
        tally[one[-1]] += belongs(fields, one)
    return tally


@given(many=SERVICES, sockets=SOCKETS, first=PORTS, last=PORTS)
def test_of_a_sample_those_count_whose_other_end_has_one_of_its_ports(
    many: list[dict[str, Any]], sockets: list[Socket], first: int, last: int
) -> None:
    many = [one for one in many if not (one["local_ports"] and one["remote_ports"])]
    sample = [(first, last)] if first <= last else [(79, 79), (82, 82)]
    services = configured(many)
    if not services:
        return
    program = sampled(services, sample)
    audit(program)
    passed = [one for one in sockets if lets_through(program, one[1], one[3])]
    dump = ServiceDump.of(services, sample)(SEQUENCE)
    assert dump.feed(b"".join(row_between(*one) for one in passed) + done())
    for fields, counts in zip(many, dump.counts):
        within = [
            one
            for one in sockets
            if any(low <= (one[3] if fields["local_ports"] else one[1]) <= high for low, high in sample)
        ]
        assert counts == counted(fields, within)


def test_too_many_ports_for_a_filter_are_asked_for_without_one() -> None:
    services = [Service(str(port), ((port, port),)) for port in range(1, MOST_RANGES + 2)]
    assert needed(services[:-1])
    assert not needed(services)


def test_the_ports_of_listeners() -> None:
    dump = PortDump(SEQUENCE)
    rows = (row_between("::", port, "::", 0, State.LISTEN) for port in (22, 443, 443))
    assert dump.feed(b"".join(rows) + done())
    assert dump.ports == {22, 443}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        pytest.param("web", "is not a list of services", id="no list"),
        pytest.param([80], "[0]: 80 is no service", id="no service"),
        pytest.param([{"local_ports": [80]}], "[0].name: None is no name of a service", id="no name"),
        pytest.param(
            [{"name": "a b", "local_ports": [80]}],
            "[0].name: 'a b' is no name of a service",
            id="a name with a space",
        ),
        pytest.param([{"name": 443, "local_ports": [443]}], "quote it", id="a name that is a number"),
        pytest.param([{"name": "web"}], "has neither local_ports nor remote_ports", id="no ports"),
        pytest.param([{"name": "web", "local_ports": []}], "has neither", id="an empty list"),
        pytest.param([{"name": "web", "ports": [80]}], "[0].ports: unknown key", id="an unknown key"),
        pytest.param(
            [{"name": "web", "local_ports": [0]}], "[0].local_ports[0]: 0 is not a port", id="port 0"
        ),
        pytest.param(
            [{"name": "web", "local_ports": [65536]}], "65536 is not a port", id="past the last port"
        ),
        pytest.param([{"name": "web", "local_ports": ["9-8"]}], "not a port", id="a range backwards"),
        pytest.param([{"name": "web", "local_ports": [True]}], "not a port", id="a truth"),
        pytest.param(
            [{"name": "web", "local_ports": [80], "remote_addresses": ["10.0.0.1/8"]}],
            "[0].remote_addresses[0]: '10.0.0.1/8' is no address or prefix (10.0.0.1/8 has host bits",
            id="a prefix with bits behind it",
        ),
        pytest.param(
            [{"name": "a", "local_ports": 80}] * 2,
            "[1].name: 'a' is the name of another service",
            id="a name twice",
        ),
    ],
)
def test_a_wrong_list_says_what_is_wrong(value: Any, complaint: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - its words are checked below
        read_services(value)
    assert complaint in str(refused.value)
