"""The pictures about Dice, as SVG: against strokes, seconds and rounds, by set, and reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.baselines import BOOSTING, FOREST, ILASTIK
from benchmarks.comparing import Pick, by_set, mean
from benchmarks.evidence import Evidence
from benchmarks.figures import BLACK, BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, pyplot, save
from benchmarks.plan import Plan
from benchmarks.quality import HEAD, INSTANT, OWN, TUNED
from benchmarks.scratch import SCRATCH

# Told apart by marker and line as well as by colour.
_LOOKS: Mapping[str, Mapping[str, Any]] = {
    TUNED: {"color": BLUE, "marker": "D", "ls": "-"},
    INSTANT: {"color": ORANGE, "marker": "o", "ls": "-"},
    HEAD: {"color": SKY, "marker": "^", "ls": "--"},
    FOREST: {"color": BLACK, "marker": "s", "ls": "-"},
    ILASTIK: {"color": GREY, "marker": "v", "ls": "--"},
    BOOSTING: {"color": GREEN, "marker": "x", "ls": ":"},
    SCRATCH: {"color": VERMILION, "marker": "P", "ls": "-."},
    FOREST + OWN: {"color": BLACK, "marker": "x", "ls": ":"},
}
_PANELS = (("same", "rest of the painted image"), ("other", "another image of the set"))
_LINE: Mapping[str, Any] = {"ms": 4, "lw": 1.3}


def dice_over_strokes(found: Evidence, plan: Plan, path: Path) -> None:
    """Dice against strokes a class, of everything that was measured."""
    figure, axes = _panels(1)
    counts = found.numbers("instant", "strokes_per_class")
    last = max(plan.checkpoints_s)
    for axis, (image, title) in zip(axes[0], _PANELS, strict=True):
        for system in (FOREST, ILASTIK, BOOSTING, SCRATCH, HEAD, INSTANT, TUNED):
            trained = system in (TUNED, SCRATCH)
            seconds = last if trained else None
            line = {n: mean(found.scores(Pick(system, int(n), seconds), image)) for n in counts}
            label = f"{system}, {last:g} s" if trained else system
            _line(axis, line, system, label)
        axis.set(title=title, xlabel="strokes a class", xscale="log")
        axis.set_xticks(counts, [f"{n:g}" for n in counts])
        axis.minorticks_off()
    _finish(figure, axes, path, columns=4)


def dice_over_seconds(found: Evidence, plan: Plan, path: Path) -> None:
    """Dice against seconds of training; a row of panels for every number of strokes."""
    counts = [int(n) for n in found.numbers("training", "strokes_per_class")]
    figure, axes = _panels(len(counts))
    times = found.checkpoints_s()
    for row, strokes in zip(axes, counts, strict=True):
        for axis, (image, title) in zip(row, _PANELS, strict=True):
            _seconds_panel(axis, found, strokes, image, times)
            axis.set(title=f"{strokes} strokes a class, {title}", xlabel="seconds of training")
            axis.set_xscale("symlog", linthresh=1)
            axis.set_xticks([0, *times], [f"{t:g}" for t in [0, *times]])
            axis.minorticks_off()
    _finish(figure, axes, path, columns=4)


def _seconds_panel(
    axis: Any, found: Evidence, strokes: int, image: str, times: Sequence[float]
) -> None:
    began = found.at_the_start(strokes, image)
    line = {t: mean(found.scores(Pick(TUNED, strokes, t), image)) for t in times}
    _line(axis, {0.0: mean(began), **line}, TUNED, "what the user sees")
    scratch = {t: mean(found.scores(Pick(SCRATCH, strokes, t), image)) for t in times}
    _line(axis, scratch, SCRATCH, SCRATCH)
    axis.axhline(mean(began), color=ORANGE, ls=":", lw=1.3, label="instant answer")
    forest = found.scores(Pick(FOREST, strokes), image)
    level = mean({key: forest[key] for key in forest if key in began})
    axis.axhline(level, color=BLACK, ls="--", lw=1.3, label=FOREST)


def gain_by_set(found: Evidence, plan: Plan, path: Path) -> None:
    """What is gained over the forest with five strokes, set by set; unseen sets have a star."""
    last, unseen = max(plan.checkpoints_s), found.unseen_sets
    names = sorted(by_set(found.scores(Pick(FOREST, 5), "same")), key=lambda n: (n in unseen, n))
    height = 1.3 + 0.28 * len(names)
    figure, axes = pyplot.subplots(1, 2, figsize=(7.5, height), sharey=True, layout="constrained")
    for axis, (image, title) in zip(axes, _PANELS, strict=True):
        forest = found.scores(Pick(FOREST, 5), image)
        axis.axvline(0, color=GREY, lw=1)
        for pick, label in (
            (Pick(INSTANT, 5), "instant answer"),
            (Pick(TUNED, 5, last), f"after {last:g} s"),
        ):
            ours = found.scores(pick, image)
            gains = by_set({key: ours[key] - forest[key] for key in ours if key in forest})
            rows = [names.index(name) for name in gains]
            looks = {**_LOOKS[pick.system], "ls": "", "mfc": "none"}
            axis.plot(list(gains.values()), rows, ms=5, label=label, **looks)
        axis.set(title=title, xlabel="Dice above the random forest")
        axis.set_yticks(range(len(names)), [n + ("  *" if n in unseen else "") for n in names])
        axis.grid(axis="y", lw=0.3)
    _legend(figure, axes, 2)
    save(figure, path)


RELIABILITY_STROKES = 5  # a class, in the picture of reliability


def reliability(found: Evidence, plan: Plan, path: Path) -> None:
    """Share of right pixels against confidence, all tasks in equal parts."""
    figure, axes = pyplot.subplots(1, 2, figsize=(7.5, 3.6), sharey=True, layout="constrained")
    for axis, (image, title) in zip(axes, _PANELS, strict=True):
        axis.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls="--")
        for system in (FOREST, INSTANT, TUNED):
            last = max(plan.checkpoints_s) if system == TUNED else None
            curve = _pooled(found, Pick(system, RELIABILITY_STROKES, last), f"bins_{image}")
            label = f"{system}, {last:g} s" if last else system
            _line(axis, curve, system, label)
        axis.set(title=title, xlabel="confidence", xlim=(0.3, 1), ylim=(0, 1))
    axes[0].set_ylabel("share of pixels that are right")
    _legend(figure, axes, 3)
    save(figure, path)


def _pooled(found: Evidence, pick: Pick, column: str) -> dict[float, float]:
    """Mean confidence → share that is right, of bins that hold at least a thousandth of pixels."""
    bins = [np.array(b) for b in found.bins(pick, column)]
    if not bins:
        return {}
    share = np.sum([b[:, 0] for b in bins], axis=0)
    sure, right = (np.sum([b[:, 0] * b[:, i] for b in bins], axis=0) for i in (1, 2))
    kept = share > 1e-3 * share.sum()
    return dict(zip(sure[kept] / share[kept], right[kept] / share[kept], strict=True))


def dice_over_rounds(found: Evidence, plan: Plan, path: Path) -> None:
    """Dice after each round of corrections."""
    figure, axes = _panels(1)
    turns = [int(turn) for turn in found.numbers("corrective", "turn")]
    labels = {
        TUNED: f"fine-tuned, {plan.round_s:g} s a round",
        INSTANT: "instant, same strokes",
        FOREST: f"{FOREST}, same strokes",
        ILASTIK: f"{ILASTIK}, same strokes",
        FOREST + OWN: f"{FOREST}, its own errors",
    }
    for axis, (image, title) in zip(axes[0], _PANELS, strict=True):
        for system, label in labels.items():
            line = {
                turn: mean(found.corrected(Pick(system, plan.first_strokes, turn=turn), image))
                for turn in turns
            }
            _line(axis, line, system, label)
        axis.set(title=title, xlabel=f"rounds of {plan.corrections} corrections", xticks=turns)
    _finish(figure, axes, path, columns=3)


def _panels(rows: int) -> tuple[Any, Any]:
    return pyplot.subplots(
        rows, 2, figsize=(7.5, 0.7 + 2.6 * rows), layout="constrained", squeeze=False
    )


def _line(axis: Any, points: Mapping[float, float], system: str, label: str) -> None:
    """A line through what was measured; nothing where nothing was."""
    there = {x: y for x, y in points.items() if not np.isnan(y)}
    if there:
        axis.plot(list(there), list(there.values()), label=label, **_LINE, **_LOOKS[system])


def _finish(figure: Any, axes: Any, path: Path, columns: int) -> None:
    for row in axes:
        row[0].set_ylabel("mean class Dice")
        for axis in row:
            _fit_to_all_but_scratch(axis)
    _legend(figure, axes.ravel(), columns)
    save(figure, path)


def _fit_to_all_but_scratch(axis: Any) -> None:
    """Training from scratch begins far below; it may leave the panel, so that others stay apart."""
    lines = [line for line in axis.get_lines() if line.get_color() != VERMILION]
    values = [value for line in lines for value in line.get_ydata()]
    if values:
        lowest, highest = min(values), max(values)
        axis.set_ylim(bottom=max(axis.get_ylim()[0], lowest - 0.05 - 0.5 * (highest - lowest)))


def _legend(figure: Any, axes: Sequence[Any], columns: int) -> None:
    """One legend below, with each label once."""
    found: dict[str, Any] = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    figure.legend(
        found.values(), found.keys(), loc="outside lower center", ncols=columns, frameon=False
    )
