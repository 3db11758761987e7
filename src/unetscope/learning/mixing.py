"""What the voices of a model say together: how likely each class is, or only which is likeliest.

The forest takes a third of the time of a prediction, but has a share of the answer only. Where head
and network are so sure that no vote of it could change the label, it need not be asked; where it
could, a few of its trees mostly settle it. So labels alone ask for as many trees as they need, and
are those of the probabilities all the same: what is left open is bounded, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unetscope.errors import ModelError
from unetscope.learning.features import Levels
from unetscope.learning.forest import PixelForest
from unetscope.learning.head import tempered, voiced
from unetscope.learning.pixel_model import PixelModel
from unetscope.learning.sources.classical import classical_image, classical_planes
from unetscope.network.cropping import Region

_TREES_AT_ONCE = 8
# Sums are rounded: what is nearer to a tie than this is left to all trees.
_LEAST_LEAD = 1e-5


def probabilities(
    model: PixelModel, levels: Levels, logits: Tensor | None, core: Region | None = None
) -> Tensor:
    """Class probabilities (class, y, x) of one feature tile, or of its ``core``.

    ``levels`` feeds the instant voice; ``logits`` (class, y, x) are the fine-tuned network's, or
    None where it has no share.
    """
    logits = None if logits is None else _part(logits, core)
    instant = None
    if _share_of(model, logits) < 1.0 and model.instant.head is not None:
        instant = instant_probabilities(model, levels, core)
    return _mixed(model, instant, logits)


def instant_probabilities(model: PixelModel, levels: Levels, core: Region | None = None) -> Tensor:
    """What head and forest say together: (class, y, x)."""
    assert model.instant.head is not None
    scores = _part(model.instant.head.scores(levels), core)
    recipe = model.features.recipe

    def columns() -> Tensor:
        own = classical_image(levels, model.channels, recipe.strides)
        return _part(own, core).flatten(1).t()

    return model.instant.answer(scores, columns, recipe)


def likeliest(said: Tensor) -> Tensor:
    """The index of the largest of (class, …), the first of equals: (…) uint8.

    At most 255 classes; several times as fast as torch's argmax, for it goes class by class.
    """
    best, labels = said[0], torch.zeros(said.shape[1:], dtype=torch.uint8, device=said.device)
    for index in range(1, said.shape[0]):
        # A later class wins over the earlier ones, and its index is larger than theirs.
        labels = torch.maximum(labels, (said[index] > best).to(torch.uint8) * index)
        best = torch.maximum(best, said[index])
    return labels


def likeliest_classes(
    model: PixelModel, levels: Levels, logits: Tensor | None, core: Region | None = None
) -> Tensor:
    """The index (y, x) uint8 of the likeliest class, as :func:`probabilities` has it.

    Trees of the forest are asked, some at a time, of the pixels whose label they can still change.
    """
    forest, head = model.instant.forest, model.instant.head
    if head is None or forest is None or _share_of(model, logits) >= 1.0:
        return likeliest(probabilities(model, levels, logits, core))
    scores = _part(head.scores(levels), core)
    shape, scores = scores.shape[1:], scores.flatten(1)
    logits = None if logits is None else _part(logits, core).flatten(1)
    lead = _Lead.of(model, scores, logits)
    labels, sure = lead.of_votes(None, 0.0)
    left = (~sure).nonzero().flatten()
    if len(left):
        open_logits = None if logits is None else logits[:, left].cpu()
        rows = _rows_of(model, levels, core, left)
        undecided = _Undecided(lead.at(left).cpu(), scores[:, left].cpu(), open_logits, rows)
        labels[left] = _settled(model, forest, undecided).to(labels.device)
    return labels.reshape(shape)


def _part(maps: Tensor, core: Region | None) -> Tensor:
    return maps if core is None else maps[(slice(None), *core)]


def _rows_of(model: PixelModel, levels: Levels, core: Region | None, pixels: Tensor) -> np.ndarray:
    """What the forest sees of some pixels, (n, feature)."""
    planes = classical_planes(levels, model.channels, model.features.recipe.strides)
    own = [_part(plane, core).flatten(1).index_select(1, pixels) for plane in planes]
    return torch.cat(own).t().cpu().contiguous().numpy()


def _share_of(model: PixelModel, logits: Tensor | None) -> float:
    """The fine-tuned network's."""
    return 0.0 if logits is None else model.network_weight


def _mixed(model: PixelModel, instant: Tensor | None, logits: Tensor | None) -> Tensor:
    """Probabilities (class, …) of the instant voice and the network's logits."""
    share, parts = _share_of(model, logits), []
    if instant is not None:
        parts.append((1.0 - share, instant))
    if logits is not None:
        parts.append((share if parts else 1.0, logits.softmax(dim=0)))
    if not parts:
        raise ModelError("this model has neither a head nor a network that can answer.")
    nothing = torch.zeros((), device=parts[0][1].device)
    mixed = sum((weight * part for weight, part in parts), nothing)
    return tempered(mixed, model.features.recipe.temperature)


@dataclass(frozen=True, eq=False)
class _Lead:
    """How far the likeliest class leads before all trees have been asked.

    With votes v, a class c has the weight q = (1 - s) h + s v of the instant voice (s the forest's
    share, h the head's), and the answer (1 - w) p q / sum(p q) + w n (p the prior; w the network's
    share, n what it says). Multiplied by that sum, and by the sum of W v where the forest's votes
    have weights W, this is linear in the votes. What has not been asked yet is some mean of votes
    for one class each, so the lead is least where all of them go to one class.

    Attributes
    ----------
    head, network : (class, n) probabilities; None where the network is silent.
    prior, votes : (class,) weights p and W.
    forest_share, network_share : s and w.
    """

    head: Tensor
    network: Tensor | None
    prior: Tensor
    votes: Tensor
    forest_share: float
    network_share: float

    @classmethod
    def of(cls, model: PixelModel, scores: Tensor, logits: Tensor | None) -> _Lead:
        """Of scores and logits (class, n)."""
        instant, recipe = model.instant, model.features.recipe
        assert instant.forest is not None
        alike = torch.ones(len(scores), device=scores.device)
        prior = torch.tensor(instant.prior).to(alike) if instant.prior else alike
        weights = instant.forest.weights
        return cls(
            voiced(scores, recipe),
            None if logits is None else logits.softmax(dim=0),
            prior,
            alike if weights is None else torch.from_numpy(weights).to(alike),
            recipe.forest_share,
            _share_of(model, logits),
        )

    def at(self, index: Tensor) -> _Lead:
        """Of some of the pixels."""
        network = None if self.network is None else self.network[:, index]
        return self._with(self.head[:, index], network, self.prior, self.votes)

    def cpu(self) -> _Lead:
        """The same in the processor's memory."""
        network = None if self.network is None else self.network.cpu()
        return self._with(self.head.cpu(), network, self.prior.cpu(), self.votes.cpu())

    def _with(self, head: Tensor, network: Tensor | None, prior: Tensor, votes: Tensor) -> _Lead:
        return _Lead(head, network, prior, votes, self.forest_share, self.network_share)

    def of_votes(self, votes: Tensor | None, asked: float) -> tuple[Tensor, Tensor]:
        """The leading class (n,) uint8, and whether it leads whatever the other trees say.

        ``votes`` (class, n) of the share ``asked`` of the trees sum up to that; None of none.
        """
        s, w = self.forest_share, self.network_share
        weights = self.prior * self.votes
        known = self.prior[:, None] * self.head * (1 - s)  # of a vote for whomsoever
        # How much a class gets of every vote, by that vote's weight, and of the voted weight.
        for_any = known if self.network is None else known * (1 - w)
        for_weight = None
        if self.network is not None:
            for_any = for_any + self.network * (w * known.sum(dim=0))
            for_weight = self.network * (w * s)
        own = weights * (s * (1 - w))  # and of a vote for itself
        now = for_any
        if votes is not None:
            now = for_any * (self.votes @ votes) + own[:, None] * votes
            if for_weight is not None:
                now = now + for_weight * (weights @ votes)
        leader = likeliest(now)
        index = leader.long()[None]
        first, first_any = now.gather(0, index)[0], for_any.gather(0, index)[0]
        first_weight = None if for_weight is None else for_weight.gather(0, index)[0]
        sure = torch.ones_like(leader, dtype=torch.bool)
        for c in range(len(now)):
            ahead = first_any - for_any[c]
            least = _least(ahead, self.votes)
            against = ahead * self.votes[c] - own[c]
            if for_weight is not None and first_weight is not None:
                heavier = first_weight - for_weight[c]
                least = least + _least(heavier, weights)
                against = against + heavier * weights[c]
            lead = torch.minimum(least, against) * (1 - asked)
            if votes is not None:
                lead = lead + (first - now[c])
            sure &= (lead > _LEAST_LEAD) | (leader == c)
        return leader, sure


def _least(each: Tensor, weights: Tensor) -> Tensor:
    """The least of ``each`` (n,) times any of the ``weights`` (class,), which are positive."""
    low, high = float(weights.min()), float(weights.max())
    return each * low if low == high else torch.minimum(each * low, each * high)


@dataclass(frozen=True, eq=False)
class _Undecided:
    """Pixels whose label the forest can change, in the processor's memory.

    ``scores`` and ``logits`` (class, n), ``rows`` (n, feature) for the forest.
    """

    lead: _Lead
    scores: Tensor
    logits: Tensor | None
    rows: np.ndarray

    def at(self, index: Tensor) -> _Undecided:
        """Some of them."""
        logits = None if self.logits is None else self.logits[:, index]
        kept = self.rows[index.numpy()]
        return _Undecided(self.lead.at(index), self.scores[:, index], logits, kept)


def _settled(model: PixelModel, forest: PixelForest, left: _Undecided) -> Tensor:
    """The labels (n,) uint8 of all of them."""
    threads = torch.get_num_threads()
    labels = torch.zeros(len(left.rows), dtype=torch.uint8)
    places, votes = torch.arange(len(left.rows)), np.zeros((len(left.rows), len(left.scores)))
    for begun in range(0, forest.trees, _TREES_AT_ONCE):
        asked = range(begun, min(begun + _TREES_AT_ONCE, forest.trees))
        votes += forest.votes(left.rows, asked, threads)
        if asked.stop == forest.trees:
            break
        said = torch.from_numpy(np.ascontiguousarray((votes / forest.trees).T, np.float32))
        leader, sure = left.lead.of_votes(said, asked.stop / forest.trees)
        labels[places[sure]] = leader[sure]
        kept = (~sure).nonzero().flatten()
        left, places, votes = left.at(kept), places[kept], votes[kept.numpy()]
        if not len(places):
            return labels
    told = torch.from_numpy(np.ascontiguousarray(forest.weighted(votes).T))
    instant = voiced(left.scores, model.features.recipe, model.instant.prior, told)
    labels[places] = likeliest(_mixed(model, instant, left.logits))
    return labels
