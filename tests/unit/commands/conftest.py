"""What tests of the trapper share."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from tcpwatchd.commands.trapper import Trapper
from tests.lab.trapper_requests import (
    HOST,
    ITEMS,
)


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    """Every test here ends with as many descriptors and threads as it began with."""

    def open_now() -> tuple[int, int]:
        return len(os.listdir("/dev/fd")), threading.active_count()

    before = open_now()
    yield
    patience_s = time.monotonic() + 2  # a connection's own thread ends on its own
    while open_now() != before and time.monotonic() < patience_s:
        time.sleep(0.01)
    assert open_now() == before


@pytest.fixture(scope="module")
def lasting() -> Iterator[Trapper]:
    """One for all tests of this file: what one of them does to it must not hurt the next."""
    with Trapper(HOST, ITEMS) as running:
        yield running


@pytest.fixture
def trapper(lasting: Trapper) -> Trapper:
    lasting.requests.clear()
    return lasting
