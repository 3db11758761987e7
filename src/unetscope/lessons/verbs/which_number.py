"""Accuracy, IoU, Dice and distance of the outlines, of the same two masks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.learning.metrics import accuracy, boundary_distance, dice_per_class, iou_per_class
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Drawn, Picture, Shown, Table


@verb
def scores_of_a_mask(
    bench: Bench,
    *,
    answer: Literal["moved", "wider", "nothing"] = "moved",
    by: Annotated[int, Field(ge=0, le=16)] = 1,
    value: Annotated[int, Field(ge=1, le=250)] = 2,
) -> Experiment:
    """The truth moved or made wider by some pixels, or nothing of it: what each number says.

    Facts: ``share`` of the class, ``accuracy``, ``iou``, ``dice``, ``from_iou`` (2·IoU / (1 + IoU))
    and ``same`` (whether that is Dice), ``distance`` of the outlines in pixels and ``far`` with its
    unit; both 0 where nothing was found.
    """
    truth = np.asarray(bench.truth())
    if not (truth == value).any() or not ((truth > 0) & (truth != value)).any():
        raise LessonError(f"this needs strokes of class {value} and of another one.")
    found = _answered(truth, value, answer, by)
    dice, iou = dice_per_class(truth, found)[value], iou_per_class(truth, found)[value]
    has = answer != "nothing"
    laid = bench.laid
    pixels = boundary_distance(truth, found, value) if has else 0.0
    far = boundary_distance(truth, found, value, laid.pixel_size) if has else 0.0
    facts: dict[str, Any] = {
        "share": float((truth[truth > 0] == value).mean()),
        "accuracy": accuracy(truth, found),
        "iou": iou,
        "dice": dice,
        "from_iou": 2 * iou / (1 + iou),
        "same": abs(dice - 2 * iou / (1 + iou)) <= 1e-12,
        "distance": pixels,
        "far": f"{far:.3g} {laid.unit or 'px'}",
    }
    where = placed(laid)
    yield Shown(
        title="One answer, four numbers",
        kind="exact",
        pictures=(
            Picture("truth", "truth", truth, **where, drawn=Drawn.LABELS, hidden=True),
            Picture("answer", "answer", found, **where, drawn=Drawn.LABELS),
        ),
        table=Table(
            ("number", "value"),
            tuple((name, facts[name]) for name in ("accuracy", "iou", "dice", "distance")),
        ),
        facts=facts,
    )


@verb
def two_annotators(
    bench: Bench, *, diameter: Annotated[int, Field(ge=4, le=200)] = 10
) -> Experiment:
    """A disc drawn by two honest people: one pixel larger all round, or one smaller, one larger.

    Facts: ``one_off`` and ``both_off`` (Dice, from the areas of the discs).
    """
    smaller, drawn, larger = (float((diameter + 2 * off) ** 2) for off in (-1, 0, 1))
    yield Shown(
        title="Two people, one disc",
        kind="exact",
        facts={
            "one_off": 2 * drawn / (drawn + larger),
            "both_off": 2 * smaller / (smaller + larger),
        },
    )


@verb
def same_number(
    bench: Bench,
    *,
    by: Annotated[int, Field(ge=0, le=16)] = 1,
    value: Annotated[int, Field(ge=1, le=250)] = 2,
) -> Experiment:
    """Two answers of one Dice: the truth moved by some pixels, and the truth with a part missing.

    Facts: ``dice`` and ``other`` (of the two), ``between`` them, ``farthest`` and
    ``other_farthest`` (pixels from the loneliest true pixel to the nearest one that was found),
    ``missing`` (share of the class that the second answer lost).
    """
    truth = np.asarray(bench.truth())
    if not (truth == value).any() or not ((truth > 0) & (truth != value)).any():
        raise LessonError(f"this needs strokes of class {value} and of another one.")
    there = truth == value
    moved = _answered(truth, value, "moved", by)
    dice = dice_per_class(truth, moved)[value]
    kept = np.cumsum(there.sum(axis=0)[::-1])[::-1]  # of the class, from each column on
    total = int(kept[0])
    of_part = np.where(kept > 0, 2 * kept / (kept + total), -1.0)
    first = int(np.abs(of_part - dice).argmin())
    part = there.copy()
    part[:, :first] = False
    cut = _with_class(truth, value, part)
    far = [
        float(scipy.ndimage.distance_transform_edt(one != value)[there].max())
        for one in (moved, cut)
    ]
    where = placed(bench.laid)
    yield Shown(
        title="Two answers, one number",
        kind="exact",
        pictures=(
            Picture("image", "image", bench.laid.grey, **where),
            Picture("answer", "moved", moved, **where, drawn=Drawn.LABELS),
            Picture("other", "a part is missing", cut, **where, drawn=Drawn.LABELS, hidden=True),
        ),
        facts={
            "dice": dice,
            "other": float(of_part[first]),
            "between": abs(dice - float(of_part[first])),
            "farthest": far[0],
            "other_farthest": far[1],
            "missing": 1 - int(kept[first]) / total,
        },
    )


def _answered(
    truth: NDArray[np.integer[Any]], value: int, answer: str, by: int
) -> NDArray[np.integer[Any]]:
    there = truth == value
    if answer == "nothing":
        there = np.zeros_like(there)
    elif answer == "moved":
        there = np.roll(there, by, axis=1)
        there[:, :by] = False
    elif by:
        there = scipy.ndimage.binary_dilation(there, iterations=by)
    return _with_class(truth, value, there)


def _with_class(
    truth: NDArray[np.integer[Any]], value: int, there: NDArray[np.bool_]
) -> NDArray[np.integer[Any]]:
    """``truth`` with the class ``value`` at ``there`` alone; another one where it was."""
    other = int(truth[(truth > 0) & (truth != value)].min())
    return np.where(there, value, np.where(truth == value, other, truth))
