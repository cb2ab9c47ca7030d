"""One process of the farm: python -m bench.farm_resident ESTABLISHED_PAIRS HALF_CLOSED_PAIRS CLOSE.

Both ends of a connection are in this process: every other pair is IPv4 or IPv6, each family to a port of its
own, so that no two processes share their ephemeral ports. It says `made`, and holds them until its standard
input ends. All is closed with a reset, so that nothing outlives it in TIME_WAIT.
"""

from __future__ import annotations

import resource
import socket
import struct
import sys

ADDRESS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # struct linger


def main() -> None:
    """Makes them, says so, waits for the end."""
    established_pairs, half_closed_pairs, close = map(int, sys.argv[1:])
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listeners = [listening(family) for family in ADDRESS]
    for number in range(established_pairs):
        pair(listeners[number % 2])
    for number in range(half_closed_pairs):
        pair(listeners[number % 2], half_closed=True)
    for listener in listeners:
        listener.close()
    for _ in range(close):
        socket.socket().detach()
    print("made", flush=True)
    sys.stdin.read()


def listening(family: socket.AddressFamily) -> socket.socket:
    """What is accepted from it inherits that it is reset when it is closed."""
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    listener.bind((ADDRESS[family], 0))
    listener.listen()
    return listener


def pair(listener: socket.socket, half_closed: bool = False) -> None:
    """Both ends stay open; as bare descriptors, which take no memory here."""
    asking = socket.socket(listener.family)
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    asking.connect(listener.getsockname())
    listener.accept()[0].detach()
    if half_closed:
        asking.shutdown(socket.SHUT_WR)  # FIN_WAIT2 here, CLOSE_WAIT at the other end
    asking.detach()


if __name__ == "__main__":
    main()
