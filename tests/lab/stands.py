"""A stand for tests: brought up with the whole template in it, and taken away again."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.template.render import template
from tests.lab.requirements import require
from tests.lab.zabbix_stand import GroupStand, Stand, StandError, packages, programs

S = TypeVar("S", bound=Stand)
_NOTHING: Mapping[str, Path] = MappingProxyType({})


@contextmanager
def brought_up(kind: type[S], tls_files: Mapping[str, Path] = _NOTHING) -> Iterator[S]:
    """One of its kind, in about ten to fifteen seconds."""
    require(os.geteuid() == 0, "a real Zabbix server needs root")
    try:
        packages.install()
        if issubclass(kind, GroupStand):
            programs.unpack()
    except StandError as error:
        require(False, str(error))
    # Not pytest's own directory: its parents are closed to the users that PostgreSQL and Zabbix run as.
    directory = Path(tempfile.mkdtemp(prefix="tcpwatchd-test-", dir="/tmp"))
    made = kind.up(directory, tls_files=tls_files)
    try:
        made.import_template(template(CATALOGUE.values(), 1.0))
        yield made
    finally:
        made.down()
        shutil.rmtree(directory, ignore_errors=True)
