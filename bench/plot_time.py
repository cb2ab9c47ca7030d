"""The picture of cost over time: CPU time of the whole daemon in each second, spikes included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .plan import EVERY_FEATURE, WHOLE
from .plot import svg_pyplot
from .whole_figures import Accounted

_COLOURS = {WHOLE: "#b3261e", EVERY_FEATURE: "#1f5a94"}


def draw(accounted: Sequence[Accounted], path: Path) -> bool:
    """Writes it as SVG; False where matplotlib is missing."""
    pyplot = svg_pyplot()
    if pyplot is None:
        return False
    shown = [one for one in accounted if one.who in _COLOURS]
    figure, every_axes = pyplot.subplots(
        len(shown), 1, figsize=(9, 5.2), sharex=True, sharey=True, facecolor="white", squeeze=False
    )
    for axes, one in zip(every_axes[:, 0], shown):
        width_s = one.elapsed_s / max(1, len(one.spent_s))
        starts_s = [nth * width_s for nth in range(len(one.spent_s))]
        spent_ms = [1000 * spent_s / width_s for spent_s in one.spent_s]
        axes.bar(starts_s, spent_ms, width=width_s, align="edge", color=_COLOURS[one.who])
        axes.axhline(1000 * one.share, color="#333333", linewidth=0.8, linestyle="dashed")
        title = f"{one.who}: mean {1000 * one.share:.1f} ms a second, {one.audits} audits"
        axes.set_title(title, loc="left", fontsize=11)
        axes.grid(axis="y", color="#e2e2e2", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_ylabel("ms of CPU a second")
        axes.tick_params(length=0)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    every_axes[-1, 0].set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(path, bbox_inches="tight", pad_inches=0.2, metadata={"Date": None})
    pyplot.close(figure)
    return True
