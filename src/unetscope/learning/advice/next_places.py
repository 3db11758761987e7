"""Label here next: the places where one more stroke should change the answer most.

A place is worth what the model does not know there: its mean doubt over a stroke's surroundings
(which is uncertainty times area), times how far it lies from everything painted and from the
places ranked before it. Of what was tried with a simulated annotator on real micrographs, this
simple product was not beaten: see ``tests/benchmarks/next_places.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from unetscope.learning.advice.survey import Survey, painted_cells, survey_of

_SMOOTH_PX = 4.0  # uncertain pixels farther than this from a stroke's path are not its business
_AWAY_PX = 20.0  # half a stroke: what lies nearer is mostly answered already
_ASKED_BEFORE = 0.6  # what the next place with the same two rival classes counts for
_LEAST_WORTH = 0.02  # mean doubt below which a stroke would tell nothing


@dataclass(frozen=True)
class PlaceOptions:
    """How places are ranked and named.

    Attributes
    ----------
    count : places wanted; fewer come back where the model is sure.
    size_px : side of a place, about the length of a stroke.
    plane_px : how many pixels of distance the step to the next plane of a stack counts for.
    names : class value → name, for the sentences.
    """

    count: int = 10
    size_px: int = 40
    plane_px: float = 8.0
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """One place to paint at.

    Attributes
    ----------
    centre : pixel (y, x) or (z, y, x).
    size_px : side of the square around it that the figures speak of.
    classes : the two class values that compete, the likelier first.
    score : 0 to 1; comparable within one list.
    wrong_px : pixels of the square that are expected to be wrong now, by the model's own doubt.
    gain : which classes compete there and what a stroke may bring, in words.
    """

    centre: tuple[int, ...]
    size_px: int
    classes: tuple[int, int]
    score: float
    wrong_px: int
    gain: str


def next_places(
    probabilities: np.ndarray,
    labels: np.ndarray,
    values: Sequence[int],
    options: PlaceOptions | None = None,
) -> list[Place]:
    """Rank the places of an image where the next stroke helps most, best first.

    Parameters
    ----------
    probabilities : (class, y, x) or (class, z, y, x) of the present model.
    labels : (y, x) or (z, y, x) painted class values, 0 unlabelled.
    values : class value of every row of ``probabilities``.

    Raises
    ------
    LabelError
        Shapes differ, or there is only one class.
    """
    return ranked_places(survey_of(probabilities, values), labels, options)


def ranked_places(
    survey: Survey, labels: np.ndarray, options: PlaceOptions | None = None
) -> list[Place]:
    """The same from a :class:`Survey`, which tiles of a large image were added to."""
    options = options or PlaceOptions()
    spacing = (options.plane_px, survey.cell_px, survey.cell_px)[-len(survey.shape) :]
    score = _smoothed(survey.doubt(), survey.cell_px)
    score *= _freshness(painted_cells(labels, survey), spacing)
    score[~survey.seen] = 0
    picked = _picked(score, survey.rivals(), spacing, options)
    return [_place(survey, cell, worth, options) for cell, worth in picked]


def _smoothed(doubt: np.ndarray, cell_px: int) -> np.ndarray:
    """Over (y, x); planes of a stack are not mixed."""
    sigma = _SMOOTH_PX / cell_px
    return ndimage.gaussian_filter(doubt, sigma, mode="nearest", axes=(-2, -1))


def _freshness(painted: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """0 on what is painted, rising to 1 away from it; 1 everywhere if nothing is painted."""
    if not painted.any():
        return np.ones(painted.shape, np.float32)
    away_px = ndimage.distance_transform_edt(~painted, sampling=spacing)
    return _fresh(away_px)


def _fresh(away_px: np.ndarray) -> np.ndarray:
    return (1 - np.exp(-((away_px / _AWAY_PX) ** 2) / 2)).astype(np.float32)


def _picked(
    score: np.ndarray, rivals: np.ndarray, spacing: Sequence[float], options: PlaceOptions
) -> list[tuple[tuple[int, ...], float]]:
    """Cells in the order of their worth, each as if the ones before it were already painted.

    A question asked before, between the same two classes, counts for less: a list of places should
    tell the model different things.
    """
    left = score.copy()
    asked = np.ones(int(rivals.max()) + 1, np.float32)  # by pair of classes
    found: list[tuple[tuple[int, ...], float]] = []
    while len(found) < options.count:
        worth = np.where(left < _LEAST_WORTH, 0, left * asked[rivals])
        best = np.unravel_index(int(worth.argmax()), worth.shape)
        cell = tuple(int(i) for i in best)
        if worth[cell] <= 0:
            break
        found.append((cell, float(worth[cell])))
        asked[rivals[cell]] *= _ASKED_BEFORE
        _wear(left, cell, spacing, options.size_px / 2)
    return found


def _wear(
    score: np.ndarray, cell: tuple[int, ...], spacing: Sequence[float], taken_px: float
) -> None:
    """Take from ``score`` what a stroke at ``cell`` would make less fresh.

    Nothing within ``taken_px`` is left.
    """
    box = tuple(
        slice(max(0, i - reach), i + reach + 1)
        for i, reach in zip(cell, (int(np.ceil(4 * _AWAY_PX / s)) for s in spacing), strict=True)
    )
    far = np.ones(score[box].shape, bool)
    far[tuple(i - side.start for i, side in zip(cell, box, strict=True))] = False
    away_px = ndimage.distance_transform_edt(far, sampling=spacing)
    score[box] *= np.where(away_px < taken_px, 0, _fresh(away_px))


def _place(survey: Survey, cell: tuple[int, ...], worth: float, options: PlaceOptions) -> Place:
    share, wrong, pixels = survey.around(cell, options.size_px)
    first, second = (survey.values[i] for i in np.argsort(-share, kind="stable")[:2])
    centre = tuple(
        min(i * size + size // 2, n - 1)
        for i, size, n in zip(cell, survey.cell_shape_px, survey.shape, strict=True)
    )
    names = [options.names.get(v) or f"class {v}" for v in (first, second)]
    gain = (
        f"{names[0]} or {names[1]}? About {_rounded(wrong)} of the {pixels} pixels here may be "
        "wrong; a stroke tells, here and where it looks the same."
    )
    side = survey.side_px(options.size_px)
    return Place(centre, side, (first, second), worth, round(wrong), gain)


def _rounded(pixels: float) -> int:
    """Two digits: the doubt behind the figure is not worth more."""
    step = 10 ** max(0, len(str(round(pixels))) - 2)
    return round(pixels / step) * step
