"""What more than one file of tests needs brought up and ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stands import brought_up
from tests.zabbix_stand import Stand


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """A real Zabbix 6.0 with the whole template, brought up once for a file."""
    with brought_up(Stand) as made:
        yield made
