"""Mutated inputs for every reader and parser: each gives a result or one of its documented errors.

    python -m tests.fuzz                     a million inputs each; some minutes a reader
    python -m tests.fuzz --inputs 10000 holders sockstat
    python -m tests.fuzz --seed 7 --inputs 1 --only 4711 holders    one input again

An input is made of real ones (captured dumps, texts of /proc, answers of servers): bits and bytes change,
parts go, come twice or come from another. `make fuzz` is the first form.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tcpwatchd.commands.trapper import Trapper
from tcpwatchd.config import config
from tcpwatchd.config.agent_settings import settings, translate
from tcpwatchd.diagnosis import ephemeral_ports
from tcpwatchd.diagnosis.ephemeral_ports import DestinationDump
from tcpwatchd.diagnosis.holder_dump import HolderDump, InodeDump
from tcpwatchd.diagnosis.services import PortDump, Service, ServiceDump
from tcpwatchd.kernel import kernel_limits, procnet
from tcpwatchd.kernel.inet_diag import Dump
from tcpwatchd.kernel.netns import called, counted
from tcpwatchd.kernel.state_count import CountedDump
from tcpwatchd.metrics.metric import ValueType
from tcpwatchd.model.batch import Batch, Deferred, Delivered, Value
from tcpwatchd.model.clock import Clock, Stamp
from tcpwatchd.model.errors import ConfigError, SampleError
from tcpwatchd.model.printable import one_line, printable
from tcpwatchd.model.units import parse_duration, parse_size
from tcpwatchd.spool.schema import Row
from tcpwatchd.template.explain import explain
from tcpwatchd.zabbix.addresses import Node, parse_nodes
from tcpwatchd.zabbix.failover import Redirect
from tcpwatchd.zabbix.sender import Sender
from tcpwatchd.zabbix.tls import key_of
from tests.lab.capture_dump import load
from tests.lab.fakes import done

MANY = 1_000_000
HERE = Path(__file__).parent
_MOST_BYTES = 4096  # of an input: long enough for many rows, short enough for a million inputs


@dataclass(frozen=True)
class Target:
    """What is fed: real inputs, what is done with one, and the errors that may come of it."""

    seeds: Sequence[bytes]
    feed: Callable[[bytes], object]
    errors: tuple[type[Exception], ...] = ()


def mutated(luck: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One input: a real one with a few changes."""
    data = bytearray(luck.choice(seeds))
    for _ in range(luck.choice((0, 1, 1, 1, 2, 3, 8))):
        if not data:
            break
        at = luck.randrange(len(data))
        change = luck.randrange(8)
        if change == 0:
            data[at] ^= 1 << luck.randrange(8)
        elif change == 1:
            data[at] = luck.choice((0, 1, 2, 3, 10, 12, 255, luck.randrange(256)))
        elif change == 2:
            del data[at:]
        elif change == 3:
            del data[at : at + luck.randrange(1, 65)]
        elif change == 4:
            data[at:at] = data[at : at + luck.randrange(1, 129)] * luck.choice((1, 1, 1, 20))
        elif change == 5:
            other = luck.choice(seeds)
            begin = luck.randrange(len(other) + 1)
            data[at:at] = other[begin : begin + luck.randrange(1, 129)]
        elif change == 6:
            data[at : at + 4] = struct.pack(
                "=I", luck.choice((0, 1, 16, 87, 88, 2**31, 2**32 - 1, luck.getrandbits(12)))
            )
        else:
            data[at:at] = bytes(luck.randrange(256) for _ in range(luck.randrange(1, 9)))
    return bytes(data[:_MOST_BYTES])


# --- dumps: the first two bytes of an input tell where it is split into datagrams ---------------------------


def _datagrams() -> list[bytes]:
    found = []
    for name in ("mixed", "nobody"):
        captured = load(name)
        whole = [b"\0\0" + datagram for datagram in captured.datagrams]
        found += [datagram[:_MOST_BYTES] for datagram in whole]
        found += [b"\x40\x01" + datagram[:700] for datagram in captured.datagrams]
    return [*found, b"\0\0" + done(load("mixed").sequence)]


def _feed(new: Callable[[int, int], Dump], data: bytes) -> None:
    split, datagram = int.from_bytes(data[:2], "little"), data[2:]
    dump = new(load("mixed").sequence, 0)
    for part in (datagram[:split], datagram[split:]) if split else (datagram,):
        dump.feed(part)
    if isinstance(dump, CountedDump):
        dump.walk()
    elif isinstance(dump, DestinationDump):
        ephemeral_ports.busiest([dump], 1000)


_SERVICES = (
    Service("web", ((80, 443),)),
    Service("db", (), ((3306, 3306),)),
    Service("x", ((1, 9),), ((1, 9),)),
)
_READERS: dict[str, Callable[[int, int], Dump]] = {
    "counts": CountedDump,
    "holders": HolderDump,
    "inodes": InodeDump.of(100),
    "ports": PortDump,
    "services": ServiceDump.of(_SERVICES),
    "destinations": DestinationDump,
}

# --- texts ------------------------------------------------------------------------------------------------


def _text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))


def _proc(*names: str) -> list[bytes]:
    return [Path("/proc", name).read_bytes() for name in names]


class _Answering:
    """A socket that a server answers on, once, and the channel that hands it out in place of a real one."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def wrap(self, made: Any) -> Any:
        made.close()
        return self

    def recv(self, count: int) -> bytes:
        piece, self._answer = self._answer[:count], self._answer[count:]
        return piece

    def why_no_answer(self) -> str:
        return ""

    def told(self, error: OSError, step: str) -> None:
        """Has no word on any error."""

    def described(self, _connected: Any) -> str:
        return ""

    def ignore(self, *_arguments: Any) -> None:
        """Takes what is sent, and every setting."""

    settimeout = connect = sendall = close = shake_hands = ignore


_BATCH = Batch("web-01", (Value("key", "1", Stamp(1, 1)), Value("other", "2", Stamp(1, 1))), 2)


def _deliver(answer: bytes) -> object:
    sender = Sender(
        [Node("a", 1)],
        10.0,
        Clock(),
        resolve=lambda *_, **__: [(2, 1, 6, "", ("a", 1))],
        channel=_Answering(answer),
    )
    outcome = sender.deliver(_BATCH)
    if not isinstance(outcome, (Delivered, Deferred)):
        raise TypeError(f"deliver gave {outcome!r}")
    text = "" if isinstance(outcome, Delivered) else outcome.reason + outcome.todo
    if not text.isprintable() or len(text) > 2000:
        raise ValueError(f"deliver says {text!r}")
    return outcome


def _packet(answer: object) -> bytes:
    body = json.dumps(answer).encode()
    return b"ZBXD\x01" + struct.pack("<II", len(body), 0) + body


class _Asking(_Answering):
    """A connection that a request comes over."""


_TRAPPER = Trapper("web-01", {"key": ValueType.UNSIGNED, "other": ValueType.FLOAT})


def _converse(request: bytes) -> None:
    _TRAPPER.requests.clear()
    _TRAPPER.converse(_Asking(request))


_ANSWERS = [
    _packet({"response": "success", "info": "processed: 2; failed: 0; total: 2; seconds spent: 0.000135"}),
    _packet({"response": "success", "info": "processed: 1; failed: 1; total: 2; seconds spent: 0.000135"}),
    _packet({"response": "failed", "info": 'cannot open "data" token'}),
    _packet({"response": "failed", "redirect": {"revision": 1, "address": "127.0.0.1:21062"}}),
    _packet({"redirect": {"reset": True}, "response": "failed"}),
]
_ROW = {"host": "web-01", "key": "key", "value": "1", "clock": 1_700_000_000, "ns": 5}
_REQUESTS = [
    _packet({"request": "sender data", "data": [_ROW, {**_ROW, "key": "other", "value": "1.5e3"}]}),
    _packet({"request": "sender data", "data": [{**_ROW, "lastlogsize": 0, "mtime": 0}]}),
]


def _limits(data: str) -> None:
    kernel_limits.limits(dict.fromkeys(kernel_limits.FILES, data), 4096)


def _counted(data: str) -> None:
    parts = (data.split("\0", 3) + [""] * 4)[:4]
    counted(*parts)


def _names(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for line in (printable(data), printable(text), one_line(text), called(text, text)):
        if not line.isprintable():
            raise ValueError(f"not printable: {line!r}")
        line.encode()


def _redirect(data: bytes) -> None:
    with suppress(ValueError, RecursionError):  # what is no JSON is judged before
        Redirect.parse(Node("a", 1), json.loads(data))


_EXAMPLE = (HERE.parent / "config.example.yaml").read_bytes()
_SMALL = (
    b"zabbix: {servers: [a, 'b;c:1'], host: web-01, timeout: 5s}\nintervals: {sample: 1s}\n",
    b"services:\n- {name: web, local_ports: [80, '8000-8099'], remote_addresses: [10.0.0.0/8]}\n",
    b"keys: {pattern: 'tcp.status[STATE]', spelling: ss}\naliases: {'a.b': 'tcpwatchd.self[uptime]'}\n",
    b"statistics: {all: [value], time_wait: [min, max]}\nspool: {path: /a/b, max_size: 64MiB}\n",
    b"culprits: {states: [close_wait], threshold: 5}\ncounters: [ActiveOpens]\nbudget: {cpu_percent: 1}\n",
)

TARGETS: dict[str, Target] = {
    **{name: Target(_datagrams(), partial(_feed, new), (SampleError,)) for name, new in _READERS.items()},
    "sockstat": Target(
        _proc("net/sockstat"), _text(lambda t: procnet.parse_sockstat(t, "TCP")), (ValueError,)
    ),
    "snmp": Target(_proc("net/snmp"), _text(lambda t: procnet.parse_snmp(t, "Tcp")), (ValueError,)),
    "counters": Target(_proc("net/snmp"), _text(lambda t: procnet.counters(t, t, t)), (ValueError, KeyError)),
    "kernel_counters": Target(
        _proc("net/snmp", "net/netstat"), _text(lambda t: procnet.kernel_counters(t, t))
    ),
    "limits": Target(_proc("net/sockstat", "sys/fs/file-nr", "sys/net/ipv4/tcp_mem"), _text(_limits)),
    "port_range": Target(
        _proc("sys/net/ipv4/ip_local_port_range"), _text(ephemeral_ports.parse_range), (ValueError,)
    ),
    "reserved_ports": Target(
        [b"8080,9000-9100\n", b"\n"], _text(partial(ephemeral_ports.usable, (32768, 60999))), (ValueError,)
    ),
    "namespace": Target(
        [b"\0".join(_proc("net/sockstat", "net/sockstat6", "net/snmp", "net/netstat"))],
        _text(_counted),
        (ValueError, KeyError),
    ),
    "names": Target(
        [b"java", b"caf\xe9\x1b[31m", b"0::/docker-0123456789ab.scope\n", "网站".encode()], _names
    ),
    "durations": Target([b"500ms", b"1s", b"7d"], _text(parse_duration), (ValueError,)),
    "sizes": Target([b"64MiB", b"1GiB"], _text(parse_size), (ValueError,)),
    "addresses": Target(
        [b"zabbix.example.com:10051", b"[2001:db8::1]:10051", b"a;b:1"], _text(parse_nodes), (ValueError,)
    ),
    "redirects": Target([b'{"revision": 1, "address": "a:1"}', b'{"reset": true}'], _redirect),
    "answers": Target(_ANSWERS, _deliver),
    "requests": Target(_REQUESTS, _converse, (ValueError, RecursionError)),
    "psk": Target([b"0123456789abcdef" * 2 + b"\n"], _text(key_of), (ValueError,)),
    "rows": Target([Row.of(1, "h", _BATCH.values).body], lambda data: Row(1, "h", 1, 2, data).decoded()),
    "agent": Target(
        [
            b"Server=a,10.0.0.0/8\nServerActive=b;c\nHostname=x,y\nTLSConnect=psk\nTLSPSKIdentity=i\n",
            b"UserParameter=tcp.status[*],ss -ant | grep -c $1\nUserParameter=tcp.timew,netstat -an\n",
        ],
        _text(lambda t: translate(settings(t))),
    ),
    "explain": Target([b"close_wait", b"tcpwatchd.sockets[close_wait]", b"TIME-WAIT"], _text(explain)),
    "configuration": Target(_SMALL, _text(lambda t: config.parse(t, "f")), (ConfigError,)),
    "example": Target([_EXAMPLE], _text(lambda t: config.parse(t, "f")), (ConfigError,)),
}


class FoundError(Exception):
    """An input that brought an error which is not documented."""


def run(name: str, seed: int, inputs: int, first: int = 0) -> None:
    """Feeds so many inputs, from number `first` on. FoundError with what repeats the first bad one."""
    target = TARGETS[name]
    for nth in range(first, first + inputs):
        data = mutated(random.Random(f"{seed} {nth}"), target.seeds)  # noqa: S311 - to repeat, no secret
        try:
            target.feed(data)
        except target.errors:
            continue
        except Exception as error:
            again = f"python -m tests.fuzz --seed {seed} --inputs 1 --only {nth} {name}"
            raise FoundError(f"{type(error).__name__}: {error}\n{again}\n{data.hex()}") from error


def main() -> int:
    """Feeds each target, and prints how that went."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=MANY)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, default=0, metavar="N", help="begin at the N-th input")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    given = parser.parse_args()
    failed = 0
    for name in given.targets or TARGETS:
        began_s = time.monotonic()
        try:
            run(name, given.seed, given.inputs, given.only)
        except FoundError as error:
            failed += 1
            print(f"{name}: {error}", flush=True)
        else:
            rate = given.inputs / max(1e-9, time.monotonic() - began_s)
            print(
                f"{name:<18}{given.inputs:>10,} inputs, {rate:>9,.0f} a second, seed {given.seed}", flush=True
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
