"""How many bytes an inspection keeps for each socket, counted: no Python object a socket."""

from __future__ import annotations

import socket
import struct
import tracemalloc
from array import array
from collections.abc import Callable

from tcpwatchd.diagnosis.ages import Ages
from tcpwatchd.diagnosis.ephemeral_ports import MOST_WAYS, DestinationDump, by_peer, largest
from tcpwatchd.diagnosis.holder_dump import HolderDump, InodeDump
from tcpwatchd.diagnosis.programs import Holdings
from tcpwatchd.kernel.inet_diag import COOKIE, INODE, Dump
from tcpwatchd.model.sockets import State
from tests.lab.fakes import SEQUENCE, done, row_between

ROWS = 100
SOCKETS = 50_000


def fed(dump: Dump, sockets: int) -> None:
    """Each socket with an inode and a cookie of its own."""
    one = row_between("192.0.2.1", 40000, "192.0.2.2", 443)
    datagram = bytearray(one * ROWS)
    for first in range(0, sockets, ROWS):
        for nth in range(ROWS):
            begin = nth * len(one)
            struct.pack_into("=I", datagram, begin + INODE, 1 + first + nth)
            struct.pack_into("=Q", datagram, begin + COOKIE, 1 + first + nth)
        dump.feed(bytes(datagram))
    assert dump.feed(done())


def peak_bytes(work: Callable[[], object]) -> int:
    """The most that was allocated at a time, above what was before."""
    tracemalloc.start()
    try:
        before_bytes = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before_bytes
    finally:
        tracemalloc.stop()


def test_the_inodes_of_a_crowd_take_nothing_of_the_heap() -> None:
    """A set of numbers was 40 MB. Now they are in a mapping of four bytes a socket, and room to spare."""

    def work() -> None:
        dump = InodeDump(10 * SOCKETS, SEQUENCE)
        fed(dump, 10 * SOCKETS)
        assert 4711 in dump
        assert 10 * SOCKETS + 1 not in dump
        dump.close()

    assert peak_bytes(work) < 100_000
    dump = InodeDump(10 * SOCKETS, SEQUENCE)
    assert dump.room_bytes < 1.3 * 4 * 10 * SOCKETS
    dump.close()


def test_inodes_beyond_the_room_are_known_too() -> None:
    dump = InodeDump(0, SEQUENCE)
    fed(dump, SOCKETS)
    assert all(inode in dump for inode in range(1, SOCKETS + 1))
    assert 0 not in dump
    assert SOCKETS + 1 not in dump
    dump.close()


def test_the_holders_of_the_most_that_are_read_take_a_few_dozen_bytes_each() -> None:
    """Their rows, who holds each, and since when each is known."""

    def work() -> None:
        dump, ages = HolderDump(SEQUENCE), Ages()
        fed(dump, SOCKETS)
        ages.look(State.CLOSE_WAIT, dump.cookies, 0.0)
        ages.look(State.CLOSE_WAIT, dump.cookies, 600.0)
        Holdings(dump.inodes)
        assert sum(1 for _ in dump.holders) == SOCKETS

    assert peak_bytes(work) < 100 * SOCKETS


def test_a_service_in_the_sample_takes_no_way_for_each_of_its_clients() -> None:
    """One port of the sample has 50,000 clients. What is to be counted exactly among them stays exact."""
    exact = (socket.inet_aton("192.0.2.9"), 443)
    theirs = b"".join(row_between("192.0.2.1", 40_000 + nth, "192.0.2.9", 443) for nth in range(3))
    dump = DestinationDump(SEQUENCE, exact=[exact])

    def work() -> None:
        for first in range(0, SOCKETS, ROWS):
            clients = (
                row_between("192.0.2.1", 50_000, f"10.1.{nth // 250}.{1 + nth % 250}", 1024)
                for nth in range(first, first + ROWS)
            )
            dump.feed(b"".join(clients) + theirs)
        assert dump.feed(done())

    assert peak_bytes(work) < 500_000
    assert by_peer(largest([dump], [exact], among=True)) == {exact: 3 * SOCKETS // ROWS}
    assert len(dump.ways) <= MOST_WAYS + ROWS + 3


def test_ages_are_compared_without_an_object_a_socket() -> None:
    """Cookies and times of two looks, 16 bytes each; all cookies sorted at once were 40 bytes more."""
    ages, cookies = Ages(), array("Q", range(SOCKETS, 0, -1))
    ages.look(State.CLOSE_WAIT, cookies, 0.0)
    assert peak_bytes(lambda: ages.look(State.CLOSE_WAIT, cookies, 60.0)) < 30 * SOCKETS


def test_what_is_beyond_the_most_takes_nothing() -> None:
    few = peak_bytes(lambda: fed(HolderDump(SEQUENCE), HolderDump.MOST))
    many = peak_bytes(lambda: fed(HolderDump(SEQUENCE), 2 * HolderDump.MOST))
    assert many - few < 10_000
