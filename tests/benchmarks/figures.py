"""How the pictures of the report look, and the one about smoothness."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("svg")
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "unetscope",  # the same figures give the same file
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)

from matplotlib import pyplot  # noqa: E402

from benchmarks.rows import Row  # noqa: E402

# Okabe and Ito: stay apart for colour-blind people.
BLUE, ORANGE, GREY, GREEN = "#0072B2", "#E69F00", "#7F7F7F", "#009E73"
SKY, VERMILION, BLACK = "#56B4E9", "#D55E00", "#000000"


def stalls(rows: Sequence[Row], path: Path) -> None:
    """How late the event loop was, as the share of beats later than a time."""
    figure, axis = pyplot.subplots(figsize=(5.5, 2.8), constrained_layout=True)
    for row, color in zip(rows, (GREY, ORANGE, BLUE), strict=False):
        edges = np.array(row["histogram"]["edges_ms"])
        counts = np.array(row["histogram"]["counts"])
        later = 1 - np.cumsum(counts) / counts.sum()
        shown = later > 0
        axis.step(edges[1:][shown], later[shown], where="post", color=color, label=row["condition"])
    for limit in (50, 250):
        axis.axvline(limit, color="black", lw=0.7, ls=":")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="later than (ms)",
        ylabel="share of heartbeats",
        xticks=(5, 20, 50, 100, 250),
    )
    axis.set_xticks((5, 20, 50, 100, 250), ("5", "20", "50", "100", "250"))
    axis.minorticks_off()
    axis.legend(frameon=False)
    save(figure, path)


def save(figure: Any, path: Path) -> None:
    """Write an SVG and close the figure; white behind it, so that dark pages can show it too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)
