"""A server that takes every value at once and keeps none: python -m bench.sink.

In a process of its own, so that its CPU time is not ours.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_HEADER = struct.Struct("<5sQ")


@contextmanager
def sink() -> Iterator[str]:
    """Runs it within the block; its address."""
    command = [sys.executable, "-m", "bench.sink"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def _answer(request: bytes) -> bytes:
    values = request.count(b'"key"')
    told = f"processed: {values}; failed: 0; total: {values}; seconds spent: 0.000055"
    body = json.dumps({"response": "success", "info": told}).encode()
    return _HEADER.pack(b"ZBXD\1", len(body)) + body


def _serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            _, size_bytes = _HEADER.unpack(stream.read(_HEADER.size))
            connection.sendall(_answer(stream.read(size_bytes)))


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        _serve(server)
