"""Simulates a fleet: when its hosts push, and how their backlogs return to one server after an outage.

    python -m bench.fleet pushes            10,000 hosts started in the same second
    python -m bench.fleet replay            500 hosts with a backlog of one hour
    python -m bench.fleet replay 10000 1    as many hosts, and hours of backlog, as you like

Time is simulated; what decides when a host pushes and sends is the daemon's own (Ticks, Pace, backoff_s). The
server stores so many values a second and takes as many ahead as its history cache holds; when that is full it
holds its answer, as a real one does, and a host that waits longer than zabbix.timeout sends again.
"""

from __future__ import annotations

import heapq
import random
import statistics
import sys
from collections import Counter
from dataclasses import dataclass

from tcpwatchd.delivery.pace import Pace
from tcpwatchd.model.schedule import Ticks, backoff_s

PUSH_S = 60.0
VALUES_A_PUSH = 85
BATCH_SIZE, REPLAY_RATE, REPLAY_DELAY_S, TIMEOUT_S = 250, 1000, 30.0, 10.0
_FAILURES = 60  # of an hour


@dataclass(frozen=True)
class Server:
    """`values_a_second` are stored, `cache_values` are taken ahead; an answer takes `answer_s` at least."""

    values_a_second: float = 20_000
    cache_values: float = 100_000
    answer_s: float = 0.005


@dataclass(frozen=True)
class Replay:
    """How a fleet came back. Seconds count from the return of the server."""

    hosts: int
    median_s: float
    slowest_s: float
    timeouts: int
    timeouts_after_a_minute: int
    utilisation: float
    longest_answer_s: float


def peak_over_mean(hosts: int, minutes: int = 10, seed: int = 1) -> float:
    """Pushes in the busiest second over those in a mean one, of hosts started in the same second; the pushes
    of the first minute aside, the first of which comes at once.
    """
    luck = random.Random(seed)  # noqa: S311 - a seed to repeat, no secret
    seconds: Counter[int] = Counter()
    for nth in range(hosts):
        place = random.Random(f"web-{nth:05}").random()  # noqa: S311 - as the daemon does it
        began_s = luck.uniform(0, 1e6)  # of the steady clock: since when this host is up
        pushes, samples = (Ticks(every_s, began_s, place * PUSH_S) for every_s in (PUSH_S, 1.0))
        at_s = began_s
        while at_s < began_s + 60 * minutes:
            samples.take(at_s)
            if pushes.due(at_s):
                pushes.take(at_s)
                if at_s >= began_s + 90:
                    seconds[int(at_s - began_s)] += 1
            at_s += max(samples.wait_s(at_s), pushes.wait_s(at_s) // 1)
    whole = [seconds[second] for second in range(120, 60 * minutes - 60)]
    return max(whole) / statistics.mean(whole)


class _Host:
    """What waits at one host: a backlog, and what is pushed meanwhile."""

    def __init__(self, backlog: float) -> None:
        self.pace = Pace(REPLAY_RATE, REPLAY_DELAY_S)
        self.backlog = backlog
        self.sent = 0
        self.failures = _FAILURES
        for nth in range(_FAILURES):
            self.pace.failed(-60.0 * (_FAILURES - nth))
        self.done_s: float | None = None

    def waits(self, now_s: float) -> int:
        """Values that wait."""
        return int(self.backlog + now_s * VALUES_A_PUSH / PUSH_S) - self.sent


def replay(
    hosts: int, hours: float, server: Server = Server(), seed: int = 1, most_s: float = 20_000
) -> Replay:
    """Has so many hosts return with a backlog of so many hours, until the last of them has nothing left."""
    luck = random.Random(seed)  # noqa: S311 - a seed to repeat, no secret
    fleet = [_Host(hours * 3600 * VALUES_A_PUSH / PUSH_S) for _ in range(hosts)]
    # Each is somewhere in the longest wait between two attempts.
    due = [(luck.uniform(0, backoff_s(_FAILURES, luck.random())), nth) for nth in range(hosts)]
    heapq.heapify(due)
    stored_until_s, stored, left = 0.0, 0, hosts
    timeouts: list[float] = []
    longest_s = now_s = 0.0
    while due and left and now_s < most_s:
        now_s, nth = heapq.heappop(due)
        host = fleet[nth]
        values = min(host.waits(now_s), host.pace.at_most(BATCH_SIZE))
        if values < 1:
            left -= host.done_s is None
            host.done_s = now_s if host.done_s is None else host.done_s
            heapq.heappush(due, (now_s + PUSH_S, nth))
            continue
        stored_until_s = max(now_s, stored_until_s) + values / server.values_a_second
        held_s = stored_until_s - server.cache_values / server.values_a_second - now_s
        took_s = max(0.0, held_s) + server.answer_s
        longest_s = max(longest_s, took_s)
        if took_s > TIMEOUT_S:  # the server stores it all the same, and once more what is sent again
            timeouts.append(now_s)
            host.failures += 1
            host.pace.failed(now_s + TIMEOUT_S)
            wait_s = TIMEOUT_S + backoff_s(host.failures, luck.random())
        else:
            host.failures = 0
            host.sent += values
            stored += values
            host.pace.delivered(values, now_s + took_s, took_s, luck.random())
            wait_s = took_s + host.pace.wait_s(now_s + took_s)
        heapq.heappush(due, (now_s + wait_s, nth))
    ended = sorted(host.done_s for host in fleet if host.done_s is not None) or [most_s]
    return Replay(
        hosts,
        statistics.median(ended),
        ended[-1] if not left else most_s,
        len(timeouts),
        sum(at_s > 60 for at_s in timeouts),
        stored / (server.values_a_second * now_s),
        longest_s,
    )


def main(arguments: list[str]) -> int:
    """Runs one simulation and prints its figures."""
    if arguments[:1] == ["pushes"]:
        for hosts in (1_000, 10_000):
            ratio = peak_over_mean(hosts)
            print(
                f"{hosts:,} hosts started in one second: {ratio:.2f} x the mean pushes in the busiest second"
            )
        return 0
    if arguments[:1] == ["replay"]:
        hosts, hours = (
            int(arguments[1]) if arguments[1:] else 500,
            float(arguments[2]) if arguments[2:] else 1.0,
        )
        it = replay(hosts, hours)
        print(
            f"{it.hosts:,} hosts with {hours:g} h of backlog, a server that stores 20,000 values a second\n"
            f"  caught up: the median after {it.median_s:,.0f} s, the slowest after {it.slowest_s:,.0f} s\n"
            f"  time-outs: {it.timeouts}, after the first minute {it.timeouts_after_a_minute}; "
            f"the longest answer took {it.longest_answer_s:.1f} s\n"
            f"  the server was used by {100 * it.utilisation:.0f} %"
        )
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
