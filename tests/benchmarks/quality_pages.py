"""The part of the report about Dice: first the sets that pretraining never saw, then all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import quality_figures as figures
from benchmarks.baselines import FOREST, ILASTIK
from benchmarks.comparing import (
    TIE,
    Difference,
    Pick,
    by_set,
    mean,
    set_of,
)
from benchmarks.evidence import CLASSICAL, IMAGES, Evidence
from benchmarks.plan import Plan
from benchmarks.quality import ALONE, HEAD, INSTANT, OWN, TUNED
from benchmarks.quality_bars import LEVEL_STROKES, gains, needed
from benchmarks.scratch import SCRATCH
from benchmarks.tables import table


def pages(found: Evidence, plan: Plan, folder: Path) -> str:
    """All tables and figures; what was not measured is left out."""
    if not found.rows("instant") and not found.rows("baselines"):
        return "## Dice\n\nNot measured (it needs the real micrographs, see `--data`)."
    unseen = Evidence(found.found, only_unseen=True)
    return "\n\n".join(
        [
            _introduction(found, plan),
            "### Sets never trained on",
            *_chapter(unseen, plan, folder, "unseen"),
            "### All sets",
            *_chapter(found, plan, folder, "all"),
            "### Set by set",
            _sets(found, plan),
            *_gain_figure(found, plan, folder),
        ]
    )


def _introduction(found: Evidence, plan: Plan) -> str:
    tasks = {row["task"] for subject in ("baselines", "instant") for row in found.rows(subject)}
    sets = {set_of(task) for task in tasks}
    return f"""## Dice with simulated strokes

{len(sets)} sets of real micrographs, {plan.pairs} image pairs each ({len(tasks)} tasks), crops of
at most {plan.crop_px} px. Simulated strokes (40 px long, 3 px wide) on the first image; mean class
Dice on the rest of that image ("same") and on another image of the set ("other"). The strokes of a
seed are nested: five a class contain the two. All systems get the same strokes and see the image
in the same grey range.

- *{FOREST}*: scikit-image's `TrainableSegmenter` without arguments (100 trees of full depth,
  σ 0.5 to 16). *{ILASTIK}*: 100 trees of full depth on ilastik's seven kinds of features at its
  seven scales (σ 0.3 to 10). *gradient boosting*: scikit-learn's histogram boosting on the first
  forest's features.
- *{SCRATCH}*: our network from random weights, trained for the same seconds with our patches,
  augmentation and loss.
- *{HEAD}*: the head alone, which repaints first. *{INSTANT}*: head and forest with the class
  shares, what a user sees some tenths of a second later.
- *{TUNED}*: what the user sees during training, with the network's share that held-back strokes
  allow. *{ALONE}*: without that share, which nobody is shown.

Seeds of strokes: {plan.seeds} for the {FOREST} and for ours at once, {plan.slow_seeds} for the
other classical systems, {plan.training_seeds} for what trains. Differences are of the same task and
seed; intervals (95 %) are bootstrapped over tasks. Wins count single answers: all that are better,
and in brackets those that are better : worse by more than {TIE}. ECE is the expected calibration
error (15 bins) of what is shown, on pixels that were not painted; the tables with it compare with
that classical system which is best on the mean."""


def _chapter(found: Evidence, plan: Plan, folder: Path, name: str) -> list[str]:
    """Tables and figures of the sets in ``found``."""
    made = ["Mean class Dice, same / other, by strokes a class:", _by_strokes(found, plan)]
    made += _drawn(
        found.rows("instant"), folder / f"bench-strokes-{name}.svg", "Dice against strokes",
        lambda path: figures.dice_over_strokes(found, plan, path),
    )  # fmt: skip
    for strokes in plan.training_strokes:
        made += [_systems(found, plan, strokes), _strongest(found, plan, strokes)]
    made += _drawn(
        found.rows("training"), folder / f"bench-seconds-{name}.svg",
        "Dice against seconds of training",
        lambda path: figures.dice_over_seconds(found, plan, path),
    )  # fmt: skip
    made += _strokes_needed(found, plan)
    if found.rows("corrective"):
        made += [_corrections_text(plan), _corrections(found, plan)]
    made += _drawn(
        found.rows("corrective"), folder / f"bench-rounds-{name}.svg",
        "Dice after rounds of corrections",
        lambda path: figures.dice_over_rounds(found, plan, path),
    )  # fmt: skip
    return made + _drawn(
        found.rows("instant"), folder / f"bench-reliability-{name}.svg",
        "Share of right pixels against confidence, five strokes a class",
        lambda path: figures.reliability(found, plan, path),
    )  # fmt: skip


def _drawn(
    rows: Sequence[object], path: Path, title: str, draw: Callable[[Path], None]
) -> list[str]:
    """The figure in Markdown, where there is something to draw."""
    if not rows:
        return []
    draw(path)
    return [f"![{title}](images/{path.name})"]


def _lines(plan: Plan) -> list[tuple[str, str, float | None]]:
    """Title, system and checkpoint of every line of a table."""
    at = plan.checkpoints_s
    return [
        *((system, system, None) for system in CLASSICAL),
        (f"{SCRATCH}, {max(at):g} s", SCRATCH, max(at)),
        *((system, system, None) for system in (HEAD, INSTANT)),
        *((f"{TUNED}, {s:g} s", TUNED, s) for s in at),
        (f"{ALONE}, {max(at):g} s", ALONE, max(at)),
    ]


def _by_strokes(found: Evidence, plan: Plan) -> str:
    rows = []
    counts = sorted({*plan.strokes_per_class, *plan.training_strokes})
    for title, system, seconds in _lines(plan):
        cells = []
        for strokes in counts:
            pair = [found.scores(Pick(system, strokes, seconds), image) for image, _ in IMAGES]
            cells.append(" / ".join(_figure(mean(values)) for values in pair) if pair[0] else "")
        if any(cells):
            rows.append([title, *cells])
    return table(["strokes a class", *(str(n) for n in counts)], rows)


def _systems(found: Evidence, plan: Plan, strokes: int) -> str:
    """Everything with so many strokes, against the random forest."""
    rows = []
    for title, system, seconds in _lines(plan):
        pick = Pick(system, strokes, seconds)
        pair = [found.scores(pick, image) for image, _ in IMAGES]
        if pair[0]:
            over = [None, None] if system == FOREST else gains(pick, found.scores, plan)
            cells = [*(_figure(mean(v)) for v in pair), *(str(gap or "") for gap in over)]
            rows.append([title, *cells, *(gap.wins if gap else "" for gap in over)])
    head = ["same", "other", "same − forest", "other − forest", "wins, same", "wins, other"]
    return table([f"{strokes} strokes a class", *head], rows)


def _strongest(found: Evidence, plan: Plan, strokes: int) -> str:
    """Calibration, and the difference to the classical system that is best on each image."""
    best = {image: found.strongest(strokes, image) or FOREST for image, _ in IMAGES}
    rows = []
    for title, system, seconds in _lines(plan):
        pick = Pick(system, strokes, seconds)
        if not found.scores(pick, "same"):
            continue
        cells = []
        for image, _ in IMAGES:
            gap = gains(pick, found.scores, plan, other=best[image])[image == "other"]
            cells.append("" if system in CLASSICAL else str(gap or ""))
        ece = [mean(found.scores(pick, f"ece_{image}")) for image, _ in IMAGES]
        rows.append([title, *cells, *map(_figure, ece)])
    over = [f"{image} − {best[image]}" for image, _ in IMAGES]
    return table([f"{strokes} strokes a class", *over, "ECE, same", "ECE, other"], rows)


def _strokes_needed(found: Evidence, plan: Plan) -> list[str]:
    rows = []
    for system in (HEAD, INSTANT):
        numbers = [needed(found, image, plan, system) for image, _ in IMAGES]
        if all(numbers):
            rows.append([system, *(str(number) for number in numbers)])
    text = (
        f"Strokes a class (with intervals) after which the mean is that of the {FOREST} with "
        f"{LEVEL_STROKES}, interpolated on their logarithm:"
    )
    return [text, table(["system", "same", "other"], rows)] if rows else []


def _corrections_text(plan: Plan) -> str:
    return (
        f"Corrected as a person would: {plan.first_strokes} strokes a class at first, then "
        f"{plan.rounds} rounds of {plan.corrections} strokes on the largest errors of what we show "
        f"at that moment, with {plan.round_s:g} s of fine-tuning each. The forests get the same "
        f"strokes; the last line is the {FOREST} with corrections of its own errors. Same / other:"
    )


def _corrections(found: Evidence, plan: Plan) -> str:
    turns = [int(turn) for turn in found.numbers("corrective", "turn")]
    rows = []
    for system in (TUNED, INSTANT, FOREST, ILASTIK, FOREST + OWN):
        cells = []
        for turn in turns:
            pick = Pick(system, plan.first_strokes, turn=turn)
            pair = [found.corrected(pick, image) for image, _ in IMAGES]
            cells.append(" / ".join(_figure(mean(v)) for v in pair) if pair[0] else "")
        pick = Pick(system, plan.first_strokes, turn=max(turns))
        over: Sequence[Difference | None] = (
            gains(pick, found.corrected, plan) if not system.startswith(FOREST) else []
        )
        cells.append(" / ".join(str(gap) for gap in over if gap))
        rows.append([system, *cells])
    return table(["rounds", *(str(t) for t in turns), "at last − forest, same / other"], rows)


def _sets(found: Evidence, plan: Plan) -> str:
    last, unseen = max(plan.checkpoints_s), found.unseen_sets
    picks = {
        "forest, same / other": Pick(FOREST, 5),
        "instant": Pick(INSTANT, 5),
        f"after {last:g} s": Pick(TUNED, 5, last),
        "forest, 20 strokes": Pick(FOREST, 20),
        f"after {last:g} s, 20 strokes": Pick(TUNED, 20, last),
    }
    columns = [[by_set(found.scores(p, image)) for image, _ in IMAGES] for p in picks.values()]
    names = sorted({n for pair in columns for n in pair[0]}, key=lambda n: (n not in unseen, n))
    rows = []
    for name in names:
        cells = [" / ".join(_figure(values.get(name)) for values in pair) for pair in columns]
        rows.append([f"{name} *" if name in unseen else name, *cells])
    return table(["set (* never trained on), 5 strokes", *picks], rows)


def _gain_figure(found: Evidence, plan: Plan, folder: Path) -> list[str]:
    return _drawn(
        found.rows("instant"), folder / "bench-sets.svg",
        "Dice above the random forest, set by set",
        lambda path: figures.gain_by_set(found, plan, path),
    )  # fmt: skip


def _figure(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3f}"
