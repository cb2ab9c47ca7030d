"""What a contender is to the bench, and what one turn of it says."""

from __future__ import annotations

import abc
import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from .plan import ROUNDS, Mix


@dataclass(frozen=True)
class Reading:
    """CPU seconds of one sample, the mean of `samples`; peak memory (0: over before anyone looked)."""

    cpu_s: float
    samples: int
    peak_bytes: int
    seen: Mix


class Contender(abc.ABC):
    """Ready for turns between `with` and its end; outside of its turns it uses no CPU.

    `programs` come with the Debian `packages`; of `rounds` it takes part in at most so many.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    programs: ClassVar[tuple[str, ...]]
    rounds: ClassVar[int] = ROUNDS

    def __init__(self, directory: Path) -> None:
        """`directory` is its own to write to."""
        self.directory = directory
        self.ends = contextlib.ExitStack()

    @classmethod
    def missing(cls) -> str:
        """What is not on this machine, in words; empty if all is."""
        absent = [program for program in cls.programs if shutil.which(program) is None]
        if not absent:
            return ""
        return f"{', '.join(absent)} missing; try: apt install {' '.join(cls.packages)}"

    def __enter__(self) -> Contender:
        try:
            self.start()
        except BaseException:
            self.ends.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.ends.close()

    def start(self) -> None:  # noqa: B027 - most have nothing to start
        """Gets ready, and leaves with `ends` how each thing that it started is ended."""

    @abc.abstractmethod
    def turn(self) -> Reading:
        """One or more samples; ContenderError where it cannot do it."""
