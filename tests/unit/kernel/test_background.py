"""Work that is done beside the sample loop: in order, with its answer or its error, and its cost."""

from __future__ import annotations

import threading
from typing import NoReturn

import pytest

from tcpwatchd.kernel.background import AtOnce, BackgroundThread
from tests.lab.fakes import FakeTime


def test_work_that_takes_long_holds_nobody_up_and_is_done_in_order() -> None:
    background, go_on, order = BackgroundThread(FakeTime().clock.thread_cpu_s), threading.Event(), []

    def slow() -> str:
        go_on.wait(10)
        order.append("slow")
        return threading.current_thread().name

    first = background.start(slow)
    second = background.start(lambda: order.append("quick"))
    assert (first.done, second.done) == (False, False)
    go_on.set()
    second.wait()
    assert first.done
    assert first.result() == "background"
    assert order == ["slow", "quick"]


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), OSError(5, "I/O")], ids=repr)
def test_an_error_is_raised_where_the_answer_is_asked_for_and_the_next_work_is_done(
    error: Exception,
) -> None:
    def fail() -> NoReturn:
        raise error

    background = BackgroundThread(FakeTime().clock.thread_cpu_s)
    failed, worked = background.start(fail), background.start(lambda: 7)
    worked.wait()
    with pytest.raises(type(error)):
        failed.result()
    assert worked.result() == 7


def test_cpu_time_is_that_of_the_work_alone() -> None:
    time = FakeTime(cpu_s=5.0)

    def work() -> None:
        time.cpu_s += 0.25

    background = AtOnce(time.clock.thread_cpu_s)
    assert [background.start(work).cpu_s, background.start(lambda: None).cpu_s] == [0.25, 0.0]
