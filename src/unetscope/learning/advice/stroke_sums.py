"""The ridge head without one stroke: solved from sums of each stroke, not from its pixels again."""

from __future__ import annotations

import numpy as np

from unetscope.learning.ridge import REFERENCE_PIXELS


class StrokeSums:
    """Sums that the balanced ridge regression of :mod:`unetscope.learning.ridge` is made of.

    Parameters
    ----------
    rows : (n, feature) features of the labelled pixels, with their gains.
    targets : (n,) class index of every pixel, all of a stroke alike.
    strokes : (n,) stroke of every pixel, 0 … count - 1.
    ridge : the penalty, as :func:`~unetscope.learning.ridge.solve_ridge` takes it.
    """

    def __init__(
        self, rows: np.ndarray, targets: np.ndarray, strokes: np.ndarray, ridge: float
    ) -> None:
        self._centre = rows.mean(axis=0)  # keeps the sums of squares small, so none cancel
        self._rows = rows.astype(np.float64) - self._centre
        self._ridge = ridge
        self._own = np.split(
            np.argsort(strokes, kind="stable"), np.cumsum(np.bincount(strokes))[:-1]
        )
        self.targets = np.array([targets[own[0]] for own in self._own])  # (stroke,)
        classes = int(targets.max()) + 1
        self._pixels = np.bincount(targets, minlength=classes).astype(np.float64)
        features = rows.shape[1]
        self._first = np.zeros((classes, features))
        self._second = np.zeros((classes, features, features))
        for index in range(classes):
            members = self._rows[targets == index]
            self._first[index] = members.sum(axis=0)
            self._second[index] = members.T @ members

    def __len__(self) -> int:
        return len(self._own)

    def can_leave_out(self, stroke: int) -> bool:
        """Whether the stroke's class has pixels in other strokes, too."""
        return bool(self._pixels[self.targets[stroke]] > len(self._own[stroke]))

    def scores_without(self, stroke: int) -> np.ndarray:
        """(pixel, class) scores of a stroke's pixels by the head solved without that stroke."""
        own, index = self._rows[self._own[stroke]], self.targets[stroke]
        pixels, first, second = self._pixels.copy(), self._first.copy(), self._second[index]
        pixels[index] -= len(own)
        first[index] -= own.sum(axis=0)
        weight, bias = self._solved(pixels, first, index, second - own.T @ own)
        return own @ weight + bias

    def _solved(
        self, pixels: np.ndarray, first: np.ndarray, index: int, second: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weight (feature, class) and bias (class,), ``second`` in the place of class ``index``."""
        classes = len(pixels)
        each = 1.0 / (classes * pixels)  # what one pixel of a class weighs
        mean = each @ first
        gram = np.tensordot(each, self._second, axes=1) + each[index] * (
            second - self._second[index]
        )
        penalty = self._ridge * REFERENCE_PIXELS / (classes / (1.0 / pixels).sum())
        gram += penalty * np.eye(len(mean)) - np.outer(mean, mean)
        weight = np.linalg.solve(gram, (each[:, None] * first - mean / classes).T)
        return weight, 1.0 / classes - mean @ weight
