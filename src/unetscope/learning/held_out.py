"""The judge of fine-tuning: pixels kept out of training decide what the user sees.

Two different things are kept apart. An honest *figure* needs places no training pixel could see
(:mod:`unetscope.learning.split`). A *choice* between the instant head and the fine-tuned network
only needs strokes neither has learned from; where there is too little for a figure, whole strokes
are held back for the choice alone, and no figure is reported.

A handful of held-back strokes cannot make that choice well: they lie inside regions, where an
unsharp young network loses, and say nothing about borders, where it gains. So few of them only
veto what experience grants (15 % of the answer, once the network has learned for a while), and
the more there are, the more they decide alone (docs/tried.md).

Dense masks show borders as well and in their natural shares. They decide alone, by Dice: the
network gets what is best on them, mostly all of the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from unetscope.computing.precision import autocast
from unetscope.learning.events import Validation
from unetscope.learning.feature_cache import FeatureCache, read_window
from unetscope.learning.feature_reader import FeatureReader
from unetscope.learning.instant import fit_instant, instant_rows, labelled_rows
from unetscope.learning.partition import Partition
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.samples import Sample, are_dense, value_counts
from unetscope.learning.stroke_map import stroke_map
from unetscope.learning.tiling import padded_shape
from unetscope.network.unet import UNet

# Parts of the largest share the network may get that are compared on held-back pixels.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
# Nats a full share must gain over none where many pixels judge: a smaller gain is luck.
_CAUTION = 0.08
# Where few do: nats (and Dice) a share may lose on them for being what experience grants.
_TRUST, _TRUSTED_DICE = 0.3, 0.05
_GRANTED = 0.15
# Dice that a newer network, or a larger share of it, may lack on dense masks: as much is luck.
_EVEN = 0.002
_MOST_WITHOUT_FIGURE = 0.5
_ENOUGH_PIXELS = 10_000
_MAX_PIXELS = 20_000
_CELL_PX = 96
_MAX_WINDOWS = 24


@dataclass(frozen=True, eq=False)
class _Window:
    image: Tensor  # (1, channel, y, x)
    y: Tensor
    x: Tensor
    rows: np.ndarray  # which held-back pixels these are


@dataclass(frozen=True)
class Verdict:
    """What held-back pixels say about one network: its best share and the loss with it.

    ``loss`` is for comparing networks; one that is worse by less than ``slack`` may be no worse.
    """

    share: float
    loss: float
    validation: Validation | None
    slack: float = 0.0


class HeldOut:
    """Held-back pixels with the instant answer on them, ready to judge networks.

    The instant voice that takes part here is solved without the held-back pixels.
    """

    def __init__(
        self,
        model: PixelModel,
        samples: Sequence[Sample],
        parts: Partition,
        values: Sequence[int],
        *,
        cache: FeatureCache,
        device: str,
    ) -> None:
        self.kind = parts.kind
        self.values = np.asarray(values)
        self._device = device
        self.targets = np.zeros(0, np.int64)
        self.strokes: dict[int, int] = {}
        self.class_pixels: dict[int, int] = {}
        self._windows: list[_Window] = []
        self.told: PixelModel | None = None
        self.dense = are_dense(samples)
        self._weights = np.ones(len(values))
        judging = _limited(parts.held, model.provenance.seed)
        held = [replace(s, labels=h) for s, h in zip(samples, judging, strict=True)]
        if not any(labels.any() for labels in judging):
            return
        reader = FeatureReader(model, cache, cache.machine(device))
        rows = labelled_rows(reader, held, values, limit=_MAX_PIXELS)
        shown = parts.shown(samples)
        told = fit_instant(model, shown, cache=cache, with_forest=True, device=device)
        self.told = told
        self._instant = instant_rows(told, rows.features)
        self.targets = rows.targets
        self.strokes, self.class_pixels = _counted(parts.held, judging)
        # Of very many pixels as many of each class were taken: scores are of their own shares.
        taken = np.bincount(rows.targets, minlength=len(values))
        natural = np.array([self.class_pixels.get(int(v), 0) for v in values])
        self._weights = natural / np.maximum(taken, 1)
        self._windows = _windows(model, held, rows.places, cache)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def evidence(self) -> float:
        """How much the held-back pixels can decide alone: 0, nothing, to 1."""
        return min(1.0, len(self) / _ENOUGH_PIXELS)

    @property
    def largest_share(self) -> float:
        """How much of the answer the network may get.

        15 % at first. Ten thousand held-back pixels can grant all of it, or half where
        they lie so near the training pixels that no honest figure could be given.
        """
        most = _MOST_WITHOUT_FIGURE if self.kind == "strokes" else 1.0
        return _GRANTED + (most - _GRANTED) * self.evidence

    def move(self, device: str) -> None:
        """Judge on another device from now on."""
        self._device = device

    def judge(self, net: UNet, precision: str, *, maturity: float = 1.0) -> Verdict:
        """Compare the shares for one network.

        Parameters
        ----------
        maturity : how far it has learned, from 0 (only just begun) to 1.
        """
        if not len(self):
            return Verdict(0.0, float("nan"), None)
        own = self._network_answer(net, precision)
        if self.dense:
            return self._by_masks(own)
        shares = [part * self.largest_share for part in SHARES]
        mixtures = [(1 - share) * self._instant + share * own for share in shares]
        losses = [self._loss(mixed) for mixed in mixtures]
        doubt = 1 - self.evidence
        granted = _GRANTED * maturity
        costs = [
            loss + doubt * _TRUST * abs(share - granted) + self.evidence * _CAUTION * share
            for loss, share in zip(losses, shares, strict=True)
        ]
        # A network may be surer of itself without being right more often: both must agree.
        dice = [self._dice(mixed) for mixed in mixtures]
        least = dice[0] - doubt * _TRUSTED_DICE
        allowed = [c if d >= least else float("inf") for c, d in zip(costs, dice, strict=True)]
        best = int(np.argmin(allowed))
        validation = self._figure(own, shares[best])
        return Verdict(shares[best], costs[best], validation, slack=doubt * _TRUST * _GRANTED)

    def _by_masks(self, own: np.ndarray) -> Verdict:
        """The share that is best on dense masks, the larger one of those that are about even."""
        wrong = [1 - self._dice((1 - part) * self._instant + part * own) for part in SHARES]
        costs = [lost - _EVEN * part for lost, part in zip(wrong, SHARES, strict=True)]
        best = int(np.argmin(costs))
        return Verdict(SHARES[best], costs[best], self._figure(own, SHARES[best]), slack=_EVEN)

    def _figure(self, own: np.ndarray, share: float) -> Validation | None:
        """Scores of the answer with this share of the network, where they may be told."""
        if self.kind == "strokes":
            return None
        mixed = (1 - share) * self._instant + share * own
        return self._validation(mixed, self._loss(mixed))

    def _loss(self, chance: np.ndarray) -> float:
        """Log loss with every class weighing the same."""
        own = -np.log(np.clip(chance[np.arange(len(self)), self.targets], 1e-4, 1.0))
        classes = np.unique(self.targets)
        return float(np.mean([own[self.targets == k].mean() for k in classes]))

    def _dice(self, chance: np.ndarray) -> float:
        return float(np.mean(list(self._scores(chance)[0].values())))

    def _scores(self, chance: np.ndarray) -> tuple[dict[int, float], dict[int, float]]:
        """Class value → Dice, and Jaccard index, of the classes that judge."""
        count = len(self.values)
        pairs = self.targets * count + chance.argmax(axis=1)
        weights = self._weights[self.targets]
        found = np.bincount(pairs, weights, count**2).reshape(count, count)
        hit, true, said = found.diagonal(), found.sum(axis=1), found.sum(axis=0)
        present = np.flatnonzero(true > 0)
        dice = {int(self.values[k]): float(2 * hit[k] / (true[k] + said[k])) for k in present}
        return dice, {v: d / (2 - d) for v, d in dice.items()}

    def _validation(self, chance: np.ndarray, loss: float) -> Validation:
        dice, iou = self._scores(chance)
        return Validation(
            dice=dice,
            iou=iou,
            loss=loss,
            pixels=len(self),
            kind=self.kind,
            strokes=self.strokes,
            class_pixels=self.class_pixels,
        )

    @torch.inference_mode()
    def _network_answer(self, net: UNet, precision: str) -> np.ndarray:
        answer = np.zeros((len(self), len(self.values)), np.float32)
        for window in self._windows:
            with autocast(self._device, precision):
                logits = net(window.image.to(self._device))[0]  # (class, y, x)
            chance = logits[:, window.y, window.x].float().softmax(dim=0)
            answer[window.rows] = chance.t().cpu().numpy()
        return answer


def _counted(
    held: Sequence[np.ndarray], judging: Sequence[np.ndarray]
) -> tuple[dict[int, int], dict[int, int]]:
    """Class value → held-back strokes that judge, and pixels of them that do.

    ``judging`` are the labels of ``held``, or some of them.
    """
    strokes: Counter[int] = Counter()
    pixels: Counter[int] = Counter()
    for labels, seen in zip(held, judging, strict=True):
        found = stroke_map(labels)
        judges = seen[tuple(found.points.T)] > 0
        pixels.update(found.values[judges].tolist())
        strokes.update(found.stroke_values()[np.unique(found.strokes[judges])].tolist())
    return dict(strokes), dict(pixels)


def judging_pixels(parts: Partition, seed: int) -> int:
    """How many held-back pixels will judge."""
    counts = Counter[int]()
    for labels in _limited(parts.held, seed):
        counts.update(value_counts(labels))
    total, quota = sum(counts.values()), _MAX_PIXELS // max(len(counts), 1)
    return total if total <= _MAX_PIXELS else sum(min(n, quota) for n in counts.values())


def _limited(held: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """The held-back labels, of very many only those in some seeded cells of a coarse grid."""
    cells = [
        (index, *cell) for index, labels in enumerate(held) for cell in _cells_with_labels(labels)
    ]
    if len(cells) <= _MAX_WINDOWS:
        return list(held)
    chosen = np.random.default_rng(seed).choice(len(cells), _MAX_WINDOWS, replace=False)
    masks = [np.zeros_like(labels) for labels in held]
    for index, *cell in (cells[i] for i in np.sort(chosen)):
        size = _cell(held[index])
        box = tuple(slice(c * s, (c + 1) * s) for c, s in zip(cell, size, strict=True))
        masks[index][box] = held[index][box]
    return masks


def _cells_with_labels(labels: np.ndarray) -> list[list[int]]:
    places = np.stack(np.nonzero(labels), axis=1) // _cell(labels)
    return [[int(c) for c in cell] for cell in np.unique(places, axis=0)]


def _cell(labels: np.ndarray) -> tuple[int, ...]:
    return (1, _CELL_PX, _CELL_PX) if labels.ndim == 3 else (_CELL_PX, _CELL_PX)


def _windows(
    model: PixelModel, held: Sequence[Sample], places: np.ndarray, cache: FeatureCache
) -> list[_Window]:
    """Windows, one a grid cell, wide enough that their pixels see what a whole image shows."""
    config = model.features.backbone.config
    keys = np.concatenate([places[:, :2], places[:, 2:] // _CELL_PX], axis=1)
    windows = []
    for key in np.unique(keys, axis=0):
        rows = np.nonzero((keys == key).all(axis=1))[0]
        image = held[key[0]].image
        bounds = padded_shape(image.spatial_shape[-2:], config.multiple)
        box: list[slice] = []
        for axis, bound in zip((2, 3), bounds, strict=True):
            low, high = int(places[rows, axis].min()), int(places[rows, axis].max()) + 1
            start = max(0, low - config.halo_px) // config.multiple * config.multiple
            stop = -(-(high + config.halo_px) // config.multiple) * config.multiple
            box.append(slice(start, min(bound, stop)))
        window = (box[0], box[1])
        pixels = read_window(image, int(key[1]), window, cache.normalisation(model, image))
        y = torch.from_numpy(places[rows, 2] - window[0].start)
        x = torch.from_numpy(places[rows, 3] - window[1].start)
        windows.append(_Window(pixels, y, x, rows))
    return windows
