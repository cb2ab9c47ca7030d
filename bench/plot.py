"""The picture: CPU seconds of one sample over the number of sockets, one line a contender."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .figures import Measured
from .plan import AS_NOBODY, OURS, OURS_IN_FULL
from .report import seconds

_OURS = "#b3261e"
_OTHERS = ("#1f5a94", "#5b7f2b", "#7a4b9c", "#a06a12", "#2b7f7a", "#6b6b6b", "#94426b", "#3d4f5c")


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Where labels stand that want to be at `heights`: ascending, at least `gap` apart, moved little."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    groups: list[list[float]] = []  # middle, count
    for index in order:
        groups.append([heights[index], 1.0])
        while len(groups) > 1 and groups[-1][0] - groups[-2][0] < gap * (groups[-1][1] + groups[-2][1]) / 2:
            upper, lower = groups.pop(), groups.pop()
            count = upper[1] + lower[1]
            groups.append([(upper[0] * upper[1] + lower[0] * lower[1]) / count, count])
    places = [
        middle + gap * (number - (count - 1) / 2) for middle, count in groups for number in range(int(count))
    ]
    placed = [0.0] * len(heights)
    for index, place in zip(order, places):
        placed[index] = place
    return placed


def svg_pyplot() -> Any:
    """matplotlib.pyplot, for SVG; None where matplotlib is missing."""
    try:
        import matplotlib  # noqa: PLC0415 - an extra, and half a second
    except ImportError:
        return None
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "tcpwatchd"  # else every run writes other names into the file
    from matplotlib import pyplot  # noqa: PLC0415 - as above

    return pyplot


def draw(by_size: Mapping[int, Sequence[Measured]], paths: Sequence[Path]) -> bool:
    """Writes it, in the form that each name asks for; False where matplotlib is missing."""
    pyplot = svg_pyplot()
    if pyplot is None:
        return False
    lines: dict[str, list[tuple[int, float]]] = {}
    for sockets, measured in by_size.items():
        for one in measured:
            if one.samples and one.contender != AS_NOBODY:  # which has one size only
                lines.setdefault(one.contender, []).append((sockets, one.cpu_s))
    figure, axes = pyplot.subplots(figsize=(9, 5.6), facecolor="white")
    _frame(axes, list(by_size))
    bottom, top = _decades(lines.values())
    axes.set_ylim(bottom, top)
    places = spread([_height(line[-1][1], bottom, top) for line in lines.values()], 0.05)
    colours = itertools.cycle(_OTHERS)
    for name, place in zip(lines, places):
        ours = name == OURS
        colour = _OURS if name in (OURS, OURS_IN_FULL) else next(colours)
        sizes, costs_s = [list(column) for column in zip(*lines[name])]
        axes.plot(
            sizes,
            costs_s,
            color=colour,
            linewidth=3.2 if ours else 1.4,
            linestyle="dashed" if name == OURS_IN_FULL else "solid",
            marker="o",
            markersize=6 if ours else 3.5,
            zorder=3 if ours else 2,
        )
        axes.annotate(
            f"{name}  {seconds(costs_s[-1])}",
            (sizes[-1], costs_s[-1]),
            xytext=(1.03, place),
            textcoords="axes fraction",
            va="center",
            color=colour,
            fontsize=11.5 if ours else 10,
            fontweight="bold" if ours else "normal",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3},
        )
    for path in paths:
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, bbox_inches="tight", pad_inches=0.25, dpi=110, metadata=metadata)
    pyplot.close(figure)
    return True


def _frame(axes: Any, sizes: Sequence[int]) -> None:
    """Everything but the lines."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title("CPU time of one sample of all TCP socket states", loc="left", fontsize=13, pad=14)
    axes.set_xlabel("sockets")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _position: seconds(value).replace(".0", ""))
    axes.grid(color="#e2e2e2", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


def _decades(lines: Iterable[Sequence[tuple[int, float]]]) -> tuple[float, float]:
    """Whole powers of ten around all that is drawn."""
    every = [cpu_s for line in lines for _sockets, cpu_s in line]
    return 10.0 ** math.floor(math.log10(min(every))), 10.0 ** math.ceil(math.log10(max(every)))


def _height(cpu_s: float, bottom: float, top: float) -> float:
    """Where it stands on the axis, from 0 to 1."""
    return math.log(cpu_s / bottom) / math.log(top / bottom)
