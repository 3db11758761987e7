"""Which channel fires on which painted class: network dissection with the user's own labels.

Bau et al. 2017 (arXiv 1704.05796) threshold every channel at a quantile of its values and compare
where it fires with where a concept is, by intersection over union. Here the concepts are the
painted classes, only labelled pixels count, and a map is read at these pixels through its exact
placement instead of being enlarged to the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from unetscope.errors import LabelError
from unetscope.inspection.asking.dissection_sampling import cells_of, sampled_at
from unetscope.inspection.asking.dissection_scores import Score, channel_scores
from unetscope.inspection.asking.steps import LongWork, Step
from unetscope.inspection.following.reach import Kind, Reach
from unetscope.inspection.following.snapshot import finite_batch
from unetscope.inspection.following.trace import Trace, follow, module_of
from unetscope.inspection.showing.maps import FeatureMaps, feature_maps

Column = Literal["iou", "precision", "recall", "auc"]
LARGEST_GROUP = 2**28  # bytes of maps from one pass
LARGEST_CHUNK = 2**24  # sampled values at once


@dataclass(frozen=True)
class DissectionRow:
    """How well one channel, thresholded, stands for one class.

    Attributes
    ----------
    layer, channel, class_value, class_name : which; a class without a name is ``"class 3"``.
    iou : pixels where it fires and the class is painted, over pixels where either is true.
    precision : share of the firing pixels that are of the class; 0 where it fires nowhere.
    recall : share of the class's pixels on which it fires.
    auc : probability that a pixel of the class has a higher value than one of another class; 0.5
        says nothing, 0 is as telling as 1. Independent of the threshold.
    threshold, sign : it fires where ``sign · value > sign · threshold``; -1 where its low values
        fit the class better than its high ones.
    """

    layer: str
    channel: int
    class_value: int
    class_name: str
    iou: float
    precision: float
    recall: float
    auc: float
    threshold: float
    sign: int


@dataclass(frozen=True, eq=False)
class Dissection:
    """All channels of the asked layers against all painted classes.

    Attributes
    ----------
    rows : in the order of layers, channels, classes.
    layers : those in ``rows``; while the work goes on, those that are done.
    quantile : the fixed one, or None where it followed from the size of each class.
    pixels : how many labelled pixels were compared, per class value.
    kind : measured on these labels.
    """

    rows: tuple[DissectionRow, ...]
    layers: tuple[str, ...]
    quantile: float | None
    pixels: dict[int, int]
    kind: Kind = Kind.EMPIRICAL

    def sorted(self, by: Column = "iou") -> tuple[DissectionRow, ...]:
        """The rows, the best first; by ``"auc"``, the farthest from 0.5 first.

        Raises
        ------
        LabelError
            If there is no such column.
        """
        if by not in get_args(Column):
            raise LabelError(f"rows cannot be sorted by {by!r}; use {', '.join(get_args(Column))}.")
        if by == "auc":
            return tuple(sorted(self.rows, key=lambda row: -abs(row.auc - 0.5)))
        return tuple(sorted(self.rows, key=lambda row: -float(getattr(row, by))))

    def best(self, class_value: int, n: int = 5) -> tuple[DissectionRow, ...]:
        """The ``n`` rows of a class with the largest IoU.

        Raises
        ------
        LabelError
            If the class was not among the labels.
        """
        if class_value not in self.pixels:
            raise LabelError(f"class {class_value} is not painted; there are {list(self.pixels)}.")
        return tuple(row for row in self.sorted() if row.class_value == class_value)[:n]

    def sentence(self, row: DissectionRow) -> str:
        """``"enc2.conv2 #7 fires on grain boundary (IoU 0.61)"``."""
        verb = "fires on" if row.sign > 0 else "is low on"
        return f"{row.layer} #{row.channel} {verb} {row.class_name} (IoU {row.iou:.2f})"


@LongWork
def dissect(
    model: nn.Module | Trace,
    image: Tensor | NDArray[np.generic],
    labels: NDArray[np.integer[Any]],
    layers: Sequence[str] | str | None = None,
    *,
    quantile: float | None = None,
    names: Mapping[int, str] | None = None,
    max_pixels: int = 100_000,
    seed: int = 0,
) -> Iterator[Step[Dissection]]:
    """Compare every channel of ``layers`` with every painted class.

    A step a layer, each with the rows so far.

    Parameters
    ----------
    model : stays as it is.
    image : ([channel,] [z,] y, x), scaled as the model takes it.
    labels : ([z,] y, x) whole numbers, 0 for unlabelled; at least two classes.
    layers : names of layers with places; None for every convolution.
    quantile : a channel fires above this quantile of its values at the labelled pixels, 0 to 1 (or,
        for the low side, below one minus it). With a fixed one, the IoU of a class cannot exceed
        ``(1 - quantile) / share of the class``: Bau's 0.995 is meant for rare concepts. None lets
        as many pixels fire as the class has, so that a perfect channel reaches 1 for any class.
    names : class value → name.
    max_pixels : of more labelled pixels, so many are drawn at random.
    seed : of that draw.

    Raises
    ------
    LabelError
        If labels and image differ in size, or fewer than two classes are painted.
    ModelError
        If a layer does not exist or has no places.
    """
    net = module_of(model)
    if quantile is not None and not 0 < quantile < 1:
        raise LabelError(f"quantile is {quantile!r}; give a number between 0 and 1, or None.")
    batch = finite_batch(net, image)
    trace = follow(model, batch.shape)
    points, values = _labelled(labels, trace.image_shape, max_pixels, seed)
    asked = [layers] if isinstance(layers, str) else layers
    wanted = list(dict.fromkeys(asked)) if asked is not None else dissected_layers(net, trace)
    classes, counts = np.unique(values, return_counts=True)
    called = {int(c): (names or {}).get(int(c), f"class {c}") for c in classes}
    pixels = {int(c): int(n) for c, n in zip(classes, counts, strict=True)}
    rows: list[DissectionRow] = []
    done = 0
    for group in _groups(trace, wanted):
        found = feature_maps(trace, batch, group, region=_region(trace, group, points))
        for layer in group:
            rows += _rows(found.pop(layer), points, values, quantile, called)
            done += 1
            so_far = Dissection(tuple(rows), tuple(wanted[:done]), quantile, pixels)
            yield Step(done, len(wanted), so_far)


dissect_steps = dissect.steps


def dissected_layers(model: nn.Module, trace: Trace) -> list[str]:
    """Every convolution whose output has places; without any, every such layer."""
    modules = dict(model.named_modules())
    repeated = {call.name for call in trace.calls if call.index > 1}
    found: dict[bool, list[str]] = {True: [], False: []}
    for call in trace.calls:
        reach = call.reach
        if not call.is_leaf or not isinstance(reach, Reach) or not reach.dims:
            continue
        if reach.dims != tuple(range(2, len(call.output_shape or ()))):
            continue
        name = f"{call.name}:{call.index}" if call.name in repeated else call.name
        found[isinstance(modules[call.name], _ConvNd)].append(name)
    return found[True] or found[False]


def _labelled(
    labels: NDArray[np.integer[Any]], image_shape: tuple[int, ...], most: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(pixel, axis) coordinates of labelled pixels, and their class values."""
    painted = np.asarray(labels)
    if not np.issubdtype(painted.dtype, np.integer):
        raise LabelError(f"labels are {painted.dtype}; give whole numbers, 0 for unlabelled.")
    if painted.shape != image_shape:
        raise LabelError(f"labels have shape {painted.shape}, the image {image_shape}.")
    if painted.min() < 0:
        raise LabelError(f"labels go down to {painted.min()}; use 0 for unlabelled, then 1, 2, …")
    points = np.argwhere(painted > 0)
    if len(points) > most:
        drawn = np.random.default_rng(seed).permutation(len(points))[:most]
        points = points[np.sort(drawn)]
    values = painted[tuple(points.T)].astype(np.int64)
    found = np.unique(values)
    if len(found) < 2:
        counted = "1 class is" if len(found) == 1 else "no classes are"
        raise LabelError(
            f"{counted} painted; paint at least two, so that there is something on which a channel "
            "should not fire."
        )
    return points, values


def _groups(trace: Trace, layers: Sequence[str]) -> Iterator[list[str]]:
    """Layers whose maps may be held together, in order."""
    group: list[str] = []
    held = 0
    for layer in layers:
        size = trace.spatial(layer)[0].output_bytes
        if group and held + size > LARGEST_GROUP:
            yield group
            group, held = [], 0
        group.append(layer)
        held += size
    if group:
        yield group


def _region(trace: Trace, layers: Sequence[str], points: NDArray[np.int64]) -> tuple[slice, ...]:
    """The pixels around all points whose cells are needed to interpolate between them."""
    spans = []
    for axis, side in enumerate(trace.image_shape):
        grids = [trace.spatial(layer)[1].grids[axis] for layer in layers]
        more = int(np.ceil(max(float(grid.scale) for grid in grids)))
        low, high = int(points[:, axis].min()), int(points[:, axis].max())
        spans.append(slice(max(0, low - more), min(side, high + 1 + more)))
    return tuple(spans)


def _rows(
    maps: FeatureMaps,
    points: NDArray[np.int64],
    labels: NDArray[np.int64],
    quantile: float | None,
    names: Mapping[int, str],
) -> list[DissectionRow]:
    covered, cells = cells_of(maps, points)
    labels = labels[covered]
    rows = []
    chunk = max(1, LARGEST_CHUNK // max(1, len(labels)))
    for start in range(0, len(maps.channels), chunk):
        sampled = sampled_at(maps.values[start : start + chunk], cells)
        for channel, values in zip(maps.channels[start:], sampled, strict=False):
            for value, score in channel_scores(values, labels, quantile).items():
                rows.append(_row(maps.layer, channel, value, names[value], score))
    return rows


def _row(layer: str, channel: int, value: int, name: str, score: Score) -> DissectionRow:
    return DissectionRow(layer, channel, value, name, *score)
