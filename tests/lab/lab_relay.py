"""The way from a lab to a server on this host: a lab has no other."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator

from tests.lab.socket_lab import Lab


@contextlib.contextmanager
def relay(lab: Lab, port: int) -> Iterator[int]:
    """A port inside the lab that leads to a port outside: the lab has no other way out. Yields that port.

    The listening socket is made inside and accepted from outside: a socket stays where it was made.
    """
    made = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    def listen() -> None:
        inside = socket.create_server(("127.0.0.1", 0))
        socket.send_fds(made[1], [b"x"], [inside.fileno()])

    lab.call(listen)
    _, (fd,), _, _ = socket.recv_fds(made[0], 1, 1)
    listener = socket.socket(fileno=fd)
    closing = threading.Event()

    def pump() -> None:
        listener.settimeout(0.1)
        while not closing.is_set():
            try:
                inner, _ = listener.accept()
            except OSError:
                continue
            with inner, socket.create_connection(("127.0.0.1", port)) as outer:
                ends = {inner: outer, outer: inner}
                while ends and (ready := select.select(list(ends), [], [], 10)[0]):
                    for end in ready:
                        piece = end.recv(65536)
                        ends[end].sendall(piece) if piece else ends.clear()

    thread = threading.Thread(target=pump)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        closing.set()
        thread.join()
        for end in (*made, listener):
            end.close()
