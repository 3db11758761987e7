"""The pictures of the report, as SVG."""

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

from benchmarks.comparing import by_set, mean, scores  # noqa: E402
from benchmarks.quality import FOREST, INSTANT, TUNED  # noqa: E402
from benchmarks.rows import Row  # noqa: E402

# Okabe and Ito: stay apart for colour-blind people.
BLUE, ORANGE, GREY, GREEN = "#0072B2", "#E69F00", "#7F7F7F", "#009E73"
_BELOW: dict[str, Any] = {"loc": "outside lower center", "ncols": 3, "frameon": False}
_PANELS = (("same", "rest of the painted image"), ("other", "another image of the set"))


def dice_over_seconds(instant: Sequence[Row], training: Sequence[Row], path: Path) -> None:
    """Dice against seconds of training, with the forest and the instant answer as levels."""
    figure, axes = pyplot.subplots(1, 2, figsize=(7.5, 3.1), constrained_layout=True)
    times = sorted({row["seconds"] for row in training if row["system"] == TUNED})
    for axis, (image, title) in zip(axes, _PANELS, strict=True):
        tasks = sorted({row["task"] for row in training})
        first = [row for row in instant if row["seed"] == 0]
        forest = mean(scores(first, FOREST, image), tasks)
        head = mean(scores(training, INSTANT, image))
        line = [head, *(mean(scores(training, TUNED, image, t)) for t in times)]
        axis.axhline(forest, color=GREY, ls="--", label="random forest")
        axis.axhline(head, color=ORANGE, ls=":", label="instant answer")
        axis.plot([0, *times], line, "o-", color=BLUE, ms=4, label="what the user sees")
        axis.set(title=title, xlabel="seconds of training")
        axis.set_xscale("symlog", linthresh=1)
        axis.set_xticks([0, *times], [f"{t:g}" for t in [0, *times]])
        axis.minorticks_off()
        values = [forest, head, *line]
        axis.set_ylim(min(values) - 0.02, max(values) + 0.02)
    axes[0].set_ylabel("mean class Dice")
    figure.legend(*axes[1].get_legend_handles_labels(), **_BELOW)
    _save(figure, path)


def gain_by_set(
    instant: Sequence[Row], training: Sequence[Row], unseen: set[str], path: Path
) -> None:
    """What is gained over the forest, set by set; those never trained on above, with a star."""
    last = max((r["seconds"] for r in training if r["system"] == TUNED), default=0.0)
    first = [row for row in instant if row["seed"] == 0]
    names = sorted(by_set(scores(instant, FOREST, "same")), key=lambda n: (n in unseen, n))
    height = 1.2 + 0.28 * len(names)
    figure, axes = pyplot.subplots(1, 2, figsize=(7.5, height), sharey=True, layout="constrained")
    for axis, (image, title) in zip(axes, _PANELS, strict=True):
        forest, head = (by_set(scores(instant, s, image)) for s in (FOREST, INSTANT))
        forest_0 = by_set(scores(first, FOREST, image))
        tuned = by_set(scores(training, TUNED, image, last))
        axis.axvline(0, color=GREY, lw=1)
        for row, name in enumerate(names):
            axis.plot(head[name] - forest[name], row, "o", color=ORANGE, label="instant answer")
            if name in tuned:
                gain = tuned[name] - forest_0[name]
                axis.plot(gain, row, "D", ms=5, color=BLUE, mfc="none", label=f"after {last:g} s")
        axis.set(title=title, xlabel="Dice above the random forest")
        axis.set_yticks(range(len(names)), [n + ("  *" if n in unseen else "") for n in names])
        axis.grid(axis="y", lw=0.3)
    handles, labels = axes[1].get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once.keys(), **_BELOW)
    _save(figure, path)


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
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    pyplot.close(figure)
