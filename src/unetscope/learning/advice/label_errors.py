"""Strokes that may be painted in the wrong class: what the other strokes say about each.

Every stroke is left out in turn and judged by the head solved on all the others: a wrong stroke
cannot then vouch for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unetscope.learning.advice.stroke_sums import StrokeSums
from unetscope.learning.feature_cache import FeatureCache
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.head import voiced
from unetscope.learning.instant import heard_penalty, labelled_rows, prepared
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample, check_samples
from unetscope.learning.stroke_map import stroke_map, strokes_at

_SMALLEST = 1e-7


@dataclass(frozen=True)
class DoubtfulStroke:
    """A stroke the model would have painted otherwise.

    Attributes
    ----------
    sample : index of the sample it is painted on.
    centre : pixel (y, x) or (z, y, x) of the stroke, nearest to its middle.
    painted, believed : class values.
    pixels : of the stroke.
    sureness : 0 to 1, mean probability of ``believed`` over the stroke.
    loss : mean of -log(probability of ``painted``), in nats; the list is sorted by it.
    text : the same in words.
    """

    sample: int
    centre: tuple[int, ...]
    painted: int
    believed: int
    pixels: int
    sureness: float
    loss: float
    text: str


def label_errors(
    model: PixelModel,
    samples: Sequence[Sample],
    *,
    cache: FeatureCache | None = None,
    names: Mapping[int, str] | None = None,
    device: str = "auto",
    least_sure: float = 0.6,
) -> list[DoubtfulStroke]:
    """Strokes on which the head, solved without them, is sure of another class; worst first.

    The only stroke of a class cannot be judged and is never listed.

    Parameters
    ----------
    model : its backbone and recipe count; what it has learned from these strokes does not.
    least_sure : mean probability of the other class from which a stroke is listed.

    Raises
    ------
    LabelError
        Fewer than two classes are painted.
    """
    values = tuple(check_samples(samples))
    cache = cache or FeatureCache()
    model = prepared(model, samples, cache)
    reader = FeatureReader(model, cache, cache.machine(device))
    rows = labelled_rows(reader, samples, values)
    labels = [np.asarray(sample.labels) for sample in samples]
    maps = [stroke_map(own) for own in labels]
    present, index = np.unique(strokes_at(rows.places, labels, maps), return_inverse=True)
    penalty = heard_penalty(reader, samples, rows)
    sums = StrokeSums(rows.features, torch.from_numpy(rows.targets), index, penalty)
    starts = np.cumsum([0, *(found.count for found in maps)])
    doubts = []
    for position, stroke in enumerate(present):
        if not sums.can_leave_out(position):
            continue
        chance = voiced(sums.scores_without(position), model.features.recipe).t().numpy()
        painted, believed = int(sums.targets[position]), int(chance.mean(axis=0).argmax())
        sureness = float(chance[:, believed].mean())
        if believed == painted or sureness < least_sure:
            continue
        loss = float(-np.log(np.maximum(chance[:, painted], _SMALLEST)).mean())
        sample = int(np.searchsorted(starts, stroke, side="right")) - 1
        own = maps[sample].points[maps[sample].strokes == stroke - starts[sample]]
        said = (values[painted], values[believed])
        text = _text(said, sureness, names or {})
        doubts.append(DoubtfulStroke(sample, _middle(own), *said, len(own), sureness, loss, text))
    return sorted(doubts, key=lambda doubt: -doubt.loss)


def _middle(points: np.ndarray) -> tuple[int, ...]:
    nearest = ((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin()
    return tuple(int(i) for i in points[nearest])


def _text(said: tuple[int, int], sureness: float, names: Mapping[int, str]) -> str:
    painted, believed = (names.get(value) or f"class {value}" for value in said)
    return (
        f"Painted {painted}; by all other strokes it looks like {believed} "
        f"({100 * sureness:.0f} % sure). Delete it, relabel it, or keep it if you are right."
    )
