"""Cookies: numbers that the kernel gives to sockets, by which a socket is known again at the next look.

A socket has its cookie from the first time it is shown until it ends, and no other one gets it before the
host is booted anew. Source: net/core/sock_diag.c (sock_gen_cookie).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

# So many of a state are kept, 8 bytes each. Of more, those that `scale` divides: the same ones at each look.
MOST_COOKIES = 50_000


@dataclass
class Cookies:
    """Those of the sockets of one state: all of them, or one in `scale`."""

    scale: int = 1
    kept: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, cookies: Iterable[int]) -> None:
        """Takes some in."""
        scale = self.scale
        self.kept.extend(cookies if scale == 1 else (cookie for cookie in cookies if not cookie % scale))
        while len(self.kept) > MOST_COOKIES:
            self._thin(2 * self.scale)

    def __add__(self, other: Cookies) -> Cookies:
        """Those of two different groups of sockets."""
        both = Cookies(max(self.scale, other.scale))
        both.add(self.kept)
        both.add(other.kept)
        return both

    def _thin(self, scale: int) -> None:
        self.scale = scale
        self.kept = array("Q", (cookie for cookie in self.kept if not cookie % scale))
