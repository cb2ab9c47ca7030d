"""When counters are believed: what they mean is learnt, and an audit that does not bear them out is heard."""

from __future__ import annotations

import pytest

from tcpwatchd.kernel.counter_estimates import CROWDS, CurrEstab
from tcpwatchd.kernel.fast_path import FastPath
from tcpwatchd.kernel.inet_diag import ALL_STATES, mask
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import State
from tests.lab.fakes import StillKernel, tally

REST = mask(state for state in State if state not in CROWDS)


SOCKETS = tally(established=50, close_wait=7, time_wait=20, listen=3)
WITHOUT_CLOSE_WAIT = tally(established=50, time_wait=20, listen=3)


@pytest.fixture(params=CurrEstab, ids=lambda meaning: meaning.name)
def meaning(request: pytest.FixtureRequest) -> CurrEstab:
    found: CurrEstab = request.param
    return found


def test_two_audits_that_agree_teach_what_curr_estab_counts(meaning: CurrEstab) -> None:
    kernel = StillKernel(meaning, SOCKETS)
    shortcut = FastPath(kernel)
    readings = [shortcut.read(audit=True), *(shortcut.read() for _ in range(4))]
    assert kernel.walks == [ALL_STATES, REST, ALL_STATES, REST, REST, REST]
    assert [reading.sockets for reading in readings] == [SOCKETS] * 5
    assert [reading.audit for reading in readings] == [0, 0, None, None, None]
    assert [reading.families is None for reading in readings] == [False, False, True, True, True]
    assert (shortcut.distrust, kernel.experiments) == ("", 0)


def test_without_close_wait_there_is_nothing_to_learn(meaning: CurrEstab) -> None:
    kernel = StillKernel(meaning, WITHOUT_CLOSE_WAIT)
    shortcut = FastPath(kernel)
    assert shortcut.read(audit=True).sockets == WITHOUT_CLOSE_WAIT
    assert shortcut.read().sockets == WITHOUT_CLOSE_WAIT
    assert kernel.walks == [ALL_STATES, REST]


def test_where_churn_hides_the_difference_an_experiment_tells(meaning: CurrEstab) -> None:
    kernel = StillKernel(meaning, SOCKETS, opens_each=10, experiment=meaning)
    shortcut = FastPath(kernel)
    shortcut.read(audit=True)
    assert shortcut.read().sockets == SOCKETS
    assert (kernel.walks, kernel.experiments) == ([ALL_STATES, REST], 1)


def test_where_nothing_tells_all_sockets_are_read_and_that_is_said(meaning: CurrEstab) -> None:
    kernel = StillKernel(meaning, SOCKETS, opens_each=10)
    shortcut = FastPath(kernel)
    readings = [shortcut.read() for _ in range(10)]
    assert set(kernel.walks) <= {ALL_STATES, REST}
    assert [reading.sockets for reading in readings] == [SOCKETS] * 10
    assert [reading.audit for reading in readings[-4:]] == [None] * 4, "audits went on for ever"
    assert "CLOSE_WAIT" in shortcut.distrust


def test_a_counter_that_is_wrong_is_not_believed_but_three_audits_give_it_the_chance(
    meaning: CurrEstab,
) -> None:
    kernel = StillKernel(meaning, SOCKETS)
    shortcut = FastPath(kernel)
    for _ in range(3):
        shortcut.read(audit=True)
    kernel.off_by = 4
    assert shortcut.read().sockets != SOCKETS  # no audit is due: nobody can know
    assert (shortcut.read(audit=True).audit, shortcut.distrust) == (4, "")
    # from the first doubt on every socket is read, and so what is told is right
    readings = [shortcut.read() for _ in range(4)]
    assert [reading.sockets for reading in readings] == [SOCKETS] * 4
    assert [reading.audit for reading in readings] == [4, 4, None, None]
    assert "off by 4 sockets" in shortcut.distrust
    kernel.off_by = 0
    assert (shortcut.read(audit=True).audit, bool(shortcut.distrust)) == (0, True)


DAY_S = 86400


def distrusted(kernel: StillKernel) -> FastPath:
    """A shortcut that has found the counters wrong, and a kernel that counts right again."""
    shortcut = FastPath(kernel)
    shortcut.read(audit=True)
    shortcut.read(audit=True)
    kernel.off_by = 4
    for _ in range(3):
        shortcut.read(audit=True)
    assert shortcut.distrust
    kernel.off_by = 0
    return shortcut


def test_after_a_day_of_audits_that_agree_counters_are_believed_again(meaning: CurrEstab) -> None:
    kernel = StillKernel(meaning, SOCKETS)
    shortcut = distrusted(kernel)
    for now_s in range(0, DAY_S, 300):
        assert shortcut.read(audit=True, now_s=now_s).audit == 0
        assert shortcut.read(now_s=now_s + 1).families is not None  # a walk of all states
        assert shortcut.distrust
    shortcut.read(audit=True, now_s=DAY_S)
    assert not shortcut.distrust
    assert (shortcut.read(now_s=DAY_S + 1).sockets, kernel.walks[-1]) == (SOCKETS, REST)


def test_one_audit_that_disagrees_begins_the_day_anew(meaning: CurrEstab) -> None:
    kernel = StillKernel(meaning, SOCKETS)
    shortcut = distrusted(kernel)
    shortcut.read(audit=True, now_s=0)
    kernel.off_by = 4
    shortcut.read(audit=True, now_s=DAY_S - 300)
    kernel.off_by = 0
    for now_s in range(DAY_S, 2 * DAY_S, 300):
        shortcut.read(audit=True, now_s=now_s)
        assert shortcut.distrust
    shortcut.read(audit=True, now_s=2 * DAY_S)
    assert not shortcut.distrust


def test_counters_that_cannot_be_read_are_asked_again_at_audits_alone() -> None:
    kernel = StillKernel(CurrEstab.ESTABLISHED, SOCKETS, blind=True)
    shortcut = FastPath(kernel)
    for now_s in range(0, DAY_S, 3600):
        assert shortcut.read(audit=True, now_s=now_s).audit is None
    assert shortcut.distrust
    kernel.blind = False
    for now_s in range(DAY_S, 2 * DAY_S + 1, 3600):
        assert shortcut.read(audit=True, now_s=now_s).audit == 0
    assert not shortcut.distrust


def test_one_burst_changes_nothing(meaning: CurrEstab) -> None:
    kernel = StillKernel(meaning, SOCKETS)
    shortcut = FastPath(kernel)
    shortcut.read(audit=True)
    shortcut.read(audit=True)
    kernel.off_by = 4
    shortcut.read(audit=True)
    kernel.off_by = 0
    assert shortcut.read().audit == 0
    assert shortcut.read().audit is None
    assert (kernel.walks[-1], shortcut.distrust) == (REST, "")


def test_without_counters_all_sockets_are_read() -> None:
    kernel = StillKernel(CurrEstab.ESTABLISHED, SOCKETS, blind=True)
    shortcut = FastPath(kernel)
    assert shortcut.read(audit=True).sockets == SOCKETS
    assert shortcut.distrust == "cannot read the kernel's counters: a test"
    assert (shortcut.read().audit, kernel.walks) == (None, [ALL_STATES] * 2)


def test_a_walk_that_fails_is_a_sample_that_is_not_whole_and_no_distrust() -> None:
    shortcut = FastPath(StillKernel(CurrEstab.ESTABLISHED, SOCKETS, refuses=True))
    with pytest.raises(SampleError, match="not whole"):
        shortcut.read()
    assert not shortcut.distrust


LISTENERS = mask([State.LISTEN])


def test_between_two_walks_counters_give_the_large_states_and_only_listeners_are_read(
    meaning: CurrEstab,
) -> None:
    kernel = StillKernel(meaning, SOCKETS)
    shortcut = FastPath(kernel)
    for _ in range(3):
        shortcut.read(audit=True)
    shortcut.read()
    kernel.walks.clear()
    kernel.sockets = tally(established=5000, close_wait=7, time_wait=900, listen=4, syn_sent=60)
    sample = shortcut.between_walks()
    assert sample is not None
    assert sample.sockets == {State.ESTABLISHED: 5000, State.TIME_WAIT: 900, State.LISTEN: 4}
    assert kernel.walks == [LISTENERS]


def test_before_the_first_walk_and_while_counters_are_in_doubt_nothing_is_told_between_walks() -> None:
    kernel = StillKernel(CurrEstab.ESTABLISHED, SOCKETS)
    shortcut = FastPath(kernel)
    assert shortcut.between_walks() is None
    shortcut.read(audit=True)
    assert shortcut.between_walks() is None, "it is not known yet whether CLOSE_WAIT is counted"
    shortcut.read(audit=True)
    assert shortcut.between_walks() is not None
    kernel.off_by = 4
    shortcut.read(audit=True)
    kernel.walks.clear()
    assert shortcut.between_walks() is None
    for _ in range(2):
        shortcut.read(audit=True)
    assert shortcut.distrust
    kernel.walks.clear()
    assert shortcut.between_walks() is None
    assert kernel.walks == []


def test_without_close_wait_counters_are_told_from_the_first_walk_on(meaning: CurrEstab) -> None:
    shortcut = FastPath(StillKernel(meaning, WITHOUT_CLOSE_WAIT))
    shortcut.read()
    sample = shortcut.between_walks()
    assert sample is not None
    assert sample.sockets[State.ESTABLISHED] == 50
