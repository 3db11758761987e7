"""The head: from features of painted pixels to classes. Solving and answering are told here alone.

*Solving* is class-balanced ridge regression in closed form: one-hot targets, every class with the
same total weight, an unpenalised bias, and a penalty that shrinks as labels grow. It is a small
linear system (as wide as a pixel has features, 121 for the bundled networks that look twice), so a
new stroke is answered in milliseconds; and it is differentiable, so the features can be
meta-trained for it (R2-D2: Bertinetto et al. 2019, arXiv 1805.08136).

The instant answer, the evidence for added sources and the judge of pretraining also know how
features scatter all over the labelled images (:func:`scatter_of`). Who solves without does so for
a reason (docs/tried.md), and solves the same head otherwise:

- *doubtful strokes* are judged on strokes alone: of 120 wrong ones 115 are listed, 114 with it;
- the network's *starting classifier* is only where learning begins: with it + .002 and + .001 Dice
  before the first step, nothing after 20;
- *pretraining's objective* would have to pass gradients through it, for a loss that is the same
  (+ .001 ± .002).

*Answering* turns scores into logits by the sharpness, averages their softmax with the forest's
votes, weighs the classes by how frequent they are (the prior), and tempers how sure it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from unetscope.images.classes import LabelClass
from unetscope.learning.features import Levels, scores
from unetscope.learning.forest import PixelForest
from unetscope.learning.learned_pixels import LearnedPixels

# The penalty is stated for this many labelled pixels a class.
REFERENCE_PIXELS = 200.0
# How much of the features' scatter is that of whole images (docs/tried.md).
IMAGE_SHARE = 0.1
# No class is taken for rarer than this, so that a few strokes of it are never voted away.
LEAST_SHARE = 0.01
_SCATTER_ROWS = 4096  # how features scatter is seen on about so many
_SMALLEST = 1e-12
_Shares = TypeVar("_Shares", np.ndarray, Tensor)


class HeadSettings(Protocol):
    """How scores become an answer: a recipe's numbers, or tensors where these are being learned."""

    @property
    def sharpness(self) -> float | Tensor:
        """What turns scores into logits."""

    @property
    def forest_share(self) -> float | Tensor:
        """The forest's part in the instant answer."""

    @property
    def prior_strength(self) -> float | Tensor:
        """The power of the classes' shares in the answer: 0 none, 1 Bayes' rule."""


@dataclass(frozen=True, eq=False)
class Penalty:
    """What the head's weights cost.

    ``ridge`` is for :data:`REFERENCE_PIXELS` labelled pixels a class and falls with more; a feature
    with a large gain (``gains``, (feature,)) costs little.
    """

    gains: Tensor
    ridge: float | Tensor


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over labelled pixels that a solution is made of, every class with the same weight.

    ``counts`` (class,) pixels, ``mean`` (feature,), ``gram`` (feature, feature) and ``towards``
    (feature, class): the centred features' products with each other and with the targets.
    """

    counts: Tensor
    mean: Tensor
    gram: Tensor
    towards: Tensor


@dataclass(frozen=True, eq=False)
class Head:
    """A linear map from features to scores: ``weight`` (feature, class), ``bias`` (class,)."""

    weight: Tensor
    bias: Tensor

    def scores(self, levels: Levels) -> Tensor:
        """(class, y, x) of one image, where its levels are."""
        device = next(iter(levels.values())).device
        return scores(levels, self.weight.to(device), self.bias.to(device))

    def row_scores(self, rows: Tensor) -> Tensor:
        """(class, n) of rows (n, feature). A softmax over them is faster than across whole rows."""
        return self.weight.t() @ rows.t() + self.bias[:, None]

    def as_logits(
        self, settings: HeadSettings, prior: Sequence[float] = (), temperature: float = 1.0
    ) -> Head:
        """The head whose scores' softmax is the answer: sharpness, prior and temperature are in it.

        The answer of head and prior alone, that is: a forest's votes cannot be put into it.
        """
        weight, bias = self.weight * settings.sharpness, self.bias * settings.sharpness
        if len(prior):
            shares = torch.tensor(prior, dtype=bias.dtype, device=bias.device)
            bias = bias + shares.clamp(min=_SMALLEST).log()
        return Head(weight / temperature, bias / temperature)

    def stored(self) -> Head:
        """The same in float32, as it is kept and answers."""
        # Clones, made outside of inference mode: fine-tuning starts from them.
        return Head(self.weight.float().clone(), self.bias.float().clone())


@dataclass(frozen=True, eq=False)
class InstantVoice:
    """What answers at once: the head, averaged with the forest where that is ready.

    Attributes
    ----------
    classes : what the answers mean, in the order of their columns; empty before the first strokes.
    prior : weight of every class. Strokes say nothing about how frequent a class is (everybody
        paints as much crack as steel); the shares on the labelled images do.
    learned : where the strokes lay; None where that is not known, as of a file.
    """

    classes: tuple[LabelClass, ...] = ()
    head: Head | None = None
    prior: tuple[float, ...] = ()
    forest: PixelForest | None = None
    learned: LearnedPixels | None = None

    def answer(self, said: Tensor, columns: Callable[[], Tensor], settings: HeadSettings) -> Tensor:
        """Probabilities (class, …) from the head's scores (class, …).

        ``columns`` gives the forest's features (pixel, feature) where there is one.
        """
        votes = None
        if self.forest is not None:
            rows = columns().cpu().contiguous().numpy()
            told = self.forest.probabilities(rows, threads=torch.get_num_threads())
            grown = torch.from_numpy(np.ascontiguousarray(told.T))
            votes = grown.reshape(said.shape).to(said.device)
        return voiced(said, settings, self.prior, votes)


SILENT = InstantVoice()


def solve_head(
    rows: Tensor, targets: Tensor, classes: int, penalty: Penalty, scatter: Tensor | None = None
) -> Head:
    """The head of these rows, in float64 and for the features as they are, without their gains.

    Parameters
    ----------
    rows : (n, feature) features of labelled pixels.
    targets : (n,) int64 class indices 0 … ``classes`` - 1; every class must occur.
    scatter : (feature, feature), what :func:`scatter_of` says of the labelled images. It makes up
        :data:`IMAGE_SHARE` of the scatter that the solution stands on, for strokes show little of
        it: what varies where nothing is painted gets less weight.
    """
    gains = penalty.gains.double()
    rows = rows.double() * gains
    counts = torch.bincount(targets, minlength=classes).to(rows.dtype)
    sample_weight = (1.0 / (classes * counts))[targets]  # sums to one, equally over the classes
    mean = (sample_weight[:, None] * rows).sum(dim=0)
    centred = rows - mean
    wanted = torch.nn.functional.one_hot(targets, classes).to(rows.dtype) - 1.0 / classes
    weighted = centred * sample_weight[:, None]
    sums = Sums(counts, mean, weighted.t() @ centred, weighted.t() @ wanted)
    if scatter is not None:
        scatter = scatter.double() * gains * gains[:, None]
    head = solve_sums(sums, penalty.ridge, scatter)
    return Head(head.weight * gains[:, None], head.bias)


def solve_sums(sums: Sums, ridge: float | Tensor, scatter: Tensor | None = None) -> Head:
    """The head of features that have their gains in them already; so has ``scatter``."""
    classes = len(sums.counts)
    harmonic = classes / (1.0 / sums.counts).sum()
    penalty = ridge * REFERENCE_PIXELS / harmonic
    gram = sums.gram
    if scatter is not None:
        gram = gram.lerp(scatter.to(gram.dtype), IMAGE_SHARE)
    gram = gram + penalty * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    weight = torch.linalg.solve(gram, sums.towards)
    return Head(weight, 1.0 / classes - sums.mean @ weight)


def scatter_of(lattice: Tensor) -> Tensor:
    """The covariance (feature, feature) of rows (n, feature) from all over the labelled images."""
    # An odd step, for tiles are of even width: no column is left out.
    step = max(1, len(lattice) // _SCATTER_ROWS) | 1
    return torch.cov(lattice[::step].t(), correction=0)


def voiced(
    said: Tensor,
    settings: HeadSettings,
    prior: Sequence[float] | Tensor = (),
    votes: Tensor | None = None,
) -> Tensor:
    """Probabilities (class, …) from the head's scores (class, …) and the forest's ``votes``."""
    chance = (said * settings.sharpness).softmax(dim=0)
    if votes is not None:
        chance = chance.lerp(votes, settings.forest_share)
    return with_prior(chance, prior)


def class_prior(share: _Shares, settings: HeadSettings) -> _Shares:
    """Weights of the classes from their ``share`` (class,) of the labelled places' surroundings.

    Strokes are painted in like amounts for all classes, so a balanced head thinks them equally
    frequent. Asked about a lattice of all pixels in the tiles that hold strokes, it tells how
    frequent they are; one step of the estimate of Saerens et al. (2002, Neural Computation 14:21),
    tempered by the prior's strength because a thin class is easily taken for none.
    """
    weight = share.clip(LEAST_SHARE) ** settings.prior_strength
    return weight / weight.sum()


def with_prior(chance: Tensor, prior: Sequence[float] | Tensor) -> Tensor:
    """Probabilities (class, …) weighted by ``prior`` and brought back to a sum of one."""
    if not len(prior):
        return chance
    weight = torch.as_tensor(prior, dtype=chance.dtype, device=chance.device)
    weighted = chance * weight.reshape(-1, *[1] * (chance.ndim - 1))
    return weighted / weighted.sum(dim=0, keepdim=True).clamp(min=_SMALLEST)


def tempered(chance: Tensor, temperature: float) -> Tensor:
    """Probabilities (class, …) as sure as they are right: p^(1/T), brought back to a sum of one.

    Temperature scaling (Guo et al. 2017, arXiv 1706.04599), which changes no label.
    """
    if temperature == 1.0:
        return chance
    chance = chance.clamp(min=_SMALLEST) ** (1 / temperature)
    return chance / chance.sum(dim=0, keepdim=True)


def tempered_logits(logits: Tensor, temperature: float) -> Tensor:
    """Probabilities (class, …) of logits (class, …), the same as :func:`tempered` of a softmax."""
    return (logits / temperature).softmax(dim=0)
