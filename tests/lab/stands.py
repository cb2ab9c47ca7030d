"""A stand for tests: brought up with the whole template in it, and taken away again."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from tcpwatchd.metrics.catalogue import CATALOGUE
from tcpwatchd.template.render import template
from tests.lab.requirements import require
from tests.lab.zabbix_stand import Stand, StandError, packages, programs

S = TypeVar("S", bound=Stand)


class SevenStand(Stand):
    """A Zabbix 7.0 without proxies."""

    programs = programs.SEVEN

    def wait_until_read(self, timeout_s: float = 60.0) -> bool:
        """Its processes do not show in their titles what they do; it reads all of it each second."""
        time.sleep(min(4.0, timeout_s))
        return True


_NOTHING: Mapping[str, Path] = MappingProxyType({})


@contextmanager
def brought_up(
    kind: type[S], tls_files: Mapping[str, Path] = _NOTHING, push_s: float | None = 1.0
) -> Iterator[S]:
    """One of its kind, in about ten to fifteen seconds; its template is for this interval of pushes, None: it
    has none.
    """
    require(os.geteuid() == 0, "a real Zabbix server needs root")
    try:
        packages.install()
        if kind.programs is programs.SEVEN:
            programs.unpack()
    except StandError as error:
        require(False, str(error))
    # Not pytest's own directory: its parents are closed to the users that PostgreSQL and Zabbix run as.
    directory = Path(tempfile.mkdtemp(prefix="tcpwatchd-test-", dir="/tmp"))
    made = kind.up(directory, tls_files=tls_files)
    try:
        if push_s is not None:
            made.import_template(template(CATALOGUE.values(), push_s))
        yield made
    finally:
        made.down()
        shutil.rmtree(directory, ignore_errors=True)
