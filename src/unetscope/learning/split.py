"""Holding labels back so that a score is honest: no training pixel near a held-back one.

A network sees a receptive field around each pixel. Held-back pixels next to training strokes would
be judged on what was trained on, so whole images are held back where there are enough, else places
with a guard band around them. Where neither is possible no figure is given, and the note says
what to paint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Protocol

import numpy as np

from unetscope.errors import LabelError
from unetscope.images.classes import default_name
from unetscope.learning.block_split import (
    KEPT_SHARE,
    SplitTask,
    beyond_guard,
    candidates,
    make_task,
    score,
)
from unetscope.learning.stroke_map import StrokeMap, stroke_map

_EXACT_TRIES = 8  # candidates that are worked out exactly before giving up
_MAX_SUBSETS = 500  # sets of images that are compared
_CUT_GAP = 0.1  # of a cut stroke's length, left out between its halves


class LabelledImage(Protocol):
    """What a split needs of a sample."""

    @property
    def labels(self) -> np.ndarray:
        """(y, x) or (z, y, x) class values, 0 unlabelled."""

    @property
    def image(self) -> Any:
        """Image with ``name``, ``pixel_size`` and ``unit``."""


@dataclass(frozen=True, eq=False)
class Split:
    """Labels to train on and labels held back, one array of each for every sample.

    ``kind``: ``"image"`` (whole images held back), ``"block"`` (places beyond a guard band) or
    ``"none"`` (nothing held back, ``training`` is everything). ``note`` says so to the user.
    """

    training: list[np.ndarray] = field(repr=False)
    validation: list[np.ndarray] = field(repr=False)
    kind: str
    note: str
    validation_pixels: int


def split_labels(
    samples: Sequence[LabelledImage],
    *,
    guard_px: int,
    fraction: float = 0.2,
    seed: int,
    names: Mapping[int, str] | None = None,
) -> Split:
    """Hold back about ``fraction`` of the labels of every class, for an honest score.

    Every class keeps at least half of its pixels in training and is held back somewhere. Labelled
    pixels within the Chebyshev distance ``guard_px`` of a held-back pixel are trained on by
    nobody; of all ways tried, the one is taken that loses fewest labels that way. In volumes the
    distance is taken in (y, x), and neighbouring planes count as the same place.

    Parameters
    ----------
    samples : sequence
        Different images with their labels.
    guard_px : int
        Radius of the network's receptive field, in pixels.
    fraction : float
        Wanted share, between 0 and 0.5.
    seed : int
        The same seed gives the same split.
    names : mapping of class value to name, optional
        For the note.

    Raises
    ------
    LabelError
        ``guard_px`` is negative or ``fraction`` is not between 0 and 0.5.
    """
    _check(guard_px, fraction)
    labels = [np.asarray(sample.labels) for sample in samples]
    totals = [np.bincount(painted[painted > 0].astype(np.int64).ravel()) for painted in labels]
    values = np.unique(np.concatenate([np.flatnonzero(t) for t in totals] or [np.zeros(0, int)]))
    if not len(values):
        return _nothing(labels, "Nothing is painted yet, so nothing is held back.")
    counts = np.array([[t[v] if v < len(t) else 0 for v in values] for t in totals])
    rng = np.random.default_rng(seed)
    held_images = _held_images(counts, fraction, rng)
    if held_images:
        return _by_image(samples, labels, held_images)
    task = make_task(labels, values, int(guard_px), fraction, seed)
    found = _by_place(task, _distance(samples, int(guard_px)))
    return found or _nothing(labels, _advice(task, samples, names or {}))


def hold_out_strokes(
    labels: np.ndarray, *, fraction: float = 0.2, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Hold back whole strokes of every class, only to choose between models with.

    Strokes may lie next to each other, so a score on them is too good to be reported. The only
    stroke of a class is cut across its length into two halves with a gap between them.

    Parameters
    ----------
    labels : (y, x) or (z, y, x) integer array
    fraction : float
        Share of each class's pixels to hold back at least, where whole strokes allow it; never
        more than half.
    seed : int

    Returns
    -------
    Training labels and held-back labels, of the shape and type of ``labels``. A class of very few
    pixels stays in training only.
    """
    _check(0, fraction)
    labels = np.asarray(labels)
    strokes = stroke_map(labels)
    sizes, kinds = strokes.sizes(), strokes.stroke_values()
    rng = np.random.default_rng(seed)
    held = np.zeros(len(strokes.points), dtype=bool)
    dropped = held.copy()
    for value in np.unique(kinds):
        own = rng.permutation(np.flatnonzero(kinds == value))
        if len(own) == 1:
            _cut(strokes, int(own[0]), held, dropped, second=bool(rng.integers(2)))
            continue
        total, out = sizes[own].sum(), 0
        for stroke in own:
            if out < fraction * total and out + sizes[stroke] <= total / 2:
                held[strokes.strokes == stroke] = True
                out += sizes[stroke]
    training, held_labels = labels.copy(), np.zeros_like(labels)
    training[tuple(strokes.points[held | dropped].T)] = 0
    held_labels[tuple(strokes.points[held].T)] = strokes.values[held]
    return training, held_labels


def _check(guard_px: int, fraction: float) -> None:
    if guard_px < 0 or not 0 < fraction <= 1 - KEPT_SHARE:
        raise LabelError(
            f"cannot hold back a share of {fraction} with a guard of {guard_px} px; the share lies "
            "between 0 and 0.5, the guard is 0 or more."
        )


def _cut(
    strokes: StrokeMap, stroke: int, held: np.ndarray, dropped: np.ndarray, *, second: bool
) -> None:
    """Mark one end of a stroke as held and its middle as dropped, along its longest direction."""
    own = np.flatnonzero(strokes.strokes == stroke)
    points = strokes.points[own].astype(float)
    points -= points.mean(axis=0)
    along = points @ np.linalg.eigh(points.T @ points)[1][:, -1]
    along = (along if second else -along) - np.median(along if second else -along)
    gap = max(1.0, _CUT_GAP * np.ptp(along) / 2)
    far, middle = along > gap, np.abs(along) <= gap
    if far.any() and (along < -gap).any():
        held[own[far]] = True
        dropped[own[middle]] = True


def _nothing(labels: list[np.ndarray], note: str) -> Split:
    empty = [np.zeros_like(painted) for painted in labels]
    return Split([painted.copy() for painted in labels], empty, "none", note, 0)


def _held_images(counts: np.ndarray, fraction: float, rng: np.random.Generator) -> list[int]:
    """Which of three or more labelled images to hold back; empty if a class would miss.

    ``counts``: (image, class) labelled pixels.
    """
    labelled = np.flatnonzero(counts.sum(axis=1))
    if len(labelled) < 3:
        return []
    totals = counts.sum(axis=0)
    best: tuple[float, list[int]] = (np.inf, [])
    for subset in _subsets(rng.permutation(labelled), fraction):
        out = counts[subset].sum(axis=0)
        if np.all(out > 0) and np.all(totals - out >= KEPT_SHARE * totals):
            cost = float(np.abs(out / totals - fraction).sum())
            if cost < best[0] - 1e-9:
                best = (cost, sorted(int(i) for i in subset))
    return best[1]


def _subsets(images: np.ndarray, fraction: float) -> Iterator[list[int]]:
    """Small sets of images around the wanted share, in the order given, up to a limit."""
    wanted = max(1, round(fraction * len(images)))
    yielded = 0
    for size in sorted({wanted, max(1, wanted - 1), wanted + 1}, key=lambda s: abs(s - wanted)):
        for subset in combinations(images.tolist(), size):
            yield list(subset)
            yielded += 1
            if yielded % _MAX_SUBSETS == 0:
                break


def _by_image(samples: Sequence[LabelledImage], labels: list[np.ndarray], held: list[int]) -> Split:
    training, validation = [], []
    for index, painted in enumerate(labels):
        out = index in held
        training.append(np.zeros_like(painted) if out else painted.copy())
        validation.append(painted.copy() if out else np.zeros_like(painted))
    names = ", ".join(repr(getattr(samples[i].image, "name", "") or f"image {i + 1}") for i in held)
    pixels = sum(int(np.count_nonzero(v)) for v in validation)
    note = (
        f"Scores come from {pixels} labelled pixels of {names}, "
        f"{len(held)} of {len(labels)} images, on which nothing is trained."
    )
    return Split(training, validation, "image", note, pixels)


def _by_place(task: SplitTask, distance: str) -> Split | None:
    """The best candidate that holds with the guard applied exactly, or None."""
    best: tuple[float, Split] | None = None
    for tried, candidate in enumerate(candidates(task)[:_EXACT_TRIES]):
        if best is not None and (candidate.score > best[0] - 0.02 or tried >= 3):
            break  # estimates are close: nothing that follows can be much better
        validation = candidate.validation(task.labels, task.maps)
        training = [
            beyond_guard(painted, held, task.guard_px) if held.any() else painted.copy()
            for painted, held in zip(task.labels, validation, strict=True)
        ]
        kept, out = _class_pixels(task, training), _class_pixels(task, validation)
        if np.any(kept < KEPT_SHARE * task.totals) or np.any(out == 0):
            continue
        cost = score(task, out, task.totals - kept - out)
        if best is None or cost < best[0]:
            lost = int((task.totals - kept - out).sum())
            note = (
                f"Scores come from {int(out.sum())} labelled pixels, each farther than {distance} "
                f"from everything trained on; {lost} labelled pixels in between are left out."
            )
            best = (cost, Split(training, validation, "block", note, int(out.sum())))
    return None if best is None else best[1]


def _class_pixels(task: SplitTask, labels: Sequence[np.ndarray]) -> np.ndarray:
    """(K,) labelled pixels of each class over all samples."""
    found = np.zeros(int(task.values[-1]) + 1)
    for painted in labels:
        found += np.bincount(painted[painted > 0].astype(np.int64), minlength=len(found))
    return found[task.values]


def _distance(samples: Sequence[LabelledImage], guard_px: int) -> str:
    """The guard in pixels and, where all images agree on a pixel size, in its unit."""
    sizes = set()
    for sample in samples:
        size, unit = (getattr(sample.image, name, None) for name in ("pixel_size", "unit"))
        sizes.add((float(size[-1]), unit) if size and unit not in (None, "pixel") else None)
    scale = sizes.pop() if len(sizes) == 1 else None
    return f"{guard_px} px" + (f" ({guard_px * scale[0]:.3g} {scale[1]})" if scale else "")


def _advice(task: SplitTask, samples: Sequence[LabelledImage], names: Mapping[int, str]) -> str:
    """Why nothing can be held back, and what to paint."""
    away = _distance(samples, task.guard_px)
    strokes = np.concatenate([m.stroke_values() for m in task.maps])
    single = [int(v) for v in task.values if np.count_nonzero(strokes == v) == 1]
    called = [
        f"“{names[v]}”" if v in names else default_name(v) for v in (single or task.values.tolist())
    ]
    which = called[0] if len(called) == 1 else ", ".join(called[:-1]) + " and " + called[-1]
    if single:
        has = "has a single stroke" if len(single) == 1 else "have a single stroke each"
        reason = f"{which} {has}"
    else:
        reason = f"the strokes lie too close together to keep some apart by {away}"
    return (
        f"No honest score yet: {reason}. Paint strokes of {which} farther than {away} from the "
        "others, or on two more images."
    )
