"""The whole answer of a model as one module of torch: an image in, probabilities out.

The taps of both looks, filters, head, forest, prior, network and temperature, written so that it
can be traced: no size of the traced image may stay in it. It computes what
:func:`unetscope.learning.prediction.predict_probabilities` does, in another order of sums.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional

from unetscope.errors import ModelError
from unetscope.images.normalisation import CLIP, Normalisation
from unetscope.learning.answering import input_multiple
from unetscope.learning.features import Levels
from unetscope.learning.forest import PixelForest
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.sources.bundled import CONTEXT
from unetscope.learning.sources.classical import filters_at
from unetscope.network.unet import UNet

_SMALLEST = 1e-12


def answer_module(model: PixelModel, scale: Normalisation | None = None) -> nn.Module:
    """What ``model`` says, as a module: (batch, channel, y, x) → (batch, class, y, x) float32.

    Parameters
    ----------
    scale : the grey range that the module reads images in, which are then given as they are. None:
        they are given normalised (1st percentile 0, 99th 1, clipped to -1 … 2).

    Raises
    ------
    ModelError
        The model has learned no classes, has sources of others, or ``scale`` has other channels.
    """
    if not model.can_answer:
        raise ModelError("this model has learned no classes yet; train it before exporting it.")
    if model.features.sources:
        names = ", ".join(source.name for source in model.features.sources)
        raise ModelError(
            f"this model stands on the backbone {names}, which cannot be exported; "
            "train one without it."
        )
    if scale is not None and len(scale.low) != model.channels:
        raise ModelError(
            f"the grey range has {len(scale.low)} channel(s), the model {model.channels}."
        )
    return AnswerModule(model, scale).eval().requires_grad_(False)


class AnswerModule(nn.Module):
    """See :func:`answer_module`."""

    half_low: Tensor
    half_span: Tensor

    def __init__(self, model: PixelModel, scale: Normalisation | None) -> None:
        super().__init__()
        recipe, speaking, head = model.features.recipe, model.speaking, model.instant.head
        self.multiple = input_multiple(model)
        self.temperature = recipe.temperature
        self.share = 0.0 if speaking is None else speaking.weight
        if speaking is not None and head is None:
            self.share = 1.0
        self.network = None if speaking is None else deepcopy(speaking.net)
        self.instant = InstantAnswer(model) if head is not None and self.share < 1 else None
        self.scaled = scale is not None
        if scale is not None:
            wide = [torch.tensor(v, dtype=torch.float64) for v in (scale.low, scale.high)]
            low, high = (values[:, None, None] * 0.5 for values in wide)
            self.register_buffer("half_low", low)
            # A channel without a range is constant and becomes 0.
            self.register_buffer("half_span", torch.where(high > low, high - low, torch.inf))

    def forward(self, image: Tensor) -> Tensor:
        """Probabilities (batch, class, y, x) that sum to one."""
        if self.scaled:
            # In the steps of Normalisation.apply, so that not even the last bit differs.
            image = (image.double() * 0.5 - self.half_low) / self.half_span
            image = image.clamp(*CLIP).float()
        height, width = image.shape[2], image.shape[3]
        below, right = -height % self.multiple, -width % self.multiple
        image = functional.pad(image, [0, right, 0, below], mode="replicate")
        chance: Tensor | None = None
        if self.instant is not None:
            chance = self.instant(image)
        if self.network is not None:
            said = _plain_taps(self.network, image)[1]
            logits = self.network.classifier(said).softmax(dim=1)
            chance = logits if chance is None else (1 - self.share) * chance + self.share * logits
        assert chance is not None
        if self.temperature != 1.0:
            chance = chance.clamp(min=_SMALLEST) ** (1 / self.temperature)
            chance = chance / chance.sum(dim=1, keepdim=True)
        return chance[:, :, :height, :width]


class InstantAnswer(nn.Module):
    """Head, forest and prior on the taps of both looks and the filters."""

    weight: Tensor
    bias: Tensor
    prior: Tensor

    def __init__(self, model: PixelModel) -> None:
        super().__init__()
        recipe, instant = model.features.recipe, model.instant
        assert instant.head is not None
        self.backbone = deepcopy(model.features.backbone)
        self.strides, self.channels = tuple(recipe.strides), model.channels
        self.context = bool(len(recipe.context_gain))
        self.sharpness, self.forest_share = recipe.sharpness, recipe.forest_share
        self.register_buffer("weight", instant.head.weight.detach().cpu().t()[:, :, None, None])
        self.register_buffer("bias", instant.head.bias.detach().cpu()[:, None, None])
        self.forest = None if instant.forest is None else TreeTables(instant.forest)
        prior = torch.tensor(instant.prior or [1.0] * len(instant.classes))
        self.register_buffer("prior", prior[:, None, None])

    def forward(self, image: Tensor) -> Tensor:
        """(batch, class, y, x) of an image whose sides are multiples."""
        filtered = {stride: filters_at(image, stride) for stride in self.strides}
        levels = {stride: [maps] for stride, maps in _plain_taps(self.backbone, image).items()}
        if self.context:
            small = functional.avg_pool2d(image, CONTEXT)
            for stride, maps in _plain_taps(self.backbone, small).items():
                levels.setdefault(stride * CONTEXT, []).append(maps)
        for stride, maps in filtered.items():
            levels.setdefault(stride, []).append(maps)
        total, start = self.bias, 0
        for stride in sorted(levels):
            stacked = torch.cat(levels[stride], dim=1)
            stop = start + sum(int(maps.shape[1]) for maps in levels[stride])
            here = functional.conv2d(stacked, self.weight[:, start:stop])
            total, start = total + _full_size(here, stride), stop
        chance = (total * self.sharpness).softmax(dim=1)
        if self.forest is not None:
            columns = [_full_size(filtered[stride], stride) for stride in self.strides]
            votes = self.forest(torch.cat(columns, dim=1))
            chance = torch.lerp(chance, votes, self.forest_share)
        weighted = chance * self.prior
        return weighted / weighted.sum(dim=1, keepdim=True).clamp(min=_SMALLEST)


class TreeTables(nn.Module):
    """A forest by plain operations: every tree a perfect one, a pixel's place in it a number."""

    features: Tensor
    thresholds: Tensor
    shares: Tensor
    weights: Tensor

    def __init__(self, forest: PixelForest) -> None:
        super().__init__()
        features, thresholds, shares = forest.perfect_trees()
        self.depth, self.trees = int(shares.shape[1]).bit_length() - 1, len(shares)
        self.register_buffer("features", torch.from_numpy(features))
        self.register_buffer("thresholds", torch.from_numpy(thresholds))
        self.register_buffer("shares", torch.from_numpy(shares).transpose(1, 2).contiguous())
        weights = forest.weights
        ones = torch.ones(shares.shape[2])
        told = ones if weights is None else torch.from_numpy(weights).float()
        self.register_buffer("weights", told[:, None])

    def forward(self, maps: Tensor) -> Tensor:
        """Votes (batch, class, y, x) on features (batch, feature, y, x)."""
        # Features first, then pixels of all images, so that a feature's values lie together.
        rows = maps.transpose(0, 1).flatten(1)
        flat, pixels = rows.reshape(-1), rows.shape[1]
        pixel = torch.zeros_like(rows[0], dtype=torch.long) + 1
        pixel = pixel.cumsum(dim=0) - 1
        votes = torch.zeros_like(rows[:1])
        for tree in range(self.trees):
            place = torch.zeros_like(pixel)
            for _ in range(self.depth):
                feature = self.features[tree].index_select(0, place)
                value = flat.index_select(0, feature * pixels + pixel)
                larger = value > self.thresholds[tree].index_select(0, place)
                place = 2 * place + 1 + larger.long()
            leaf = place - (2**self.depth - 1)
            votes = votes + self.shares[tree].index_select(1, leaf)
        votes = votes / self.trees * self.weights
        votes = votes / votes.sum(dim=0, keepdim=True).clamp(min=_SMALLEST)
        shape = (-1, maps.shape[0], maps.shape[2], maps.shape[3])
        return votes.reshape(shape).transpose(0, 1)


def _plain_taps(net: UNet, image: Tensor) -> Levels:
    """The finest two decoder stages by stride, without the regions that :meth:`UNet.taps` knows."""
    stages, pools = net.stages(), net.config.pools
    skips: list[Tensor] = []
    for level in range(pools):
        image = stages[f"enc{level + 1}"](image)
        skips.append(image)
        image = net.pool(image)
    image = stages["bottleneck"](image)
    found = {}
    for level in reversed(range(pools)):
        image = stages[f"dec{level + 1}"](image, skips.pop())
        if level < 2:
            found[2**level] = image
    return found


def _full_size(maps: Tensor, stride: int) -> Tensor:
    """Bilinear between cell centres, held at the rim."""
    if stride == 1:
        return maps
    return functional.interpolate(
        maps, scale_factor=float(stride), mode="bilinear", align_corners=False
    )
