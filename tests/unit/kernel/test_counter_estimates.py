"""What the counters make of a walk, and how far the two may lie apart, in a kernel that is simulated."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpwatchd.kernel.counter_estimates import CurrEstab, completed, excess
from tcpwatchd.kernel.procnet import Counters
from tcpwatchd.model.sockets import State, Tally, Walk
from tests.lab.fakes import walk

# How a connection's end goes on (RFC 9293 section 3.3.2), and what the kernel counts of that: connections
# begun, and records of TIME_WAIT's kind that end. None is a socket that is gone.
MOVES: dict[State | None, tuple[State | None, ...]] = {
    None: (State.SYN_SENT, State.SYN_RECV),
    State.SYN_SENT: (State.ESTABLISHED, None),
    State.SYN_RECV: (State.ESTABLISHED, None),
    State.ESTABLISHED: (State.FIN_WAIT1, State.CLOSE_WAIT, None),
    State.FIN_WAIT1: (State.FIN_WAIT2, State.CLOSING, State.TIME_WAIT),
    State.FIN_WAIT2: (State.TIME_WAIT, None),
    State.CLOSING: (State.TIME_WAIT,),
    State.TIME_WAIT: (None,),
    State.CLOSE_WAIT: (State.LAST_ACK,),
    State.LAST_ACK: (None,),
}


@dataclass
class SimulatedKernel:
    """A number of places for sockets, and the counters as the kernel keeps them."""

    places: list[State | None]
    meaning: CurrEstab
    opens: int = 0
    ends: int = 0
    seen: Counter[State] = field(default_factory=Counter)

    def move(self, place: int, choice: int) -> None:
        before = self.places[place]
        ways = MOVES[before]
        after = self.places[place] = ways[choice % len(ways)]
        # tcp_connect counts at the SYN, tcp_create_openreq_child when the connection is there.
        self.opens += after is State.SYN_SENT or (before, after) == (State.SYN_RECV, State.ESTABLISHED)
        self.ends += before is State.TIME_WAIT

    def look(self, place: int) -> None:
        state = self.places[place]
        if state is not None:
            self.seen[state] += 1

    def counters(self) -> Counters:
        held = Counter(self.places)
        with_close_wait = self.meaning is CurrEstab.WITH_CLOSE_WAIT
        return Counters(
            curr_estab=held[State.ESTABLISHED] + with_close_wait * held[State.CLOSE_WAIT],
            time_wait=held[State.TIME_WAIT],
            opens=self.opens,
            time_wait_ends=self.ends,
        )

    def walked(self) -> Walk:
        return Walk(Tally(tuple(self.seen[State(n)] if n else 0 for n in range(12))), Tally())


PLACES = st.lists(st.sampled_from(list(MOVES)), min_size=1, max_size=40)
MEANINGS = st.sampled_from(CurrEstab)


@given(places=PLACES, meaning=MEANINGS)
def test_at_rest_a_walk_past_the_crowds_and_the_counters_tell_what_a_whole_walk_tells(
    places: list[State | None], meaning: CurrEstab
) -> None:
    kernel = SimulatedKernel(places, meaning)
    for place in range(len(places)):
        kernel.look(place)
    whole = kernel.walked()
    del kernel.seen[State.ESTABLISHED], kernel.seen[State.TIME_WAIT]
    assert completed(kernel.walked(), kernel.counters(), meaning) == whole.ipv4
    before, after = kernel.counters(), kernel.counters()
    assert excess(whole, before, after)[meaning] == 0
    (other,) = set(CurrEstab) - {meaning}
    half_open = whole[State.SYN_SENT] + whole[State.SYN_RECV]
    assert excess(whole, before, after)[other] == max(0, whole[State.CLOSE_WAIT] - half_open)


@given(places=PLACES, meaning=MEANINGS, choices=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 2))))
def test_no_churn_between_the_readings_looks_like_a_counter_that_is_wrong(
    places: list[State | None], meaning: CurrEstab, choices: list[tuple[int, int]]
) -> None:
    """The walk reaches one place after another, while sockets everywhere move on."""
    kernel = SimulatedKernel(places, meaning)
    # What had begun before, came to be established and went, all of it meanwhile, no counter tells.
    untold = sum(state in (State.SYN_SENT, State.SYN_RECV) for state in places)
    before = kernel.counters()
    for place in range(len(places)):
        kernel.look(place)
        share = len(choices) // len(places) + 1
        for at, choice in choices[place * share : (place + 1) * share]:
            kernel.move(at % len(places), choice)
    assert excess(kernel.walked(), before, kernel.counters())[meaning] <= untold


@pytest.mark.parametrize(
    ("counted", "beyond"),
    [((100, 50), 0), ((90, 50), 10), ((110, 50), 10), ((100, 45), 5), ((100, 58), 8), ((99, 47), 3)],
)
def test_at_rest_every_socket_that_a_counter_is_off_by_is_told(counted: tuple[int, int], beyond: int) -> None:
    counters = Counters(*counted, opens=7, time_wait_ends=3)
    found = excess(walk(established=100, time_wait=44, fin_wait2=9, minis=6), counters, counters)
    assert set(found.values()) == {beyond}


def test_minis_are_records_of_time_wait_and_no_time_wait() -> None:
    counters = Counters(curr_estab=0, time_wait=10, opens=0)
    found = completed(walk(fin_wait2=9, minis=6), counters, CurrEstab.ESTABLISHED)
    assert (found[State.TIME_WAIT], found[State.FIN_WAIT2]) == (4, 9)


def test_a_socket_that_moves_between_walk_and_counters_makes_no_number_below_zero() -> None:
    counters = Counters(curr_estab=1, time_wait=0, opens=0)
    found = completed(walk(close_wait=2, fin_wait2=1, minis=1), counters, CurrEstab.WITH_CLOSE_WAIT)
    assert (found[State.ESTABLISHED], found[State.TIME_WAIT]) == (0, 0)
