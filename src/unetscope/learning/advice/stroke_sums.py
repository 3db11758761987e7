"""The head without one stroke: solved from sums of each stroke, not from its pixels again."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from unetscope.learning.head import Penalty, Sums, solve_sums


class StrokeSums:
    """Sums that the balanced ridge regression of :mod:`unetscope.learning.head` is made of.

    Parameters
    ----------
    rows : (n, feature) features of the labelled pixels.
    targets : (n,) class index of every pixel, all of a stroke alike.
    strokes : (n,) stroke of every pixel, 0 … count - 1.
    penalty, scatter : as :func:`~unetscope.learning.head.solve_head` takes them.
    """

    def __init__(
        self,
        rows: Tensor,
        targets: Tensor,
        strokes: np.ndarray,
        penalty: Penalty,
        scatter: Tensor | None = None,
    ) -> None:
        gains = penalty.gains.double()
        scaled = rows.double() * gains
        self._rows = scaled - scaled.mean(dim=0)  # keeps the sums of squares small: none cancel
        self._ridge = penalty.ridge
        self._scatter = None if scatter is None else scatter.double() * gains * gains[:, None]
        members = torch.from_numpy(np.argsort(strokes, kind="stable"))
        self._own = members.split(np.bincount(strokes).tolist())
        self.targets = [int(targets[own[0]]) for own in self._own]  # of every stroke
        self._pixels = torch.bincount(targets).double()
        each = [self._rows[targets == index] for index in range(len(self._pixels))]
        self._first = torch.stack([members.sum(dim=0) for members in each])
        self._second = torch.stack([members.t() @ members for members in each])

    def __len__(self) -> int:
        return len(self._own)

    def can_leave_out(self, stroke: int) -> bool:
        """Whether the stroke's class has pixels in other strokes, too."""
        return bool(self._pixels[self.targets[stroke]] > len(self._own[stroke]))

    def scores_without(self, stroke: int) -> Tensor:
        """(class, pixel) scores of a stroke's pixels by the head solved without that stroke."""
        own, index = self._rows[self._own[stroke]], self.targets[stroke]
        pixels, first = self._pixels.clone(), self._first.clone()
        pixels[index] -= len(own)
        first[index] -= own.sum(dim=0)
        classes = len(pixels)
        each = 1.0 / (classes * pixels)  # what one pixel of a class weighs
        mean = each @ first
        gram = torch.tensordot(each, self._second, dims=1) - each[index] * (own.t() @ own)
        towards = (each[:, None] * first - mean / classes).t()
        sums = Sums(pixels, mean, gram - torch.outer(mean, mean), towards)
        return solve_sums(sums, self._ridge, self._scatter).row_scores(own)
