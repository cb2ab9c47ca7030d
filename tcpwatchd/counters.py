"""Reads the kernel's own counters of TCP, which cost next to nothing at any number of sockets.

Alone knows which files they are in. What their text means is `procnet`'s.
"""

from __future__ import annotations

from tcpwatchd import procnet
from tcpwatchd.errors import CountersError
from tcpwatchd.procnet import Counters

_MOST_BYTES = 65536  # netstat has 4,000; procfs gives what fits in one read whole


def read_counters(for_audit: bool = False, directory: str = "/proc/self/net") -> Counters:
    """The counters of this network namespace, at this moment; those that only an audit needs, `for_audit`.

    CountersError where this kernel or its sandbox does not have them.
    """
    try:
        netstat = _text(f"{directory}/netstat") if for_audit else None
        return procnet.counters(_text(f"{directory}/snmp"), _text(f"{directory}/sockstat"), netstat)
    except OSError as error:
        raise CountersError("cannot read the kernel's counters", str(error)) from error
    except (ValueError, KeyError) as error:
        raise CountersError("the kernel's counters are not understood", f"{error} in {directory}") from error


def _text(path: str) -> str:
    with open(path, "rb", buffering=0) as file:
        return file.read(_MOST_BYTES).decode("ascii")
