"""What more than one file of tests needs brought up and ended."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.lab import sample_stand as sampling
from tests.lab.booted_tree import require_tree
from tests.lab.socket_lab import Lab, require_lab
from tests.lab.stands import brought_up
from tests.lab.zabbix_stand import Stand

# Commands speak the language of the locale; what tests compare is English.
os.environ["LC_ALL"] = "C.UTF-8"
# How long an example takes says nothing on a machine that others use too.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """A real Zabbix 6.0 with the whole template, brought up once for a file."""
    with brought_up(Stand) as made:
        yield made


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Where the trees of a file are made. The parents of pytest's own are closed to the users in a tree."""
    require_tree()
    made = Path(tempfile.mkdtemp(prefix="tcpwatchd-trees-", dir="/var/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A network namespace of its own, in which sockets are made. Needs root."""
    require_lab()
    with Lab() as made:
        yield made


@pytest.fixture
def sample_stand(tmp_path: Path) -> Iterator[Callable[..., sampling.Stand]]:
    """Sample loops that a test drives, with arguments as `sample_stand.Stand` takes them."""
    made: list[sampling.Stand] = []

    def make(*arguments: Any, **named: Any) -> sampling.Stand:
        made.append(sampling.Stand(tmp_path, *arguments, **named))
        return made[-1]

    yield make
    for one in made:
        one.spool.close()
