"""Finds out what the kernel's CurrEstab counts, by half-closing connections over loopback.

Of two established ends one goes to FIN_WAIT2, which is never counted, and one to CLOSE_WAIT. The counter
falls by two, or by one if CLOSE_WAIT is counted. No data is sent over the connections, and they end by a
reset (RFC 9293 section 3.5.2).
"""

from __future__ import annotations

import socket
import struct
from collections import Counter
from collections.abc import Callable

from tcpwatchd.kernel.counter_estimates import CurrEstab

_FALLS = {-2: CurrEstab.ESTABLISHED, -1: CurrEstab.WITH_CLOSE_WAIT}
# The rest of the host opens and closes connections meanwhile: the answer has to come so much more often than
# any other.
_LEAD = 5
_MOST_TRIALS = 50
_PATIENCE_S = 1.0
_RESET_AT_CLOSE = struct.pack("@ii", 1, 0)  # struct linger


def meaning(curr_estab: Callable[[], int]) -> CurrEstab | None:
    """What the counter that `curr_estab` reads counts; None where no connection can be made, or where it
    moves too much by itself.
    """
    seen: Counter[int] = Counter()
    try:
        # By hand: socket.create_connection would load the codecs for host names.
        with socket.socket() as listener:
            listener.settimeout(_PATIENCE_S)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            for _ in range(_MOST_TRIALS):
                seen[_change(listener, curr_estab)] += 1
                (change, often), (_, less_often) = [*seen.most_common(2), (0, 0)][:2]
                if often - less_often >= _LEAD:
                    return _FALLS.get(change)
    except OSError:
        return None
    return None


def _change(listener: socket.socket, curr_estab: Callable[[], int]) -> int:
    """By how much the counter changes while one connection is half-closed."""
    with socket.socket() as ours:
        ours.settimeout(_PATIENCE_S)
        ours.connect(listener.getsockname())
        theirs, _ = listener.accept()
        with theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            theirs.settimeout(_PATIENCE_S)
            before = curr_estab()
            ours.shutdown(socket.SHUT_WR)
            theirs.recv(1)  # the end: it is in CLOSE_WAIT now
            return curr_estab() - before
