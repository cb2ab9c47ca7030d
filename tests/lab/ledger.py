"""The proof that nothing is lost: what a spool has taken, held against what has arrived.

The reference is the spool itself: a destination that is dead for the whole run keeps every push in it that
was ever committed. It is read here with SQL of its own, so that an error in the spool's code cannot hide
itself.
"""

from __future__ import annotations

import json
import socket
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tcpwatchd.metrics.self_metrics import BY_DELIVERY
from tcpwatchd.model.batch import Value
from tcpwatchd.model.clock import Stamp

Values = tuple[Value, ...]


@contextmanager
def dead_destination() -> Iterator[str]:
    """An entry of zabbix.servers that refuses every connection; nobody else can get its port meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def committed(spool: Path) -> Values:
    """Every value that is in the spool's table of pushes, in the order in which it was put there."""
    with closing(sqlite3.connect(spool)) as sql:
        bodies = sql.execute("SELECT body FROM push ORDER BY id").fetchall()
    return tuple(
        Value(key, text, Stamp(*stamp)) for (body,) in bodies for key, text, *stamp in json.loads(body)
    )


@dataclass(frozen=True)
class Verdict:
    """What is wrong with what has arrived; nothing, if it is all empty.

    `doubled` is whatever is there beyond what was committed: a row a second time, or one under a stamp that
    nothing was committed with. `out_of_order` are values that came after a younger one of their item.
    """

    lost: Values
    doubled: Values
    changed: Values
    out_of_order: Values

    def __bool__(self) -> bool:
        """True if all is well."""
        return not (self.lost or self.doubled or self.changed or self.out_of_order)

    def __str__(self) -> str:
        """The figures, and of each fault the first few."""
        faults = {
            "lost": self.lost,
            "doubled": self.doubled,
            "changed": self.changed,
            "out of order": self.out_of_order,
        }
        figures = ", ".join(f"{name} {len(values)}" for name, values in faults.items())
        shown = [f"{name}: {value}" for name, values in faults.items() for value in values[:5]]
        return "\n".join([figures, *shown])


def compare(taken: Sequence[Value], arrived: Sequence[Value]) -> Verdict:
    """What was committed against what has arrived, both in their order.

    A value that was taken out of order is a fault as well: its stamp is not younger than the one before. What
    the delivery adds to requests is in no spool.
    """
    arrived = [value for value in arrived if value.key not in BY_DELIVERY]
    expected = {(value.key, value.stamp): value for value in taken}
    found = {(value.key, value.stamp): value for value in reversed(arrived)}  # the first of each counts
    times = Counter((value.key, value.stamp) for value in arrived)
    beyond = tuple(found[row] for row, count in times.items() for _ in range(count - (row in expected)))
    return Verdict(
        lost=tuple(value for row, value in expected.items() if row not in found),
        doubled=beyond,
        changed=tuple(
            value
            for row, value in expected.items()
            if row in found and _comparable(found[row].text) != _comparable(value.text)
        ),
        out_of_order=(*_late(taken), *_late(found[row] for row in times)),
    )


def stored_behind(verdict: Verdict, taken: Sequence[Value]) -> Verdict:
    """The verdict without one push that the server has stored behind the next.

    Each request comes by a trapper process of its own, and a loaded server may hold one up between its answer
    and the history: seen once with 6.0. The daemon sends nothing before it has the answer. So it is no fault
    of ours if it is one push alone, and the spool had it in order.
    """
    if _late(taken) or len({value.stamp.clock for value in verdict.out_of_order}) != 1:
        return verdict
    return replace(verdict, out_of_order=())


def as_history(arrived: Iterable[Value]) -> Values:
    """What Zabbix makes of repeats: one row of what came twice. A repeat with another text stays in sight.
    Without what the delivery adds to requests.
    """
    return tuple(dict.fromkeys(value for value in arrived if value.key not in BY_DELIVERY))


def _late(values: Iterable[Value]) -> Values:
    youngest: dict[str, Stamp] = {}
    late = []
    for value in values:
        if value.key in youngest and value.stamp <= youngest[value.key]:
            late.append(value)
        else:
            youngest[value.key] = value.stamp
    return tuple(late)


def _comparable(text: str) -> float | str:
    """Numbers by what they are worth: a database may spell 0.00001 as 1e-05."""
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        return text
