"""Whatever one part of a push raises, expected or not, costs that part of that push and no more."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from tcpwatchd.diagnosis.services import Service
from tcpwatchd.model.errors import SampleError
from tcpwatchd.model.sockets import State, Tally, Walk
from tcpwatchd.model.window import Limit, Namespace, Ports
from tests.lab.fakes import NoneIsOld, tally
from tests.lab.sample_stand import Stand

RAISED = pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a bug"),
        MemoryError(),
        RecursionError(),
        ValueError("12"),
        OSError(5, "I/O"),
        SampleError("no"),
    ],
    ids=lambda error: type(error).__name__,
)
YAML = """\
services: [{name: web, local_ports: [80]}]
namespaces: true
culprits: {threshold: 1}
"""
# What each part brings to a push: one key of it.
BROUGHT = {
    "ports": "tcpwatchd.ports[used]",
    "services": "tcpwatchd.service[web,established]",
    "namespaces": "tcpwatchd.namespace[c1,established]",
    "culprits": "tcpwatchd.culprits[close_wait]",
    "counters": "tcpwatchd.counter[ActiveOpens]",
    "limits": "tcpwatchd.limit.used[orphans]",
}


@dataclass
class Inspector(NoneIsOld):
    """Answers every look, but for those that are broken."""

    broken: dict[str, Exception] = field(default_factory=dict)
    beats: int = 0

    def _ask(self, what: str) -> None:
        if error := self.broken.get(what):
            raise error

    def ports(self, _connections: int) -> Ports:
        self._ask("ports")
        return Ports("192.0.2.7:80", "192.0.2.1", self.beats, 100)

    def culprits(
        self, states: Collection[State], now_s: float, _totals: Mapping[State, int]
    ) -> Mapping[State, str]:
        self._ask("culprits")
        return dict.fromkeys(states, f"java[1] at {now_s:g}")

    def forget(self, state: State) -> None:
        self._ask(f"forget {state.parameter}")

    def services(
        self, configured: Sequence[Service], discover: bool, _connections: int
    ) -> Mapping[str, Tally]:
        self._ask("services")
        return {service.name: Tally() for service in configured if not discover}

    def namespaces(self) -> Mapping[str, Namespace]:
        self._ask("namespaces")
        return {"c1": Namespace(1, 2, 3, 4)}


class Broken(Mapping[str, Limit]):
    """Limits that can be counted, and not be read."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getitem__(self, name: str) -> Limit:
        raise self._error

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


class Host(Stand):
    """A sample loop of which parts can be broken."""

    def __init__(self, directory: Path) -> None:
        self.closer = Inspector()
        self.beats = 0
        super().__init__(
            directory, Walk(tally(established=3, close_wait=2), Tally()), yaml=YAML, closer=self.closer
        )

    def push(self) -> dict[str, str]:
        """What the next push brings, by key; as it stands in the spool."""
        self.beats += 1
        self.closer.beats = self.beats
        self.counters = {"ActiveOpens": self.beats}
        if not isinstance(self.limits, Broken):
            self.limits = {"orphans": Limit(self.beats, 100)}
        before = len(self.pushes)
        self.steps(60)
        assert len(self.pushes) == before + 1
        values: dict[str, str] = {}
        while (batch := self.spool.peek("a", 10_000)) is not None:
            values = {value.key: value.text for value in batch.values}
            self.spool.ack("a", batch.last_id)
        return values


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    host.steps(1)
    host.push()
    yield host
    host.spool.close()


def break_part(host: Host, part: str, error: Exception) -> None:
    def fail() -> NoReturn:
        raise error

    if part == "counters":
        host.count = fail
    elif part == "limits":
        host.measure = fail
    else:
        host.closer.broken[part] = error


@RAISED
@pytest.mark.parametrize("part", BROUGHT)
def test_the_rest_of_the_push_is_delivered(
    host: Host, part: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    whole = host.push()
    assert set(BROUGHT.values()) <= whole.keys()
    break_part(host, part, error)
    with caplog.at_level(logging.WARNING):
        partial = host.push()
        host.push()
    assert BROUGHT[part] not in partial
    assert partial.keys() >= {key for name, key in BROUGHT.items() if name != part}
    assert "tcpwatchd.sockets[established]" in partial
    assert partial["tcpwatchd.self[failures]"] == "1"
    expected = isinstance(error, (SampleError, OSError))
    (record,) = caplog.records  # once, though it failed twice
    assert (record.exc_info is None) == expected


@RAISED
def test_one_value_that_cannot_be_told_is_absent_alone(
    host: Host, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    whole = host.push()
    host.limits = Broken(error)
    with caplog.at_level(logging.WARNING):
        partial = host.push()
    gone = {key for key in whole if key.startswith("tcpwatchd.limit")}
    assert partial.keys() >= whole.keys() - gone - {"tcpwatchd.self[failures]"}
    host.limits = {}
    # Values are told after the daemon's own are known: they are counted with the next push.
    assert int(host.push()["tcpwatchd.self[failures]"]) > 0
    assert host.push().keys() >= whole.keys() - {"tcpwatchd.self[failures]"}


@RAISED
def test_a_sample_that_fails_is_dropped_and_the_next_one_is_taken(host: Host, error: Exception) -> None:
    host.push()
    host.backend.answers = [error]
    failed = host.push()
    assert failed["tcpwatchd.self[samples_dropped]"] == "60"
    assert "tcpwatchd.sockets[established]" not in failed
    host.backend.answers = [Walk(tally(established=4), Tally())]
    assert host.push()["tcpwatchd.sockets[established]"] == "4"


def test_what_works_again_is_said_and_counts_no_more(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    break_part(host, "namespaces", RuntimeError("a bug"))
    host.push()
    host.closer.broken.clear()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert BROUGHT["namespaces"] in host.push()
    assert [record.getMessage() for record in caplog.records] == ["counting network namespaces: works again"]
