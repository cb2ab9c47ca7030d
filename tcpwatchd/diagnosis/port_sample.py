"""Chooses ports so that the sockets that use them are a sample of all: a known part, in many small ranges.

A sample takes ranges at 16 places, because a program's ports are often neighbours. No I/O.
"""

from __future__ import annotations

from collections.abc import Sequence

from tcpwatchd.kernel.port_filter import Filter, Range, any_of, every, local_in, remote_in

ALL_PORTS: Range = (0, 65535)
# So many sockets are read one by one; of more, a sample of about as many, or half.
FEW = 8_192
_PLACES = 16
_MOST_SLICES = 1024


def slices_for(sockets: int, few: int = FEW) -> int:
    """Into how many samples so many sockets are divided, so that one of them has at most `few`; 1: all."""
    slices = 1
    while sockets > few * slices and slices < _MOST_SLICES:
        slices *= 2
    return slices


def sample_ranges(ports: Range, turn: int, slices: int) -> list[Range]:
    """One part in `slices` of the ports; in as many turns each port is taken once. The whole range where it
    is too small to be divided.
    """
    first, last = ports
    spacing = (last - first + 1) // _PLACES
    width = -(-spacing // slices)
    begin = turn % slices * width
    if spacing < slices:
        return [ports]
    # The last place also has what is left over at the end of the range.
    ends = [first + nth * spacing for nth in range(1, _PLACES)] + [last + 1]
    begins = [first + nth * spacing + begin for nth in range(_PLACES)]
    ranges = [(at, min(at + width, end) - 1) for at, end in zip(begins, ends)]
    if turn % slices == slices - 1:
        ranges[-1] = (ranges[-1][0], last)
    return [(at, end) for at, end in ranges if at <= end]


def size(ranges: Sequence[Range]) -> int:
    """How many ports these are."""
    return sum(last - first + 1 for first, last in ranges)


def sample_of_state(ephemeral: Range, slices: int) -> Filter:
    """The same part of all sockets at each call, whoever began the connection: by the local port where that
    is an ephemeral one, else by the remote port.
    """
    first, last = ephemeral
    by_remote = remote_in(sample_ranges(ALL_PORTS, 0, slices))
    ours = sample_ranges(ephemeral, 0, slices)
    if ours == [ephemeral]:
        return by_remote
    others = [ports for ports in ((0, first - 1), (last + 1, ALL_PORTS[1])) if ports[0] <= ports[1]]
    if not others:
        return local_in(ours)
    return any_of(local_in(ours), every(local_in(others), by_remote))
