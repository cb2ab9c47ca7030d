"""The codec of the sock_diag wire: tables, every split, and any bytes at all."""

from __future__ import annotations

import struct
from array import array
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.kernel.inet_diag import ALL_STATES, DumpRefusedError, Run, mask, request
from tcpwatchd.kernel.state_count import CountedDump
from tcpwatchd.model.cookies import Cookies
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import Listener, State, Tally, Walk
from tests.lab.fakes import COOKIE, IPV4, IPV6, SEQUENCE, done, message, row

SOCKETS = st.lists(
    st.tuples(
        st.sampled_from([IPV4, IPV6]),
        st.sampled_from([int(state) for state in State]),
        # Lengths as they come: runs of few kinds, and odd ones that need padding.
        st.sampled_from([0, 0, 0, 8, 36, 60, 3, 17]),
        st.sampled_from([0, 1, 3]),
        st.sampled_from([0, 0, 1, 256, 65536, 2**24]),
        st.sampled_from([0, 0, 2, 3, 255]),
    ),
    max_size=200,
)


# A socket: address family, state, bytes of attributes, what its timer waits for, inode, segments sent again.
Socket = tuple[int, int, int, int, int, int]


def walk_of(*datagrams: bytes) -> Walk:
    dump = CountedDump(SEQUENCE)
    over = [dump.feed(datagram) for datagram in datagrams]
    assert over == [False] * (len(datagrams) - 1) + [True]
    return dump.walk()


def encoded(socket: Socket) -> bytes:
    family, state, extra, timer, inode, retrans = socket
    return row(family, state, extra, timer=timer, inode=inode, retrans=retrans)


def same(number: int) -> Cookies:
    """So many, which are all the same one here."""
    return Cookies(1, array("Q", [COOKIE] * number))


def expected(sockets: list[Socket]) -> Walk:
    seen = Counter((family, state) for family, state, *_ in sockets)
    ipv4, ipv6 = (Tally(tuple(seen[family, state] for state in range(12))) for family in (IPV4, IPV6))
    waiting = [(timer, inode) for _, state, _, timer, inode, _ in sockets if state == State.FIN_WAIT2]
    unanswered = Counter(state for _, state, _, _, _, retrans in sockets if retrans >= 3)
    return Walk(
        ipv4,
        ipv6,
        orphaned=sum(inode == 0 for _, inode in waiting),
        minis=sum(timer == 3 and inode == 0 for timer, inode in waiting),
        queues=(),
        unanswered=Tally(tuple(unanswered[state] for state in range(12))),
        cookies={
            State.CLOSE_WAIT: same(sum(state == State.CLOSE_WAIT for _, state, *_ in sockets)),
            State.FIN_WAIT2: same(sum(inode > 0 for _, inode in waiting)),
        },
    )


def test_the_request_asks_for_all_eleven_states_of_both_families() -> None:
    raw = request(0x01020304)
    length, kind, flags, sequence, port = struct.unpack_from("=IHHII", raw)
    assert (length, kind, flags, sequence, port) == (len(raw), 18, 0x301, 0x01020304, 0)
    # inet_diag_req: no family, no lengths, no extensions, no id, then the states and no table index.
    assert raw[16:] == b"\0" * 52 + struct.pack("=II", 0b1111_1111_1110, 0)


def test_bit_13_is_not_asked_for() -> None:
    assert sum(1 << number for number in range(1, 12)) == ALL_STATES


@given(sockets=SOCKETS, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_any_sockets_split_over_any_datagrams_tally_to_themselves(
    sockets: list[Socket], cuts: list[int]
) -> None:
    rows = [encoded(socket) for socket in sockets]
    bounds = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    datagrams = [b"".join(rows[a:b]) for a, b in zip(bounds, bounds[1:])]
    assert walk_of(*datagrams, done()) == expected(sockets)
    if datagrams:
        datagrams[-1] += done()
        assert walk_of(*datagrams) == expected(sockets)


@given(raw=st.binary(max_size=400))
def test_any_bytes_parse_or_raise_sample_error(raw: bytes) -> None:
    dump = CountedDump(SEQUENCE)
    try:
        if dump.feed(raw):
            dump.walk()
    except SampleError:
        return


@given(sockets=SOCKETS.filter(bool), at=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_dump_parses_or_raises_sample_error(
    sockets: list[Socket], at: int, value: int, cut: bool
) -> None:
    raw = bytearray(b"".join(encoded(socket) for socket in sockets) + done())
    at %= len(raw)
    if cut:
        del raw[at:]
    else:
        raw[at] = value
    dump = CountedDump(SEQUENCE)
    try:
        if dump.feed(bytes(raw)):
            walk = dump.walk()
            assert sum(walk.ipv4.counts) + sum(walk.ipv6.counts) <= len(sockets)
    except SampleError:
        return


def test_a_last_message_without_its_padding_is_whole() -> None:
    raw = row(IPV4, 1, extra=3)
    assert len(raw) == 92
    assert walk_of(raw[:-1], done()).ipv4[State.ESTABLISHED] == 1


@pytest.mark.parametrize(
    ("datagram", "words"),
    [
        (row(IPV4, 1)[:-8], "where"),
        (row(IPV4, 1) + b"\0\0\0", "left of a header"),
        (b"\x10\0\0\0" + row(IPV4, 1)[4:], "at least"),
        (b"\x0f\0\0\0" + row(IPV4, 1)[4:], "a message of 15 bytes"),
        (row(IPV4, 1, sequence=8), "not ours"),
        (row(IPV4, 1) + row(IPV4, 1, sequence=8), "not ours"),
        (row(IPV4, 1, flags=0x12), "interrupted"),
        (row(IPV4, 1) + row(IPV4, 1, flags=0x12), "interrupted"),
        (message(3, struct.pack("=i", 0), flags=0x12), "interrupted"),
        (message(4, b""), "NLMSG_OVERRUN"),
        (message(16, b"\0" * 72), "message type 16"),
        (message(2, struct.pack("=i", -95)), "error 95"),
        (message(2, struct.pack("=i", 0)), "error 0"),
        (done(error=-12), "error 12"),
        (done() + row(IPV4, 1), "after its end"),
    ],
)
def test_less_than_a_whole_dump_is_no_sample(datagram: bytes, words: str) -> None:
    with pytest.raises(SampleError, match=words):
        CountedDump(SEQUENCE).feed(datagram)


@pytest.mark.parametrize("socket", [(IPV4, 0), (IPV4, 12), (IPV6, 13), (1, 1), (0, 1)])
def test_a_socket_that_cannot_be_is_no_sample(socket: tuple[int, int]) -> None:
    with pytest.raises(SampleError, match=r"a socket of (family|state)"):
        CountedDump(SEQUENCE).feed(row(*socket) + done())


def test_a_dump_without_its_end_is_no_sample() -> None:
    dump = CountedDump(SEQUENCE)
    assert not dump.feed(row(IPV4, 1))
    with pytest.raises(SampleError, match="no end"):
        dump.walk()


def test_a_refusal_carries_its_number() -> None:
    with pytest.raises(DumpRefusedError) as refusal:
        CountedDump(SEQUENCE).feed(message(2, struct.pack("=i", -2)))
    assert refusal.value.code == 2


def test_noop_is_nothing() -> None:
    assert walk_of(message(1, b"") + row(IPV6, 10) + done()).ipv6[State.LISTEN] == 1


def test_a_request_for_one_family_and_some_states() -> None:
    raw = request(7, mask([State.LISTEN, State.CLOSING]), IPV6)
    assert struct.unpack_from("=IHHII", raw) == (len(raw), 20, 0x301, 7, 0)
    # inet_diag_req_v2: family, protocol, no extensions, padding, states, no id.
    assert raw[16:] == struct.pack("=BBBBI", IPV6, 6, 0, 0, 1 << 10 | 1 << 11) + b"\0" * 48


def test_the_answer_to_the_one_form_of_request_is_none_to_the_other() -> None:
    """The kernel names its messages after the request: 18 TCPDIAG_GETSOCK, 20 SOCK_DIAG_BY_FAMILY."""
    dump = CountedDump(SEQUENCE, IPV4)
    assert dump.feed(row(IPV4, 10, kind=20) + done())
    assert dump.walk().ipv4[State.LISTEN] == 1
    for family, kind in ((IPV4, 18), (0, 20)):
        with pytest.raises(SampleError, match=f"message type {kind}"):
            CountedDump(SEQUENCE, family).feed(row(IPV4, 10, kind=kind))


def test_a_buffer_is_read_as_far_as_it_is_filled() -> None:
    raw = row(IPV4, 1) + done()
    dump = CountedDump(SEQUENCE)
    assert dump.feed(bytearray(raw + row(IPV4, 1) * 3), len(raw))
    assert dump.walk().ipv4[State.ESTABLISHED] == 1


def test_listeners_at_which_somebody_waits_are_told_by_their_address() -> None:
    ipv4 = bytes([192, 0, 2, 1]) + bytes(12)
    ipv6 = bytes.fromhex("20010db8000000000000000000000001")
    rows = [
        row(IPV4, 1, bound=(ipv4, 80), queues=(7, 0)),
        row(IPV4, 10, bound=(ipv4, 80), queues=(3, 128)),
        row(IPV4, 10, bound=(ipv4, 81), queues=(0, 128)),
        row(IPV6, 10, bound=(ipv6, 443), queues=(1 << 24, 4095)),
        row(IPV6, 10, extra=8, bound=(bytes(16), 22), queues=(1, 0)),
    ]
    expected = (
        Listener("192.0.2.1:80", 3, 128),
        Listener("[2001:db8::1]:443", 1 << 24, 4095),
        Listener("[::]:22", 1, 0),
    )
    assert walk_of(b"".join(rows) + done()).queues == expected
    assert walk_of(*rows, done()).queues == expected


def test_a_filter_is_an_attribute_behind_the_request_and_both_say_their_length() -> None:
    plain, filtered = request(SEQUENCE), request(SEQUENCE, bytecode=b"\1\2\3\4\5\6\7\x08")
    assert struct.unpack_from("=I", plain)[0] == len(plain)
    assert struct.unpack_from("=I", filtered)[0] == len(filtered) == len(plain) + 12
    assert filtered[4 : len(plain)] == plain[4:]
    assert struct.unpack_from("=HH", filtered, len(plain)) == (12, 1)  # nla_len, INET_DIAG_REQ_BYTECODE
    assert filtered[len(plain) + 4 :] == b"\1\2\3\4\5\6\7\x08"


def test_a_field_is_the_same_bytes_of_each_row() -> None:
    step = 8
    run = Run(b"xx" + b"".join(bytes([nth] * 4 + [9] * 4) for nth in range(3)), 2, 2 + 3 * step, step)
    assert run.field(3, 5) == [bytes([nth, 9]) for nth in range(3)]
    assert bytes(run.column(0)) == b"\0\1\2"


def test_listeners_that_follow_each_other_are_all_looked_at() -> None:
    rows = [row(IPV4, State.LISTEN, bound=(bytes(16), port), queues=(3, 128)) for port in (80, 81, 82)]
    walk = walk_of(b"".join(rows) + done())
    assert walk.queues is not None
    assert [queue.address for queue in walk.queues] == [f"0.0.0.0:{port}" for port in (80, 81, 82)]


def test_an_end_without_a_number_is_an_end_without_an_error() -> None:
    assert walk_of(row(IPV4, State.LISTEN) + message(3, b"")).ipv4[State.LISTEN] == 1


@pytest.mark.parametrize("left", [1, 15])
def test_what_is_left_of_a_header_is_told(left: int) -> None:
    with pytest.raises(SampleError, match=f"{left} bytes left of a header"):
        CountedDump(SEQUENCE).feed(row(IPV4, State.LISTEN) + bytes(left))


@pytest.mark.parametrize("before", [b"", row(IPV4, State.LISTEN, extra=20)])
@pytest.mark.parametrize("kept", [16, 40, 71, 87])
def test_a_row_that_is_cut_at_the_end_of_a_run_of_like_ones_is_no_row(kept: int, before: bytes) -> None:
    whole = row(IPV4, State.LISTEN)
    assert len(whole) == 88
    with pytest.raises(SampleError, match=f"a message of 88 bytes where {kept} are left"):
        CountedDump(SEQUENCE).feed(before + whole * 3 + whole[:kept])
