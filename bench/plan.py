"""What is measured: how many sockets, how often, and what has to come out.

Pure: no file, process or clock.
"""

from __future__ import annotations

from dataclasses import dataclass

BASE_SOCKETS = 200  # where memory is measured first; nothing else is
GROWTH = (1_000, 10_000, 100_000)
FULL_SOCKETS = 500_000  # from here on the targets are binding
ROUNDS = 3
TURN_S = 2.0  # of ours: twenty samples and a push
HALF_CLOSED_PERCENT = 1  # of the sockets: so many pairs of CLOSE_WAIT and FIN_WAIT2 come on top


@dataclass(frozen=True)
class Mix:
    """How many sockets stand in each state, both families together."""

    established: int
    close_wait: int
    fin_wait2: int

    @classmethod
    def of(cls, sockets: int) -> Mix:
        """What a farm of `sockets` ESTABLISHED ones holds."""
        half_closed = max(1, sockets * HALF_CLOSED_PERCENT // 100)
        return cls(sockets // 2 * 2, half_closed, half_closed)

    def differences(self, made: Mix) -> str:
        """Where this count, by a contender, is not what was made; empty if it is near enough.

        1 %, or twenty, because a contender's own connections come and go; but none where there are some is
        always a difference.
        """
        pairs = (
            ("ESTABLISHED", self.established, made.established),
            ("CLOSE_WAIT", self.close_wait, made.close_wait),
            ("FIN_WAIT2", self.fin_wait2, made.fin_wait2),
        )
        return ", ".join(
            f"{seen:,} {state} of {there:,}"
            for state, seen, there in pairs
            if abs(seen - there) > max(20, there // 100) or (there and not seen)
        )


def sizes(sockets: int) -> tuple[int, ...]:
    """The growth up to `sockets`, ascending."""
    return (*(size for size in GROWTH if size < sockets), sockets)


@dataclass(frozen=True)
class Target:
    """`contender`: its name. One sample of ours may take at most `most` times the CPU of one of its."""

    contender: str
    most: float


SS, NETSTAT, PSUTIL = "ss -tan | awk", "netstat -nat | awk", "psutil.net_connections"
COLLECTD, NODE_EXPORTER, BPF = "collectd tcpconns", "node_exporter tcpstat", "BPF iter/tcp"
AGENTD, AGENT2 = "zabbix_agentd, 11 items", "zabbix_agent2, 11 items"
OURS, AS_NOBODY, OURS_IN_FULL = "tcpwatchd", "tcpwatchd as nobody", "tcpwatchd, full dumps"

WHOLE, WHOLE_AS_NOBODY = "whole daemon, defaults", "whole daemon, defaults, as nobody"
EVERY_FEATURE = "whole daemon, every feature"
EVERY_FEATURE_AS_NOBODY = "whole daemon, every feature, as nobody"
PUSHES = 10  # of the whole daemon that are accounted
WHOLE_S = 600.0  # which they take: one a minute, the default

TARGETS = (Target(COLLECTD, 0.15), Target(BPF, 0.27), Target(SS, 0.07), Target(AGENTD, 0.007))
# Everything that the daemon does in these minutes, divided by the samples it took. The walk alone, nearly all
# of it the kernel's, is 0.0037 of eleven items of the agent: no target below that can be met.
WHOLE_TARGETS = (Target(COLLECTD, 0.20), Target(AGENTD, 0.006))
EVERY_FEATURE_TARGETS = (Target(COLLECTD, 0.30),)
BUDGET_SHARE = 0.01  # of one core, budget.cpu_percent by default
MOST_BURST_WALKS = 2.0  # audits aside; the longest of ours by the longest of `bare_walk`
LEAST_TICKS = 0.99
MOST_AT_REST_BYTES = 28_000_000
MOST_EVERY_FEATURE_GROWTH_BYTES, MOST_EVERY_FEATURE_PEAK_BYTES = 2_000_000, 6_000_000
MOST_COMMAND_S = 0.12  # CPU time of `tcpwatchd sample`
SERVICES = """\
services:
  - {name: farm, local_ports: ["1024-65535"]}
  - {name: to_farm, remote_ports: ["1024-65535"], remote_addresses: [127.0.0.0/8, "::1/128"]}
"""
CLOSE_SOCKETS = 120  # unconnected ones in the farm, so that their holders are looked up
# Of the daemon's resident memory, from BASE_SOCKETS to the last size. Since when each half-closed socket is
# known takes 24 bytes, and twice that while they are compared.
MOST_GROWTH_BYTES = 2_000_000
