"""The part of the report about Dice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import figures
from benchmarks.comparing import TIE, by_set, difference, mean, scores, set_of
from benchmarks.plan import Plan
from benchmarks.quality import ALONE, FOREST, HEAD, INSTANT, TUNED
from benchmarks.rows import Row
from benchmarks.tables import Bar, table

Found = Mapping[str, Sequence[Row]]
_IMAGES = (("same", "same image"), ("other", "other image"))


def bars(found: Found, plan: Plan) -> list[Bar]:
    """The targets on Dice, on sets never trained on and on all sets."""
    made = []
    for unseen, where in ((True, "sets never trained on"), (False, "all sets")):
        instant, training = (_chosen(found[s], unseen) for s in ("instant", "training"))
        made.append(
            _gain_bar(
                f"instant answer above the forest, {where}",
                0.02,
                [
                    difference(
                        scores(instant, INSTANT, i), scores(instant, FOREST, i), plan.bootstrap
                    )
                    for i, _ in _IMAGES
                ],
            )
        )
        last = plan.checkpoints_s[-1]
        first = [row for row in instant if row["seed"] == 0]
        made.append(
            _gain_bar(
                f"after {last:g} s above the forest, {where}",
                0.03,
                [
                    difference(
                        scores(training, TUNED, i, last), scores(first, FOREST, i), plan.bootstrap
                    )
                    for i, _ in _IMAGES
                ],
            )
        )
        made.append(_never_below(training, plan, where))
    return made


def _gain_bar(what: str, target: float, gaps: Sequence[object]) -> Bar:
    measured = [gap for gap in gaps if gap is not None]
    if len(measured) < len(_IMAGES):
        return Bar(what, f"≥ {target} on both images", "", None)
    said = ", ".join(f"{name} {gap}" for (_, name), gap in zip(_IMAGES, measured, strict=True))
    met = all(round(gap.mean, 3) >= target for gap in measured)  # type: ignore[attr-defined]
    return Bar(what, f"≥ {target:+.2f} on both images", said, met)


def _never_below(training: Sequence[Row], plan: Plan, where: str) -> Bar:
    gaps = [
        mean(scores(training, TUNED, image, s)) - mean(scores(training, INSTANT, image))
        for s in plan.checkpoints_s
        for image, _ in _IMAGES
        if training
    ]
    what = f"no checkpoint below the instant answer (mean), {where}"
    if not gaps:
        return Bar(what, "≥ 0", "", None)
    single = [
        tuned - scores(training, INSTANT, image)[task]
        for s in plan.checkpoints_s
        for image, _ in _IMAGES
        for task, tuned in scores(training, TUNED, image, s).items()
    ]
    below = sum(gap < -TIE for gap in single)
    said = f"lowest mean {min(gaps):+.4f}; {below} of {len(single)} single answers below by {TIE}"
    return Bar(what, "≥ 0", said, min(gaps) >= 0)


def pages(found: Found, plan: Plan, folder: Path) -> str:
    """Tables and figures: first the sets that pretraining never saw, then all."""
    instant, training = found["instant"], found["training"]
    if not instant:
        return "## Dice\n\nNot measured (it needs the real micrographs, see `--data`)."
    unseen = {set_of(row["task"]) for row in instant if row["unseen"]}
    drawn = _draw(instant, training, unseen, folder)
    return "\n\n".join(
        [
            _introduction(plan, instant),
            "### Sets never trained on",
            _systems(_chosen(instant, True), _chosen(training, True), plan),
            *drawn[:1],
            "### All sets",
            _systems(instant, training, plan),
            *drawn[1:],
            _sets(instant, training, unseen, plan),
        ]
    )


def _introduction(plan: Plan, instant: Sequence[Row]) -> str:
    tasks = len({row["task"] for row in instant})
    sets = len({set_of(row["task"]) for row in instant})
    return f"""## Dice from five strokes a class

{sets} sets of real micrographs, {plan.pairs} image pairs each ({tasks} tasks), crops of at most
{plan.crop_px} px. Five simulated strokes a class (40 px long, 3 px wide) on the first image; mean
class Dice on the rest of that image ("same") and on another image of the set ("other");
{plan.seeds} stroke seeds for what is instant, one for training. All systems get the same strokes.

- *random forest*: scikit-image's multiscale features, as in its example of trainable segmentation.
- *ridge head*: the head alone, which repaints first. *instant*: head and forest with the class
  shares, what a user sees some tenths of a second later.
- *fine-tuned*: what the user sees during training; the network has the share in it that held-back
  strokes allow. *network alone*: without that share, which nobody is shown.

Seconds are those of one update with warm features (median), or of training. Better and worse count
tasks that differ by more than {TIE}."""


def _systems(instant: Sequence[Row], training: Sequence[Row], plan: Plan) -> str:
    rows = []
    for system in (FOREST, HEAD, INSTANT):
        pairs = [(scores(instant, system, i), scores(instant, FOREST, i)) for i, _ in _IMAGES]
        waited = [row["seconds"] for row in instant if row["system"] == system]
        rows.append(
            _system_row(system, pairs, plan, seconds=np.median(waited), base=system == FOREST)
        )
    first = [row for row in instant if row["seed"] == 0]
    tuned = [(TUNED, s, f"{TUNED}, {s:g} s") for s in plan.checkpoints_s]
    for system, seconds, title in [*tuned, (ALONE, plan.checkpoints_s[-1], ALONE)]:
        pairs = [
            (scores(training, system, i, seconds), scores(first, FOREST, i)) for i, _ in _IMAGES
        ]
        if pairs[0][0]:
            rows.append(_system_row(title, pairs, plan, seconds=seconds, base=False))
    head = [
        "system",
        "seconds",
        "same",
        "other",
        "same − forest [95 %]",
        "other − forest [95 %]",
        "better/worse, same",
        "better/worse, other",
    ]
    return table(head, rows)


def _system_row(
    title: str,
    pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]],
    plan: Plan,
    *,
    seconds: float,
    base: bool,
) -> list[str]:
    cells = [title, f"{seconds:.2g}", *(f"{mean(ours):.3f}" for ours, _ in pairs)]
    gaps = [None if base else difference(a, b, plan.bootstrap) for a, b in pairs]
    cells += ["" if gap is None else str(gap) for gap in gaps]
    cells += ["" if g is None else f"{g.better}/{g.worse} of {g.tasks}" for g in gaps]
    return cells


def _sets(instant: Sequence[Row], training: Sequence[Row], unseen: set[str], plan: Plan) -> str:
    last = plan.checkpoints_s[-1]
    columns = {
        (title, image): by_set(scores(source, system, image, seconds))
        for title, source, system, seconds in (
            ("forest", instant, FOREST, None),
            ("instant", instant, INSTANT, None),
            (f"{last:g} s", training, TUNED, last),
        )
        for image, _ in _IMAGES
    }
    names = sorted(columns["forest", "same"], key=lambda name: (name not in unseen, name))
    rows = []
    for name in names:
        cells = [f"{name} *" if name in unseen else name]
        for title in ("forest", "instant", f"{last:g} s"):
            pair = [columns[title, image].get(name) for image, _ in _IMAGES]
            cells.append(" / ".join("–" if v is None else f"{v:.3f}" for v in pair))
        rows.append(cells)
    head = ["set (* never trained on)", "forest, same / other", "instant", f"after {last:g} s"]
    return table(head, rows)


def _draw(
    instant: Sequence[Row], training: Sequence[Row], unseen: set[str], folder: Path
) -> list[str]:
    made = []
    if training:
        path = folder / "bench-seconds.svg"
        held = _chosen(training, True) or training
        figures.dice_over_seconds(_chosen(instant, True) or instant, held, path)
        made.append(f"![Dice against seconds of training](images/{path.name})")
    path = folder / "bench-sets.svg"
    figures.gain_by_set(instant, training, unseen, path)
    made.append(f"![Dice above the random forest, set by set](images/{path.name})")
    return made if training else ["", *made]


def _chosen(rows: Sequence[Row], unseen: bool) -> list[Row]:
    return [row for row in rows if row["unseen"] or not unseen]
