"""How a command that brings servers up ends: for a person, and with everything taken down again."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

from tests.lab.zabbix_stand import StandError


def exit_code(work: Callable[[], bool]) -> int:
    """0 where the work is good, 1 where it is not or cannot be done, 130 after Ctrl-C or a kill."""
    signal.signal(signal.SIGTERM, _terminate)  # so that a kill cleans up like Ctrl-C does
    try:
        return 0 if work() else 1
    except (AssertionError, StandError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
