"""The targets on Dice, each on sets never trained on and on all sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.baselines import FOREST
from benchmarks.comparing import (
    TIE,
    Difference,
    Pick,
    Scores,
    StrokesNeeded,
    difference,
    mean,
    strokes_needed,
)
from benchmarks.evidence import IMAGES, Evidence
from benchmarks.plan import Plan
from benchmarks.quality import INSTANT, TUNED
from benchmarks.tables import Bar

WIN_RATE = 0.85
MOST_STROKES = 7.0  # of ours, for the forest's Dice with LEVEL_STROKES
LEVEL_STROKES = 20


def bars(found: Evidence, plan: Plan) -> list[Bar]:
    """All of them, the sets that pretraining never saw first."""
    unseen = _bars(Evidence(found.found, only_unseen=True), plan)
    whole = [
        bar
        for bar, part in zip(_bars(found, plan), unseen, strict=True)
        # Equal to the digit: what trains was measured on the sets never trained on alone.
        if not bar.measured or bar.measured != part.measured
    ]
    return [
        *(replace_where(bar, "sets never trained on") for bar in unseen),
        *(replace_where(bar, "all sets") for bar in whole),
    ]


def replace_where(bar: Bar, where: str) -> Bar:
    """The bar with what it is about told more exactly."""
    return Bar(f"{bar.what}, {where}", bar.target, bar.measured, bar.met)


def _bars(found: Evidence, plan: Plan) -> list[Bar]:
    last = max(plan.checkpoints_s)

    def gaps(pick: Pick) -> list[Difference | None]:
        return gains(pick, found.scores, plan)

    return [
        _gain_bar("5 strokes, at once, above the forest", 0.05, gaps(Pick(INSTANT, 5))),
        _win_bar("5 strokes, at once, win rate", gaps(Pick(INSTANT, 5))),
        _gain_bar(f"5 strokes, {last:g} s, above the forest", 0.08, gaps(Pick(TUNED, 5, last))),
        *_never_below(found, plan),
        _gain_bar(f"20 strokes, {last:g} s, above the forest", 0.1, gaps(Pick(TUNED, 20, last))),
        _gain_bar(
            f"{plan.rounds} rounds of {plan.corrections} corrections, {plan.round_s:g} s each, "
            "above the forest with the same strokes",
            0.12,
            gains(_after_all_rounds(plan), found.corrected, plan),
        ),
        _strokes_bar([needed(found, image, plan) for image, _ in IMAGES]),
    ]


def gains(
    pick: Pick, scores_of: Callable[[Pick, str], Scores], plan: Plan, other: str = FOREST
) -> list[Difference | None]:
    """What ``pick`` gains over another system with the same strokes, on both images."""
    rival = Pick(other, pick.strokes, turn=pick.turn)
    return [
        difference(scores_of(pick, image), scores_of(rival, image), plan.bootstrap)
        for image, _ in IMAGES
    ]


def needed(found: Evidence, image: str, plan: Plan, system: str = INSTANT) -> StrokesNeeded | None:
    """How many strokes a system needs for the forest's Dice with many."""
    counts = found.numbers("instant", "strokes_per_class")
    ours = {int(n): found.scores(Pick(system, int(n)), image) for n in counts}
    theirs = found.scores(Pick(FOREST, LEVEL_STROKES), image)
    return strokes_needed(ours, theirs, plan.bootstrap)


def _after_all_rounds(plan: Plan) -> Pick:
    return Pick(TUNED, plan.first_strokes, turn=plan.rounds)


def _gain_bar(what: str, target: float, gaps: Sequence[Difference | None]) -> Bar:
    wanted = f"≥ {target:+.2f} on both images"
    measured = [gap for gap in gaps if gap is not None]
    if len(measured) < len(IMAGES):
        return Bar(what, wanted, "", None)
    said = ", ".join(f"{name} {gap}" for (_, name), gap in zip(IMAGES, measured, strict=True))
    return Bar(what, wanted, said, all(round(gap.mean, 3) >= target for gap in measured))


def _win_bar(what: str, gaps: Sequence[Difference | None]) -> Bar:
    wanted = f"≥ {WIN_RATE:.0%} on both images".replace("%", " %")
    measured = [gap for gap in gaps if gap is not None]
    if len(measured) < len(IMAGES):
        return Bar(what, wanted, "", None)
    said = ", ".join(f"{name} {gap.wins}" for (_, name), gap in zip(IMAGES, measured, strict=True))
    return Bar(what, wanted, said, all(gap.win_rate >= WIN_RATE for gap in measured))


def _never_below(found: Evidence, plan: Plan) -> list[Bar]:
    """Whether training ever shows less than the instant answer: in the mean, and single ones."""
    means, single = [], []
    for strokes in plan.training_strokes:
        for image, _ in IMAGES:
            began = found.at_the_start(strokes, image)
            for seconds in plan.checkpoints_s:
                shown = found.scores(Pick(TUNED, strokes, seconds), image)
                if shown:
                    means.append(mean(shown) - mean({key: began[key] for key in shown}))
                    single += [value - began[key] for key, value in shown.items()]
    what = "no checkpoint below the instant answer"
    target = f"≥ −{TIE}"
    if not means:
        return [Bar(f"{what} ({kind})", target, "", None) for kind in ("mean", "single answers")]
    below = sum(gap < -TIE for gap in single)
    return [
        Bar(f"{what} (mean)", target, f"lowest {min(means):+.4f}", min(means) >= -TIE),
        Bar(
            f"{what} (single answers)",
            target,
            f"{below} of {len(single)} below, lowest {min(single):+.3f}",
            below == 0,
        ),
    ]


def _strokes_bar(found: Sequence[StrokesNeeded | None]) -> Bar:
    what = f"strokes at once for the forest's Dice with {LEVEL_STROKES}"
    target = f"≤ {MOST_STROKES:g} on both images"
    measured = [number for number in found if number is not None]
    if len(measured) < len(IMAGES):
        return Bar(what, target, "", None)
    said = ", ".join(f"{name} {n}" for (_, name), n in zip(IMAGES, measured, strict=True))
    return Bar(what, target, said, all(n.strokes <= MOST_STROKES for n in measured))
