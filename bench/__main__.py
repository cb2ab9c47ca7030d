"""The bench on the command line: python -m bench [--sockets N] [--output DIRECTORY]."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from tests.lab.zabbix_stand import StandError
from tests.lab.zabbix_stand import packages as debian

from .errors import BenchError
from .farm import REPOSITORY, shortage
from .plan import BASE_SOCKETS, FULL_SOCKETS, ROUNDS, TURN_S, WHOLE_S, sizes
from .run import Run, Step

_DOCS = REPOSITORY / "docs" / "bench"


def main() -> int:
    """0 when all is measured, and the targets met where they are binding; 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="One sample by tcpwatchd and by its peers, on the same sockets."
    )
    parser.add_argument("--sockets", type=_sockets, default=os.environ.get("SOCKETS") or str(FULL_SOCKETS))
    parser.add_argument("--rounds", type=int, choices=range(1, 10), default=ROUNDS, metavar="N")
    parser.add_argument(
        "--turn", type=float, default=TURN_S, metavar="SECONDS", help="of tcpwatchd, each time"
    )
    parser.add_argument(
        "--whole", type=float, default=WHOLE_S, metavar="SECONDS", help="of the whole daemon, ten pushes"
    )
    parser.add_argument("--alone", action="store_true", help="this size alone, without the growth up to it")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIRECTORY",
        help="for what is written; else docs/bench, from a whole run",
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminate)  # so that a kill cleans up like Ctrl-C does
    try:
        _require(arguments.sockets)
        growth = (arguments.sockets,) if arguments.alone else sizes(arguments.sockets)
        run = Run(growth, arguments.rounds, arguments.turn, _stopwatch(), arguments.whole)
        run.all()
        missed = [one for one in run.verdicts if not one.met]
        whole = arguments.sockets >= FULL_SOCKETS and arguments.whole >= WHOLE_S
        if arguments.output:
            run.write(arguments.output)
        elif not whole:
            print("not written to docs/bench: this was not a whole run; --output writes it elsewhere")
        elif missed:
            print("not written to docs/bench: targets were missed", file=sys.stderr)
        else:
            run.write(_DOCS)
    except (BenchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 1 if missed and whole else 0


def _sockets(text: str) -> int:
    if not text.isdigit() or int(text) < BASE_SOCKETS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of sockets from {BASE_SOCKETS}")
    return int(text)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _stopwatch() -> Step:
    start = time.monotonic()

    def step(text: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {text}", flush=True)

    return step


def _require(sockets: int) -> None:
    if os.geteuid() != 0:
        raise BenchError("The bench needs root, for a network namespace of its own: run this as root.")
    if lacking := shortage(sockets):
        raise BenchError(f"{lacking} Put that right, or run fewer: make bench SOCKETS=100000")
    try:
        if missing := debian.missing(debian.BENCH):
            print(f"installing Debian packages: {' '.join(missing)}", flush=True)
            debian.install(missing)
    except StandError as error:
        print(f"{error}\nContenders that need what is missing are left out.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
