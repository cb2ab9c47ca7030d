"""Who holds the sockets of a state, as one line: who is named, how many, and how many of them are old."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.diagnosis.ages import OLD_S, Ages
from tcpwatchd.diagnosis.culprits import Program, Shares, line, names_of
from tcpwatchd.diagnosis.holder_dump import Holder, HolderDump, InodeDump
from tcpwatchd.model.sockets import State
from tests.lab.fakes import SEQUENCE, done, row_between

EPHEMERAL = (32768, 60999)
JAVA = Program(4211, "java")


def holder(local: int = 80, remote: int = 50000, uid: int = 33, inode: int = 7) -> Holder:
    return Holder(uid, local, remote, inode, 1)


def user(uid: int) -> str:
    return {0: "root", 33: "www-data"}[uid]


def shares(names: list[str], old: list[bool], beyond: int = 0, scale: float = 1) -> Shares:
    one = Shares(scale, beyond)
    for name, is_old in zip(names, old):
        one.add(name, is_old)
    return one


def look(ages: Ages, state: State, cookies: list[int], now_s: float) -> tuple[set[int], float]:
    """The old ones, and the age that this stands for."""
    is_old, _old, age_s = ages.look(state, cookies, now_s)
    return set(filter(is_old, cookies)), age_s


@pytest.mark.parametrize(
    ("one", "name"),
    [
        pytest.param(holder(), "java[4211]", id="the program behind the inode"),
        pytest.param(holder(inode=8), "user www-data port 80", id="a program that cannot be seen"),
        pytest.param(holder(50000, 443, 0, 8), "user root to port 443", id="a client"),
        pytest.param(holder(50000, 50001, 0, 8), "user root port 50000", id="both ports by chance"),
        pytest.param(holder(inode=0), "not accepted at port 80", id="nobody has accepted it"),
    ],
)
def test_who_holds_a_socket(one: Holder, name: str) -> None:
    assert list(names_of([one], {7: JAVA}.get, user, EPHEMERAL)) == [name]


def test_a_user_is_looked_up_once_however_many_sockets_are_his() -> None:
    asked: list[int] = []

    def look_up(uid: int) -> str:
        asked.append(uid)
        return user(uid)

    holders = [holder(inode=8)] * 1000 + [holder(inode=8, uid=0)] * 1000
    assert len(list(names_of(holders, lambda _: None, look_up, EPHEMERAL))) == 2000
    assert asked == [33, 0]


def test_the_first_five_are_named_and_the_others_counted() -> None:
    names = [name for place, name in enumerate("abcdefg") for _ in range(10 - place)]
    told = line(shares(names, [False] * len(names), beyond=100), 0.0)
    assert told == "a 10, b 9, c 8, d 7, e 6, others 109"
    assert line(shares(["a"], [False]), 0.0) == "a 1"


def test_numbers_of_a_sample_are_scaled_and_marked() -> None:
    one = shares(["nginx[88]"] * 3 + ["java[7]"], [True, False, False, False], beyond=1, scale=8)
    assert line(one, 60.0) == "nginx[88] ~24 (~8 for 1m), java[7] ~8, others ~8"


def test_of_a_leak_most_are_old_and_of_a_burst_none() -> None:
    names = ["leak[1]"] * 5 + ["burst[2]"] * 3
    told = line(shares(names, [True] * 4 + [False] * 4), 600.0)
    assert told == "leak[1] 5 (4 for 10m), burst[2] 3"


@given(st.lists(st.text(max_size=300), max_size=50), st.integers(0, 10**9))
def test_a_line_is_as_long_as_zabbix_takes_it(names: list[str], beyond: int) -> None:
    assert len(line(shares(names, [True] * len(names), beyond), 600.0)) <= 255


def test_a_socket_is_old_when_it_has_stood_as_long_as_anybody_looked() -> None:
    ages = Ages()
    last = 2**64 - 1
    assert look(ages, State.CLOSE_WAIT, [last, 2], 0.0) == (set(), 0.0)
    assert look(ages, State.CLOSE_WAIT, [last, 3], 60.0) == ({last}, 60.0)
    assert look(ages, State.CLOSE_WAIT, [last, 2, 3], 120.0) == ({last}, 120.0)
    assert look(ages, State.CLOSE_WAIT, [last, 3], 660.0) == ({last, 3}, OLD_S)


def test_each_state_has_its_own_looks_and_forgets_them() -> None:
    ages = Ages()
    look(ages, State.CLOSE_WAIT, [1], 0.0)
    assert look(ages, State.SYN_SENT, [1], 60.0) == (set(), 0.0)
    ages.forget(State.CLOSE_WAIT)
    assert look(ages, State.CLOSE_WAIT, [1], 120.0) == (set(), 0.0)


def test_what_a_row_says_of_its_holder() -> None:
    dump = HolderDump(SEQUENCE)
    raw = row_between("192.0.2.1", 80, "192.0.2.7", 50000, State.CLOSE_WAIT, uid=33, inode=2**31, cookie=1)
    assert dump.feed(raw + done())
    assert list(dump.holders) == [Holder(33, 80, 50000, 2**31, 1)]
    assert dump.beyond == 0


def test_too_many_rows_are_counted_and_no_more() -> None:
    rows = [row_between("192.0.2.1", 80, "192.0.2.7", 50000, State.CLOSE_WAIT, inode=n) for n in range(300)]
    dump = HolderDump(SEQUENCE)
    for _ in range(HolderDump.MOST // 300 + 1):
        dump.feed(b"".join(rows))
    assert dump.feed(done())
    assert len(list(dump.holders)) == len(dump.cookies) == len(dump.inodes) == HolderDump.MOST
    assert dump.beyond == 300 - HolderDump.MOST % 300


def test_the_inodes_of_all_rows() -> None:
    shown = (1, 2, 257, 256 * 7 + 1, 2**32 - 1)
    rows = b"".join(row_between("::1", 80, "::1", 81, inode=n) for n in reversed(shown))
    dump = InodeDump(1, SEQUENCE)
    assert dump.feed(rows + done())
    assert all(inode in dump for inode in shown)
    assert not any(inode in dump for inode in (0, 3, 256, 258, 2**32 - 2, 2**32))
    assert "1" not in dump


@pytest.mark.parametrize(
    ("local", "remote", "port"),
    [
        (32767, 60999, "port 32767"),
        (32768, 443, "to port 443"),
        (60999, 443, "to port 443"),
        (61000, 443, "port 61000"),
        (40000, 32767, "to port 32767"),
        (40000, 32768, "port 40000"),
        (40000, 60999, "port 40000"),
        (40000, 61000, "to port 61000"),
    ],
)
def test_the_port_that_is_not_ephemeral_names_a_culprit(local: int, remote: int, port: str) -> None:
    named = names_of([holder(local, remote, inode=8)], lambda _: None, user, EPHEMERAL)
    assert list(named) == [f"user www-data {port}"]


def test_a_line_is_cut_at_what_an_item_of_zabbix_holds() -> None:
    fits, long = "x" * (255 - len(" 1")), "x" * (256 - len(" 1"))
    assert line(shares([fits], [False]), 0.0) == f"{fits} 1"
    cut = line(shares([long], [False]), 0.0)
    assert len(cut) == 255
    assert cut == f"{long} 1"[:254] + "…"
