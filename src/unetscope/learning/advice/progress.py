"""Has painting done its work? How much each round still changes, and what a round has cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unetscope.errors import LabelError
from unetscope.learning.metrics import dice_per_class

ENOUGH_ROUNDS = 3
ENOUGH_DICE = 0.98
WORSE_DICE = 0.02  # less than that is what another seed gives


@dataclass(frozen=True)
class StopAdvice:
    """Whether the answers have come to rest, the classes that have not, and both in words."""

    stop: bool
    restless: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Forgotten:
    """An image on which a round made the answer worse, and its scores."""

    image: str
    before: float
    after: float


def corrected(prediction: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """``prediction`` with what is painted (not 0) put in its place; both of one shape."""
    return np.where(painted > 0, painted, prediction)


def corrective_dice(before: np.ndarray, after: np.ndarray) -> dict[int, float]:
    """How much of the answer of each class a round left as it was: class value → Dice.

    1 means that nothing had to change. Sources: the corrective Dice of Smith et al. (2022), New
    Phytologist 236:774 (RootPainter), where ``after`` is :func:`corrected` by a user who goes over
    the whole image; and the agreement of successive models of Bloodgood and Vijay-Shanker (2009),
    CoNLL, where strokes are few and ``after`` is the next answer, likewise corrected.

    Parameters
    ----------
    before : integer array
        The answer that was shown before the round; 0 where there was none, which is not compared.
    after : integer array of the same shape
        What is taken to be right after it.

    Returns
    -------
    The classes that occur in either; 0 for one that came or went entirely.
    """
    if before.shape != after.shape:
        raise LabelError(f"the answers have shapes {before.shape} and {after.shape}; compare one.")
    compared = np.where(before > 0, after, 0)
    scores = dice_per_class(compared, before)
    gone = set(np.unique(before[compared > 0]).tolist()) - {0} - set(scores)
    return {int(value): scores.get(value, 0.0) for value in sorted({*scores, *gone})}


def stop_advice(
    rounds: Sequence[Mapping[int, float]],
    *,
    enough_rounds: int = ENOUGH_ROUNDS,
    enough_dice: float = ENOUGH_DICE,
    names: Mapping[int, str] | None = None,
) -> StopAdvice:
    """Whether the last rounds changed so little that more strokes will hardly help.

    Parameters
    ----------
    rounds : one :func:`corrective_dice` for every round, oldest first. A round should hold a few
        strokes: one alone often changes nothing.
    enough_rounds, enough_dice : every class must reach this Dice in this many last rounds.
    """
    if len(rounds) < enough_rounds:
        return StopAdvice(False, (), f"Too early to tell: {len(rounds)} of {enough_rounds} rounds.")
    last = rounds[-enough_rounds:]
    worst: dict[int, float] = {}
    for scores in last:
        for value, dice in scores.items():
            worst[value] = min(dice, worst.get(value, 1.0))
    restless = tuple(sorted(value for value, dice in worst.items() if dice < enough_dice))
    if not restless:
        text = (
            f"Stop labelling? In the last {enough_rounds} rounds at most "
            f"{100 * (1 - min(worst.values(), default=1.0)):.1f} % of any class changed."
        )
        return StopAdvice(True, (), text)
    called = ", ".join(
        f"{(names or {}).get(v) or f'class {v}'} ({100 * (1 - worst[v]):.0f} %)" for v in restless
    )
    return StopAdvice(False, restless, f"Still changing: {called}.")


def forgetting(
    before: Mapping[str, float], after: Mapping[str, float], *, least: float = WORSE_DICE
) -> list[Forgotten]:
    """Images whose score fell by more than ``least`` in a round, the largest fall first.

    Parameters
    ----------
    before, after : image → score (mean Dice on pixels no version has learned from, as of
        :func:`~unetscope.learning.advice.version_scores.version_scores`, or on reviewed masks).
        Images in only one of the two are left out.
    """
    fallen = [
        Forgotten(image, before[image], after[image])
        for image in before.keys() & after.keys()
        if before[image] - after[image] > least
    ]
    return sorted(fallen, key=lambda found: (found.after - found.before, found.image))
