"""How well found objects agree with the true ones: matches, splits, merges, and what numbers say.

Definitions are those of StarDist's ``matching`` (Schmidt et al. 2018; Caicedo et al. 2019): a true
and a found object match where their intersection over union reaches a threshold, one to one, and
*accuracy* is TP / (TP + FP + FN). Others call that average precision; no curve is averaged here.
Panoptic quality is that of Kirillov et al. 2019. Only pairs that share a pixel are looked at, so
that time and memory grow with the objects and not with their square.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from unetscope.errors import MeasurementError
from unetscope.measuring.object_table import measure
from unetscope.measuring.objects import given_objects
from unetscope.measuring.pixel_runs import Floats, Ints, bands
from unetscope.measuring.populations import (
    FIELDS,
    EdgeRule,
    mean_diameter,
    percentile,
    population_of,
    t_over_images,
)
from unetscope.measuring.quantities import Quantity, Spacing

#: The thresholds over which accuracy is averaged.
THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
_HALF = 0.5


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Which true and found objects share pixels: the intersections as a sparse matrix.

    Attributes
    ----------
    true_pixels, found_pixels
        (object,) how many pixels each has.
    truth, found
        (pair,) places in those of the objects that share pixels.
    shared
        (pair,) how many pixels they share.
    pixels
        Of the image.
    """

    true_pixels: Ints
    found_pixels: Ints
    truth: Ints
    found: Ints
    shared: Ints
    pixels: int

    @property
    def iou(self) -> Floats:
        """(pair,) intersection over union."""
        whole = self.true_pixels[self.truth] + self.found_pixels[self.found] - self.shared
        return self.shared / whole


@dataclass(frozen=True)
class Matching:
    """Matches at one threshold: true positives, false ones, and what was missed.

    ``iou_sum`` is the intersection over union of all matches added up. Scores are NaN where neither
    side has an object: there is nothing to agree on.
    """

    threshold: float
    tp: int
    fp: int
    fn: int
    iou_sum: float

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return _over(2.0 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def accuracy(self) -> float:
        """TP / (TP + FP + FN)."""
        return _over(self.tp, self.tp + self.fp + self.fn)

    @property
    def panoptic_quality(self) -> float:
        """The intersection over union of matches, over TP + FP/2 + FN/2."""
        return _over(self.iou_sum, self.tp + (self.fp + self.fn) / 2)


@dataclass(frozen=True)
class Agreement:
    """How well the objects of one image agree.

    Attributes
    ----------
    matchings
        One for each threshold, in their order.
    splits
        True objects of which more than one found object has more than half of its own pixels.
    merges
        Found objects of which more than one true object has more than half of its own pixels.
    pixel_iou
        Intersection over union of all pixels of objects; NaN without any.
    """

    truth: int
    found: int
    matchings: tuple[Matching, ...]
    splits: int
    merges: int
    pixel_iou: float

    def at(self, threshold: float = _HALF) -> Matching:
        """The matching at one of the thresholds."""
        for matching in self.matchings:
            if abs(matching.threshold - threshold) < 1e-9:
                return matching
        there = ", ".join(f"{one.threshold:g}" for one in self.matchings)
        raise MeasurementError(f"nothing was matched at {threshold:g}; there are {there}")

    @property
    def mean_accuracy(self) -> float:
        """Accuracy, averaged over all thresholds."""
        return float(np.mean([matching.accuracy for matching in self.matchings]))

    @property
    def count_error(self) -> int:
        """How many objects were found more than there are."""
        return self.found - self.truth


def agreement(
    truth: NDArray[Any], found: NDArray[Any], thresholds: Sequence[float] = THRESHOLDS
) -> Agreement:
    """Compare object numbers (y, x) or (z, y, x), 0 where there is none.

    Raises
    ------
    MeasurementError
        If the shapes differ, the numbers are no whole ones, or a threshold is not above 0 and at
        most 1.
    """
    if not thresholds or not all(0 < threshold <= 1 for threshold in thresholds):
        raise MeasurementError(f"thresholds are above 0 and at most 1, not {list(thresholds)}")
    overlaps = overlaps_of(truth, found)
    sides = len(overlaps.true_pixels), len(overlaps.found_pixels)
    union = int(overlaps.true_pixels.sum() + overlaps.found_pixels.sum() - overlaps.shared.sum())
    return Agreement(
        *sides,
        tuple(_matching(overlaps, threshold) for threshold in thresholds),
        _holding_several(overlaps.truth, overlaps.shared / overlaps.found_pixels[overlaps.found]),
        _holding_several(overlaps.found, overlaps.shared / overlaps.true_pixels[overlaps.truth]),
        _over(float(overlaps.shared.sum()), union),
    )


def overlaps_of(truth: NDArray[Any], found: NDArray[Any]) -> Overlaps:
    """Which objects share pixels, told from runs of pixels along x.

    Raises
    ------
    MeasurementError
        If the shapes differ or the numbers are no whole ones.
    """
    truth, found = np.asarray(truth), np.asarray(found)
    if truth.shape != found.shape:
        raise MeasurementError(
            f"the truth has the shape {truth.shape}, what was found {found.shape}; "
            "compare objects of one image"
        )
    if truth.ndim not in (2, 3) or not {truth.dtype.kind, found.dtype.kind} <= set("uib"):
        raise MeasurementError(
            f"objects of shape {truth.shape}, {truth.dtype} and {found.dtype} are no numbers in "
            "(y, x) or (z, y, x); give whole numbers"
        )
    parts = [
        _runs_of_both(one, other)
        for (_, one), (_, other) in zip(bands(truth), bands(found), strict=True)
    ]
    first, second, length = (np.concatenate(column) for column in zip(*parts, strict=True))
    true_numbers, at_true = np.unique(first, return_inverse=True)
    found_numbers, at_found = np.unique(second, return_inverse=True)
    shape = (len(true_numbers), len(found_numbers))
    table = coo_array((length, (at_true, at_found)), shape=shape).tocsr().tocoo()
    sizes = [np.asarray(table.sum(axis=axis)).ravel() for axis in (1, 0)]
    rows, columns = (np.asarray(side, np.int64) for side in table.coords)
    real = (true_numbers[rows] != 0) & (found_numbers[columns] != 0)
    skipped = [int(numbers[0] == 0) for numbers in (true_numbers, found_numbers)]
    return Overlaps(
        sizes[0][skipped[0] :],
        sizes[1][skipped[1] :],
        rows[real] - skipped[0],
        columns[real] - skipped[1],
        table.data[real],
        truth.size,
    )


def agreement_of(parts: Iterable[Agreement]) -> Agreement:
    """All objects of several images as if they lay on one; the share of pixels is their mean."""
    parts = tuple(parts)
    by_threshold = zip(*(part.matchings for part in parts), strict=True)
    together = tuple(
        Matching(
            same[0].threshold,
            sum(one.tp for one in same),
            sum(one.fp for one in same),
            sum(one.fn for one in same),
            sum(one.iou_sum for one in same),
        )
        for same in by_threshold
    )
    return Agreement(
        sum(part.truth for part in parts),
        sum(part.found for part in parts),
        together,
        sum(part.splits for part in parts),
        sum(part.merges for part in parts),
        float(np.mean([part.pixel_iou for part in parts])),
    )


@dataclass(frozen=True)
class NumberPair:
    """A number that is reported, from the true and from the found objects of one image."""

    name: str
    unit: str
    truth: float
    found: float

    @property
    def error(self) -> float:
        """How far off the found one is, as a share of the true one."""
        return _over(self.found - self.truth, self.truth)


def reported_numbers(
    truth: NDArray[Any], found: NDArray[Any], spacing: Spacing, edge: EdgeRule = "weight"
) -> tuple[NumberPair, ...]:
    """Mean diameter, d50 by number and the share of pixels, as they would be reported.

    Raises
    ------
    MeasurementError
        If numbers and spacing do not fit each other.
    """
    told = []
    for ids in (truth, found):
        objects = population_of([measure(given_objects(ids, spacing))], edge)
        share = np.count_nonzero(ids) / ids.size
        told.append((mean_diameter(objects).value, percentile(objects, 50).value, share))
    names = (("mean diameter", spacing.unit), ("d50 by number", spacing.unit), ("fraction", ""))
    return tuple(
        NumberPair(name, unit, true, seen)
        for (name, unit), true, seen in zip(names, told[0], told[1], strict=True)
    )


@dataclass(frozen=True)
class Compared:
    """One image whose objects were compared, and the numbers that would be reported of it."""

    name: str
    agreement: Agreement
    numbers: tuple[NumberPair, ...] = ()


def mean_quantities(images: Sequence[Compared]) -> tuple[Quantity, ...]:
    """What is told of all images: the mean of each score and error, its interval from 5 on.

    An image without any object on either side has no score and is not counted.
    """
    rows = [image.agreement for image in images]
    told: dict[str, tuple[list[float], str]] = {
        "F1 at IoU .5": ([row.at().f1 for row in rows], "2 TP / (2 TP + FP + FN)"),
        "accuracy at IoU .5": ([row.at().accuracy for row in rows], "TP / (TP + FP + FN)"),
        "accuracy over IoU .5 to .95": (
            [row.mean_accuracy for row in rows],
            "TP / (TP + FP + FN), mean over .5, .55 … .95",
        ),
        "panoptic quality": (
            [row.at().panoptic_quality for row in rows],
            "IoU of matches / (TP + FP/2 + FN/2) at IoU .5",
        ),
        "splits": ([row.splits for row in rows], "true objects that hold several found ones"),
        "merges": ([row.merges for row in rows], "found objects that hold several true ones"),
        "count error": ([row.count_error for row in rows], "found - true objects"),
    }
    for pairs in zip(*(image.numbers for image in images), strict=True):
        name = f"relative error of {pairs[0].name}"
        told[name] = ([pair.error for pair in pairs], "(found - true) / true")
    return tuple(_mean(name, values, method) for name, (values, method) in told.items())


def _mean(name: str, values: Sequence[float], method: str) -> Quantity:
    there = np.array([value for value in values if not np.isnan(value)])
    if len(there) >= FIELDS:
        return t_over_images(name, there, "", method)
    reason = f"{len(there)} images, an interval needs {FIELDS}"
    value = float(there.mean()) if len(there) else float("nan")
    return Quantity(name, value, "", len(there), "images", f"{method}; mean", reason=reason)


def _runs_of_both(truth: NDArray[Any], found: NDArray[Any]) -> tuple[Ints, Ints, Ints]:
    """True number, found number and length of the runs in a band along which neither changes."""
    change = np.ones(truth.shape, bool)
    change[:, 1:] = (truth[:, 1:] != truth[:, :-1]) | (found[:, 1:] != found[:, :-1])
    begins = np.flatnonzero(change)
    lengths = np.diff(begins, append=truth.size)
    first, second = (side.ravel()[begins].astype(np.int64) for side in (truth, found))
    return first, second, lengths


def _matching(overlaps: Overlaps, threshold: float) -> Matching:
    iou = overlaps.iou
    near = iou >= threshold
    matched = iou[near][_chosen(overlaps.truth[near], overlaps.found[near], iou[near])]
    tp = len(matched)
    fp, fn = len(overlaps.found_pixels) - tp, len(overlaps.true_pixels) - tp
    return Matching(threshold, tp, fp, fn, float(matched.sum()))


def _chosen(truth: Ints, found: Ints, iou: Floats) -> NDArray[np.bool_]:
    """Which of the pairs are matched: as many as can be, one to one, the best of those.

    Above .5 no object is in two pairs. Where one is, the pairs that hang together are few, and are
    assigned by the Hungarian method.
    """
    alone = (np.bincount(truth)[truth] == 1) & (np.bincount(found)[found] == 1)
    chosen = alone.copy()
    rest = np.flatnonzero(~alone)
    if not len(rest):
        return chosen
    at_true, at_found = (np.unique(side[rest], return_inverse=True)[1] for side in (truth, found))
    size = int(at_true.max()) + 1 + int(at_found.max()) + 1
    other = at_found + int(at_true.max()) + 1
    links = coo_array((np.ones(len(rest)), (at_true, other)), shape=(size, size))
    group = connected_components(links, directed=False)[1][at_true]
    for members in np.split(np.argsort(group, kind="stable"), _starts(group)):
        pairs = rest[members]
        rows, columns = (np.unique(s[pairs], return_inverse=True)[1] for s in (truth, found))
        gain = np.zeros((rows.max() + 1, columns.max() + 1))
        place = np.full(gain.shape, -1)
        # a match more is worth more than all that intersections can add up to
        gain[rows, columns] = 1 + iou[pairs] / (2 * min(gain.shape))
        place[rows, columns] = pairs
        picked = place[linear_sum_assignment(gain, maximize=True)]
        chosen[picked[picked >= 0]] = True
    return chosen


def _starts(group: NDArray[Any]) -> Ints:
    return np.cumsum(np.bincount(group))[:-1]


def _holding_several(owner: Ints, share: Floats) -> int:
    """How many owners have more than one partner that lies in them by more than half."""
    return int(np.count_nonzero(np.bincount(owner[share > _HALF]) > 1))


def _over(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
