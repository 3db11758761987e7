"""What an episode asks: the head solved on its strokes, and the error of the answer elsewhere.

The answer is either the head alone, on every pixel, or the whole instant voice as a user is shown
it: head and forest averaged, weighted by the classes' shares. The forest is grown anew for every
episode and passes no gradient; the network learns what the forest cannot say.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from unetscope.learning.features import Levels, rows_at
from unetscope.learning.forest import PixelForest
from unetscope.learning.head import class_prior, solve_head, voiced, with_prior
from unetscope.learning.sources.classical import ClassicalFilters
from unetscope.learning.sources.source import columns_of
from unetscope.pretraining.episodes import Episode
from unetscope.pretraining.learner import MetaLearner, PretrainConfig


def episode_loss(
    learner: MetaLearner, crops: Sequence[Levels], episode: Episode, config: PretrainConfig
) -> Tensor:
    """Balanced cross-entropy plus soft Dice of the answer on pixels that were not shown."""
    rows, targets = _supported_rows(crops, episode.support)
    head = solve_head(rows, targets, episode.classes, learner.penalty).stored()
    if config.forest_trees == 0:
        sharp = head.as_logits(learner)
        logits = torch.stack([sharp.scores(levels) for levels in crops])
        known = episode.query >= 0
        chosen = logits.permute(0, 2, 3, 1)[known]  # (n, class)
        return _error(chosen.log_softmax(dim=1), episode.query[known])
    asked, wanted, on_supported = _asked_rows(crops, episode, config.asked_pixels)
    votes = _forest_votes(learner, rows, targets, asked, config.forest_trees)
    chance = voiced(head.row_scores(asked), learner, votes=votes)  # (class, n)
    chance = with_prior(chance, class_prior(chance[:, on_supported].mean(dim=1), learner))
    return _error(chance.t().clamp(min=1e-6).log(), wanted)


def _supported_rows(crops: Sequence[Levels], support: Tensor) -> tuple[Tensor, Tensor]:
    rows, targets = [], []
    for levels, painted in zip(crops, support, strict=True):
        y, x = torch.nonzero(painted >= 0, as_tuple=True)
        if len(y):
            rows.append(rows_at(levels, y, x))
            targets.append(painted[y, x])
    return torch.cat(rows), torch.cat(targets)


def _asked_rows(
    crops: Sequence[Levels], episode: Episode, limit: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of every crop's (at most ``limit``) asked pixels, their classes, which are supported.

    Those lie on crops that carry strokes, from which the classes' shares are estimated.
    """
    rows, targets, supported = [], [], []
    for levels, query, painted in zip(crops, episode.query, episode.support, strict=True):
        y, x = torch.nonzero(query >= 0, as_tuple=True)
        # An even stride through the pixels in scan order, so that no random numbers are needed.
        step = max(1, -(-len(y) // limit)) | 1  # odd: sides are even, so columns alternate
        y, x = y[::step], x[::step]
        rows.append(rows_at(levels, y, x))
        targets.append(query[y, x])
        supported.append(torch.full_like(y, bool((painted >= 0).any()), dtype=torch.bool))
    return torch.cat(rows), torch.cat(targets), torch.cat(supported)


@torch.no_grad()
def _forest_votes(
    learner: MetaLearner, rows: Tensor, targets: Tensor, asked: Tensor, trees: int
) -> Tensor:
    """What a forest on the classical columns says of ``asked``: (class, n)."""
    columns = columns_of(ClassicalFilters.name, learner.sources, 1).to(rows.device)
    grown = PixelForest(rows[:, columns].cpu().numpy(), targets.cpu().numpy(), trees=trees)
    votes = grown.probabilities(asked[:, columns].cpu().numpy())
    return torch.from_numpy(votes).t().to(asked.device)


def _error(log_chance: Tensor, target: Tensor) -> Tensor:
    """``log_chance`` (n, class), ``target`` (n,)."""
    classes = log_chance.shape[1]
    counts = torch.bincount(target, minlength=classes).float().clamp(min=1)
    # Between plain and balanced: macro Dice wants rare classes found, but not everywhere.
    entropy = functional.nll_loss(log_chance, target, weight=(counts.sum() / counts) ** 0.5)
    share = log_chance.exp()
    truth = functional.one_hot(target, classes).float()
    present = truth.sum(dim=0) > 0
    dice = (2 * (share * truth).sum(dim=0) + 1) / (share.sum(dim=0) + truth.sum(dim=0) + 1)
    return entropy + (1 - dice[present].mean())
