"""Ordinary life of a host in a lab, until standard input ends: nothing in it is a fault.

    python -m tests.lab.ordinary_load

Visits to a web server that come and go with a curve of half an hour, and in crowds now and then; a pool of
connections to a database that is started again each quarter of an hour, during which visits are refused;
workers that leave a closed connection open for some minutes; a deploy after which a program holds more of
them, for good; a crawler that gives up early where nobody answers; a scanner of closed ports.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import sys
import time
from collections.abc import Awaitable, Callable

WEB, DATABASE, CLOSED = 8080, 5432, 9
NOBODY_THERE = "10.8.0.77"  # on a link of which the other end drops everything
_CURVE_S = 1800.0
_RESTART_S = 900.0
_CROWD_S = 600.0
_DEPLOY_S = 1500.0
_CRAWL_S, _CRAWLS_S = 600.0, 1800.0
_HELD, _HELD_AFTER_DEPLOY = 40, 130
_POOL = 60
_BEGAN_S = time.monotonic()

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_tasks: set[asyncio.Task[None]] = set()
_luck = random.Random(1)  # noqa: S311 - an order to repeat, no secret


def _elapsed_s() -> float:
    return time.monotonic() - _BEGAN_S


def _begin(work: Awaitable[None]) -> None:
    async def run() -> None:
        with contextlib.suppress(OSError, asyncio.TimeoutError, TimeoutError):
            await work

    task = asyncio.ensure_future(run())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Whoever closes first is the one that keeps TIME_WAIT."""
    with contextlib.suppress(OSError):
        while line := await reader.readline():
            writer.write(line)
            if line == b"bye\n":
                break
        writer.close()


async def _visit(seconds: float = 0.0) -> None:
    host = _luck.choice(("127.0.0.1", "127.0.0.1", "::1"))
    reader, writer = await asyncio.open_connection(host, WEB)
    writer.write(b"GET\n")
    await reader.readline()
    await asyncio.sleep(seconds)
    if _luck.random() < 0.5:
        writer.write(b"bye\n")
        await reader.read()
    writer.close()


async def _visits() -> None:
    while True:
        a_second = 9 + 8 * math.sin(2 * math.pi * _elapsed_s() / _CURVE_S)
        for _ in range(max(1, round(a_second))):
            _begin(_visit(_luck.expovariate(0.5)))
        await asyncio.sleep(1)


async def _crowds() -> None:
    while True:
        await asyncio.sleep(_CROWD_S)
        for _ in range(300):
            _begin(_visit(5.0))


async def _pool() -> None:
    """It and the database are started again, and visits are refused for two seconds."""
    while True:
        database = await asyncio.start_server(_answer, "127.0.0.1", DATABASE, backlog=128)
        web = await asyncio.start_server(_answer, ("127.0.0.1", "::1"), WEB, backlog=1024)
        held = [await asyncio.open_connection("127.0.0.1", DATABASE) for _ in range(_POOL)]
        until_s = _elapsed_s() + _RESTART_S
        while _elapsed_s() < until_s:
            reader, writer = _luck.choice(held)
            writer.write(b"SELECT\n")
            await reader.readline()
            await asyncio.sleep(0.5)
        for server in (database, web):
            server.close()
        for _, writer in held:
            writer.close()
        await asyncio.sleep(2)


async def _left_open(seconds: float) -> None:
    """CLOSE_WAIT here, FIN_WAIT2 at the peer, for as long."""
    accepted: asyncio.Future[Streams] = asyncio.get_running_loop().create_future()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result((reader, writer))

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    _, asking = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    _, holding = await accepted
    server.close()
    asking.close()
    await asyncio.sleep(seconds)
    holding.close()


async def _workers() -> None:
    while True:
        _begin(_left_open(_luck.uniform(30, 420)))
        await asyncio.sleep(20)


async def _forgotten() -> None:
    for _ in range(_HELD):
        _begin(_left_open(math.inf))
    await asyncio.sleep(_DEPLOY_S)
    for _ in range(_HELD_AFTER_DEPLOY - _HELD):
        _begin(_left_open(math.inf))


async def _crawl(host: str) -> None:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, WEB), 2.5)
        writer.close()


async def _crawler() -> None:
    while True:
        await asyncio.sleep(_CRAWLS_S - _CRAWL_S)
        until_s = _elapsed_s() + _CRAWL_S
        while _elapsed_s() < until_s:
            for host in (NOBODY_THERE, "127.0.0.1", "127.0.0.1"):
                _begin(_crawl(host))
            await asyncio.sleep(0.2)


async def _scanner() -> None:
    while True:
        with contextlib.suppress(OSError):
            await asyncio.open_connection("127.0.0.1", CLOSED)
        await asyncio.sleep(1)


async def _live() -> None:
    parts: tuple[Callable[[], Awaitable[None]], ...] = (
        _pool,
        _visits,
        _crowds,
        _workers,
        _forgotten,
        _crawler,
        _scanner,
    )
    for part in parts:
        _begin(part())
    print("living", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in list(_tasks):
        task.cancel()


if __name__ == "__main__":
    asyncio.run(_live())
