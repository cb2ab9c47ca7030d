"""What tests of the sender share."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tcpwatchd.zabbix.addresses import Node
from tests.lab.sender_peers import (
    descriptors,
)


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    """Every test here ends with as many descriptors and threads as it began with."""
    before = descriptors(), threading.active_count()
    yield
    assert (descriptors(), threading.active_count()) == before


@pytest.fixture
def nobody() -> Iterator[Node]:
    """An address where nobody listens, and nobody else can begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Node("127.0.0.1", bound.getsockname()[1])
