"""What more than one file of tests needs brought up and ended."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcpwatchd.catalogue import CATALOGUE
from tcpwatchd.render import template
from tests.requirements import require
from tests.zabbix_stand import Stand, StandError, packages


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    """A real Zabbix 6.0 with the whole template, brought up once for a file, in about ten seconds."""
    require(os.geteuid() == 0, "a real Zabbix server needs root")
    try:
        packages.install()
    except StandError as error:
        require(False, str(error))
    # Not pytest's own directory: its parents are closed to the users that PostgreSQL and Zabbix run as.
    directory = Path(tempfile.mkdtemp(prefix="tcpwatchd-test-", dir="/tmp"))
    made = Stand.up(directory)
    try:
        made.import_template(template(CATALOGUE.values(), 1.0))
        yield made
    finally:
        made.down()
        shutil.rmtree(directory, ignore_errors=True)
