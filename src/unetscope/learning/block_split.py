"""Ways to hold back places of painted images: whole strokes, or rectangles of dense masks.

Every candidate is a set of pixels to hold back; training keeps what lies beyond a guard band
around them. Candidates are scored on estimates (thinned points, strided masks), best first; the
caller applies the guard exactly and checks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from unetscope.learning.stroke_map import StrokeMap, stroke_map

KEPT_SHARE = 0.5  # of every class's pixels must stay in training
_MAX_STROKES = 200  # beyond this only rectangles are tried
_MAX_POINTS = 4_000  # labelled pixels that stand for all when strokes are compared
_MAX_MASK_PX = 250_000  # pixels of a mask that are counted exactly
_TILE_PX = 1024
_FAULT = 10.0  # what a broken demand costs; no sum of honest losses comes near

Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Candidate:
    """Pixels to hold back: one list of strokes or one box for each sample (None: nothing)."""

    score: float
    strokes: tuple[np.ndarray, ...] = ()
    boxes: tuple[Box | None, ...] = ()

    def validation(
        self, labels: Sequence[np.ndarray], maps: Sequence[StrokeMap]
    ) -> list[np.ndarray]:
        """The held-back labels of every sample, 0 elsewhere."""
        held = [np.zeros_like(painted) for painted in labels]
        for index, chosen in enumerate(self.strokes):
            inside = np.isin(maps[index].strokes, chosen)
            place = tuple(maps[index].points[inside].T)
            held[index][place] = labels[index][place]
        for index, box in enumerate(self.boxes):
            if box is not None:
                held[index][box] = labels[index][box]
        return held


@dataclass(frozen=True, eq=False)
class SplitTask:
    """What is asked for: the labels, the classes, the guard, the share, the random numbers."""

    labels: list[np.ndarray]
    values: np.ndarray  # (K,) class values, increasing
    guard_px: int
    fraction: float
    rng: np.random.Generator
    maps: list[StrokeMap] = field(default_factory=list)
    totals: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (K,) labelled pixels


def make_task(
    labels: Sequence[np.ndarray], values: np.ndarray, guard_px: int, fraction: float, seed: int
) -> SplitTask:
    """Count classes and find strokes once for all candidates."""
    maps = [stroke_map(painted) for painted in labels]
    found = np.concatenate([m.values for m in maps])
    totals = np.bincount(np.searchsorted(values, found), minlength=len(values)).astype(float)
    rng = np.random.default_rng(seed)
    return SplitTask(list(labels), values, guard_px, fraction, rng, maps, totals)


def candidates(task: SplitTask) -> list[Candidate]:
    """All candidates that seem to keep every class on both sides, the best first."""
    found = _stroke_candidates(task) + _box_candidates(task)
    return sorted((c for c in found if c.score < _FAULT), key=lambda c: c.score)


def beyond_guard(labels: np.ndarray, held: np.ndarray, guard_px: int) -> np.ndarray:
    """``labels`` without all pixels within the Chebyshev distance ``guard_px`` of ``held``.

    Works in tiles, so that memory does not grow with the image. In volumes the distance is taken
    in (y, x), and neighbouring planes count as the same place.
    """
    training = labels.copy()
    planes = training[None] if training.ndim == 2 else training
    held_planes = held[None] if held.ndim == 2 else held
    height, width = planes.shape[1:]
    for z in range(len(planes)):
        if not held_planes[z].any():
            continue
        for top in range(0, height, _TILE_PX):
            for left in range(0, width, _TILE_PX):
                if not held_planes[z, top : top + _TILE_PX, left : left + _TILE_PX].any():
                    continue
                grown = tuple(
                    slice(max(0, start - guard_px), min(stop, start + _TILE_PX + guard_px))
                    for start, stop in ((top, height), (left, width))
                )
                near = np.zeros([s.stop - s.start for s in grown], dtype=np.uint8)
                tile = (slice(top, top + _TILE_PX), slice(left, left + _TILE_PX))
                inner = tuple(
                    slice(t.start - g.start, t.stop - g.start)
                    for t, g in zip(tile, grown, strict=True)
                )
                near[inner] = held_planes[z][tile] > 0
                for axis in (0, 1):
                    near = ndimage.maximum_filter1d(near, 2 * guard_px + 1, axis, mode="constant")
                planes[(slice(max(0, z - 1), z + 2), *grown)][:, near > 0] = 0
    return training


def score(task: SplitTask, held: np.ndarray, dropped: np.ndarray) -> float:
    """How bad a candidate is, from (K,) pixels held back and dropped of each class.

    The share of labels lost plus the distance from the wanted share, summed over the classes;
    `_FAULT` and more where a class would miss on one side.
    """
    lost, out = dropped / task.totals, held / task.totals
    faults = np.maximum(0, lost + out - (1 - KEPT_SHARE)) + (held <= 0)
    return float(np.sum(lost + np.abs(out - task.fraction)) + _FAULT * np.ceil(faults).sum())


@dataclass(frozen=True, eq=False)
class _Crowd:
    """Thinned labelled points of all samples, and which strokes come near which."""

    owner: np.ndarray  # (n,) stroke of each point, numbered over all samples
    kind: np.ndarray  # (n,) class index of each point
    weight: np.ndarray  # (n,) labelled pixels a point stands for
    near: np.ndarray  # (strokes, n) bool: point n is within the guard of that stroke

    def outcome(self, chosen: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
        """(K,) pixels held back and dropped if the (strokes,) bool ``chosen`` are held back."""
        inside = chosen[self.owner]
        lost = self.near[chosen].any(axis=0) & ~inside
        return (
            np.bincount(self.kind[inside], self.weight[inside], classes),
            np.bincount(self.kind[lost], self.weight[lost], classes),
        )


def _stroke_candidates(task: SplitTask) -> list[Candidate]:
    """Sets of whole strokes, by local search from several random starts."""
    counts = [m.count for m in task.maps]
    if not 2 <= sum(counts) <= _MAX_STROKES:
        return []
    crowd = _crowd(task)
    kinds = np.concatenate([np.searchsorted(task.values, m.stroke_values()) for m in task.maps])
    found = {}
    for _ in range(12 if sum(counts) <= 60 else 4):
        chosen, cost = _local_search(task, crowd, kinds)
        found[chosen.tobytes()] = (chosen, cost)
    edges = np.cumsum([0, *counts])
    return [
        Candidate(
            cost,
            strokes=tuple(np.flatnonzero(chosen[low:high]) for low, high in pairwise(edges)),
        )
        for chosen, cost in found.values()
    ]


def _local_search(task: SplitTask, crowd: _Crowd, kinds: np.ndarray) -> tuple[np.ndarray, float]:
    """Hold back one random stroke of each class, then add or release strokes while it helps."""
    chosen = np.zeros(len(kinds), dtype=bool)
    for kind in range(len(task.values)):
        chosen[task.rng.choice(np.flatnonzero(kinds == kind))] = True
    best = score(task, *crowd.outcome(chosen, len(task.values)))
    improved = True
    while improved:
        improved = False
        for stroke in task.rng.permutation(len(kinds)):
            chosen[stroke] ^= True
            cost = score(task, *crowd.outcome(chosen, len(task.values)))
            if cost < best - 1e-9:
                best, improved = cost, True
            else:
                chosen[stroke] ^= True
    return chosen, best


def _crowd(task: SplitTask) -> _Crowd:
    total = sum(len(m.points) for m in task.maps)
    step = max(1, -(-total // _MAX_POINTS))
    strokes = sum(m.count for m in task.maps)
    owners, kinds, weights, nears = [], [], [], []
    first = 0
    for strokes_here in task.maps:
        kept = _thinned(strokes_here, step)
        own = strokes_here.strokes[kept]
        sizes = strokes_here.sizes() / np.maximum(1, np.bincount(own, minlength=strokes_here.count))
        points = _flattened(strokes_here.points[kept], task.guard_px)
        near = np.zeros((strokes, len(kept)), dtype=bool)
        for stroke in range(strokes_here.count):
            near[first + stroke] = _within(points, points[own == stroke], task.guard_px)
        owners.append(own + first)
        kinds.append(np.searchsorted(task.values, strokes_here.values[kept]))
        weights.append(sizes[own])
        nears.append(near)
        first += strokes_here.count
    owner, kind, weight = (np.concatenate(parts) for parts in (owners, kinds, weights))
    return _Crowd(owner, kind, weight, np.concatenate(nears, axis=1))


def _thinned(strokes: StrokeMap, step: int) -> np.ndarray:
    """Indices of every ``step``-th point, and of the first of each stroke."""
    first = np.unique(strokes.strokes, return_index=True)[1]
    return np.union1d(np.arange(0, len(strokes.points), step), first).astype(np.int64)


def _flattened(points: np.ndarray, guard_px: int) -> np.ndarray:
    """Coordinates whose Chebyshev distance puts neighbouring planes, and only those, in reach."""
    if points.shape[1] == 2:
        return points.astype(float)
    return points * np.array([(guard_px + 0.5) / 1.5, 1.0, 1.0])


def _within(points: np.ndarray, stroke: np.ndarray, guard_px: int) -> np.ndarray:
    """Which points lie within the guard of a stroke: (n,) bool."""
    low, high = stroke.min(axis=0) - guard_px, stroke.max(axis=0) + guard_px
    close = ((points >= low) & (points <= high)).all(axis=1)
    reach = guard_px + 0.5  # coordinates are whole in y and x
    distance = cKDTree(stroke).query(points[close], p=np.inf, distance_upper_bound=reach)[0]
    close[close] = distance < reach
    return close


def _box_candidates(task: SplitTask) -> list[Candidate]:
    """The same relative rectangle in every sample, or a rectangle in one sample only."""
    count = len(task.labels)
    shapes = _relative_boxes(volume=any(painted.ndim == 3 for painted in task.labels))
    found = []
    extents = [_extent(m) for m in task.maps]
    for relative in shapes:
        boxes = [_box_in(extent, relative) for extent in extents]
        tallies = [
            _tally(task, index, box) if box else np.zeros((2, len(task.values)))
            for index, box in enumerate(boxes)
        ]
        choices = [range(count)] + ([[index] for index in range(count)] if count > 1 else [])
        for choice in choices:
            held, dropped = sum((tallies[i] for i in choice), np.zeros((2, len(task.values))))
            chosen = tuple(boxes[i] if i in choice else None for i in range(count))
            found.append(Candidate(score(task, held, dropped), boxes=chosen))
    return found


def _relative_boxes(*, volume: bool) -> list[tuple[tuple[float, float], ...]]:
    """Rectangles in units of the labelled extent: strips, corners, squares; slabs of volumes."""
    whole = (0.0, 1.0)
    shapes: list[tuple[tuple[float, float], ...]] = []
    for size in (0.1, 0.2, 0.3, 0.4):
        for part in ((0.0, size), (1 - size, 1.0)):
            shapes += [(whole, part, whole), (whole, whole, part)]
            if volume:
                shapes.append((part, whole, whole))
    for size in (0.3, 0.45, 0.6):
        parts = ((0.0, size), (1 - size, 1.0))
        shapes += [(whole, rows, columns) for rows in parts for columns in parts]
    thirds = [(start, start + 0.35) for start in (0.0, 0.325, 0.65)]
    return shapes + [(whole, rows, columns) for rows in thirds for columns in thirds]


def _extent(strokes: StrokeMap) -> list[tuple[int, int]]:
    """First and last labelled coordinate of each axis; empty without labels."""
    if not len(strokes.points):
        return []
    return [(int(axis.min()), int(axis.max())) for axis in strokes.points.T]


def _box_in(extent: list[tuple[int, int]], relative: tuple[tuple[float, float], ...]) -> Box | None:
    """Slices for a box in units of the labelled extent; None without labels."""
    if not extent:
        return None
    return tuple(
        slice(round(low + a * (high + 1 - low)), round(low + b * (high + 1 - low)))
        for (low, high), (a, b) in zip(extent, relative[-len(extent) :], strict=True)
    )


def _tally(task: SplitTask, index: int, box: Box) -> np.ndarray:
    """(2, K) pixels of each class inside the box, and lost in the guard around it."""
    painted = task.labels[index]
    margins = (1, task.guard_px, task.guard_px)[-painted.ndim :]
    grown = tuple(
        slice(max(0, s.start - margin), s.stop + margin)
        for s, margin in zip(box, margins, strict=True)
    )
    step = max(1, int(np.sqrt(painted.size / _MAX_MASK_PX)))
    inside, around = (_class_counts(painted[part], task.values, step) for part in (box, grown))
    return np.stack([inside, around - inside])


def _class_counts(part: np.ndarray, values: np.ndarray, step: int) -> np.ndarray:
    thin = part[..., ::step, ::step]
    found = np.bincount(thin[thin > 0].astype(np.int64), minlength=int(values[-1]) + 1)
    return found[values] * float(step**2)
