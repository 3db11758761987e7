"""How a segmentation fails: light, contrast, noise, magnification, marks of the beam."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.instantly import asked, by_threshold, mean_dice_of, painted, taught
from unetscope.lessons.registry import Experiment, verb
from unetscope.lessons.small_runs import stretched
from unetscope.looking.answers import Drawn, Picture, Plot, Shown, Table, Working
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    from unetscope.images.synthetic import beam_marks, random_fields
else:
    beam_marks = Lazily("unetscope.images.synthetic.beam_marks")
    random_fields = Lazily("unetscope.images.synthetic.random_fields")

_LEAST_PX = 32  # so that rings fit
Factor = Annotated[float, Field(ge=0.25, le=4)]


@verb
def disturbed(
    bench: Bench,
    *,
    kind: Literal["light", "contrast", "noise", "blur"] = "light",
    amounts: tuple[Annotated[float, Field(ge=0, le=4)], ...] = (0.0, 0.1, 0.2, 0.4),
) -> Experiment:
    """Strokes on the image as it is; asked on the image made worse, beside Otsu's threshold.

    Facts: ``amounts``, ``dice`` and ``otsu`` (mean over classes; against the truth, or for one's
    own image against the answer on the undisturbed image), ``against`` in words.
    """
    learner = taught(bench)
    image = stretched(bench.laid.grey)
    first = asked(learner, image).argmax(axis=0) + 1
    own = bench.laid.truth != "drawn"
    truth = first if own else np.asarray(bench.truth())
    facts: dict[str, Any] = {
        "amounts": list(amounts),
        "dice": [],
        "otsu": [],
        "against": "the answer on the image as it is" if own else "the truth",
    }
    worst, answer = image, first
    for number, amount in enumerate(amounts, 1):
        worst = _worse(image, kind, amount, bench.seed)
        answer = asked(learner, worst).argmax(axis=0) + 1
        facts["dice"].append(mean_dice_of(truth, answer))
        facts["otsu"].append(mean_dice_of(truth, by_threshold(worst, truth, int(truth.max()))))
        yield Working(f"Asking with more {kind}", number, len(amounts))
    where = placed(bench.laid)
    yield Shown(
        title=f"With {'less' if kind == 'contrast' else 'more'} {kind}",
        kind="empirical",
        pictures=(
            Picture("disturbed", "the worst image", worst, **where),
            Picture("answer", "its answer", answer, **where, drawn=Drawn.LABELS),
        ),
        plot=Plot.over(
            kind,
            amounts,
            "mean Dice",
            {"instant answer": facts["dice"], "threshold": facts["otsu"]},
        ),
        facts=facts,
    )


@verb
def magnified(
    bench: Bench, *, factors: tuple[Factor, ...] = (0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0)
) -> Experiment:
    """Strokes at one magnification, asked at others: as they are, and resampled to the first.

    Facts: ``factors``, ``as_is`` and ``resampled`` (mean Dice against the truth or, on one's own
    image, against the answer at factor 1).
    """
    learner = taught(bench)
    image = stretched(bench.laid.grey)
    own = bench.laid.truth != "drawn"
    truth = asked(learner, image).argmax(axis=0) + 1 if own else np.asarray(bench.truth())
    facts: dict[str, Any] = {"factors": list(factors), "as_is": [], "resampled": []}
    for number, factor in enumerate(factors, 1):
        seen = scipy.ndimage.zoom(image, factor, order=1)
        as_is = asked(learner, seen).argmax(axis=0) + 1
        facts["as_is"].append(mean_dice_of(truth, _resized(as_is, image.shape)))
        back = _fitted(scipy.ndimage.zoom(seen, 1 / factor, order=1), image.shape)
        facts["resampled"].append(mean_dice_of(truth, asked(learner, back).argmax(axis=0) + 1))
        yield Working("Asking at other magnifications", number, len(factors))
    yield Shown(
        title="The same objects at other sizes",
        kind="empirical",
        plot=Plot.over(
            "magnification",
            factors,
            "mean Dice",
            {"as it is": facts["as_is"], "resampled": facts["resampled"]},
        ),
        table=Table(
            ("magnification", "as it is", "resampled"),
            tuple(zip(factors, facts["as_is"], facts["resampled"], strict=True)),
        ),
        facts=facts,
    )


@verb
def beam_damage(
    bench: Bench,
    *,
    kind: Literal["rings", "square"] = "rings",
    count: Annotated[int, Field(ge=1, le=60)] = 12,
    depth: Annotated[float, Field(ge=0, le=1)] = 0.45,
    value: Annotated[int, Field(ge=1, le=20)] = 2,
) -> Experiment:
    """Marks that are no boundary, and how many of their pixels are called class ``value``.

    Then two of the marks (half of a square) are painted as what they lie on, and it learns again.

    Facts: ``called`` and ``before`` (share of the marks' pixels, with and without the marks),
    ``confidence`` on the marks and ``elsewhere``, ``dice`` and ``dice_before`` (of the image),
    ``after`` (``called`` on the marks that were not painted) and ``dice_after``.
    """
    image = stretched(bench.laid.grey)
    if min(image.shape) < _LEAST_PX:
        raise LessonError(f"marks need {_LEAST_PX} px a side, the image has {image.shape} px.")
    learner = taught(bench)
    rng = np.random.default_rng([31, bench.seed])
    made, where = (
        beam_marks.add_rings(image, count, 9.0, depth, rng)
        if kind == "rings"
        else beam_marks.add_contamination(image, min(image.shape) // 2, depth)
    )
    clean, marked = asked(learner, image), asked(learner, made)
    answer, before = (one.argmax(axis=0) + 1 for one in (marked, clean))
    truth = np.asarray(bench.truth())
    sure = marked.max(axis=0)
    on = placed(bench.laid)
    told = _some_of(where)
    yield Working("Learning that marks are none", 2, 3)
    other = int(truth[(truth > 0) & (truth != value)].min(initial=1))
    labels = np.where(told, other, painted(bench))
    laid = replace(bench.laid, pixels=made, labels=labels, truth="strokes")
    corrected = asked(taught(replace(bench, laid=laid)), made).argmax(axis=0) + 1
    left = where & ~told
    yield Shown(
        title="Marks of the beam",
        kind="empirical",
        pictures=(
            Picture("marked", "image with marks", made, **on),
            Picture("answer", "its answer", answer, **on, drawn=Drawn.LABELS),
            Picture("after", "answer after", corrected, **on, drawn=Drawn.LABELS, hidden=True),
        ),
        facts={
            "called": float((answer[where] == value).mean()),
            "before": float((before[where] == value).mean()),
            "confidence": float(sure[where].mean()),
            "elsewhere": float(sure[~where].mean()),
            "dice": mean_dice_of(truth, answer),
            "dice_before": mean_dice_of(truth, before),
            "after": float((corrected[left] == value).mean()),
            "dice_after": mean_dice_of(truth, corrected),
            "marks": count if kind == "rings" else 1,
        },
    )


def _some_of(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Two of the marks; of fewer than three the left half."""
    marks, count = scipy.ndimage.label(where)
    if count < 3:
        some = where.copy()
        some[:, where.shape[1] // 2 :] = False
        return some
    return np.asarray((marks == 1) | (marks == 2))


def _worse(image: NDArray[np.float32], kind: str, amount: float, seed: int) -> NDArray[np.float32]:
    """``image`` (0 to 1) with uneven light, less contrast, noise, or a blur in pixels."""
    rng = np.random.default_rng([37, seed])
    if kind == "light":
        field = random_fields.smooth_field(image.shape, 0.6 * max(image.shape), rng)
        return (image * (1 + amount * field)).astype(np.float32)
    if kind == "contrast":
        noise = 0.03 * rng.standard_normal(image.shape)
        return (image.mean() + (image - image.mean()) * (1 - amount) + noise).astype(np.float32)
    if kind == "noise":
        return (image + amount * rng.standard_normal(image.shape)).astype(np.float32)
    return np.asarray(scipy.ndimage.gaussian_filter(image, amount), dtype=np.float32)


def _resized(labels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Labels at another size by the nearest pixel."""
    rows, columns = (
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(int), m - 1)
        for n, m in zip(shape, labels.shape, strict=True)
    )
    return np.asarray(labels[np.ix_(rows, columns)])


def _fitted(image: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Cut or edge-padded to ``shape``."""
    padded = np.pad(
        image, [(0, max(0, n - m)) for n, m in zip(shape, image.shape, strict=True)], mode="edge"
    )
    return np.asarray(padded[: shape[0], : shape[1]], dtype=np.float32)
