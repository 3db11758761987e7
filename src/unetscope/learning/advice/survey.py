"""A coarse map of a model's doubt, gathered tile by tile in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unetscope.errors import LabelError

FINEST_CELL_PX = 4  # a stroke is about ten such cells long
MOST_CELLS = 2_000_000


class Survey:
    """Mean doubt and mean class probabilities in square cells of an image.

    Doubt is one minus the largest class probability: the chance that a pixel's answer is wrong, as
    far as the model can know. Summed over pixels it is an expected number of wrong ones.

    Cells are as small as :data:`FINEST_CELL_PX`, and larger (a power of two) where an image would
    have more than ``most_cells`` of them; a stack has cells of one plane each. So an image of any
    size takes the same memory, and its tiles can come in any order, cut anywhere.

    Parameters
    ----------
    shape : (y, x) or (z, y, x) of the image.
    values : class value of every row of the probabilities.
    most_cells : memory grows to ``4 * (classes + 2)`` bytes times this.
    """

    def __init__(
        self, shape: Sequence[int], values: Sequence[int], *, most_cells: int = MOST_CELLS
    ) -> None:
        if len(shape) not in (2, 3):
            raise LabelError(f"a survey takes images of (y, x) or (z, y, x), not {tuple(shape)}.")
        if len(values) < 2:
            raise LabelError(
                f"{len(values)} class leaves nothing to be unsure of; paint a second class."
            )
        self.shape = tuple(int(n) for n in shape)
        self.values = tuple(int(v) for v in values)
        self.cell_px = _cell_px(self.shape, most_cells)
        cells = tuple(-(-n // size) for n, size in zip(self.shape, self.cell_shape_px, strict=True))
        self._doubt = np.zeros(cells, np.float32)  # sums over the pixels of each cell
        self._chance = np.zeros((len(values), *cells), np.float32)
        self._pixels = np.zeros(cells, np.float32)

    @property
    def cell_shape_px(self) -> tuple[int, ...]:
        """Pixels of a cell along (y, x) or (z, y, x)."""
        flat = (self.cell_px, self.cell_px)
        return flat if len(self.shape) == 2 else (1, *flat)

    @property
    def seen(self) -> np.ndarray:
        """Cells of which something was added, boolean."""
        return self._pixels > 0

    def doubt(self) -> np.ndarray:
        """Mean doubt of every cell, 0 (sure, or not seen) to 1, float32."""
        return self._doubt / np.maximum(self._pixels, 1)

    def rivals(self) -> np.ndarray:
        """A number for every cell that tells its likeliest class and the runner-up, in order."""
        order = np.argsort(-self._chance, axis=0, kind="stable")
        return order[0] * len(self.values) + order[1]

    def side_px(self, size_px: int) -> int:
        """The side of the square of whole cells that :meth:`around` looks at for ``size_px``."""
        return (size_px // (2 * self.cell_px) * 2 + 1) * self.cell_px

    def around(self, cell: Sequence[int], size_px: int) -> tuple[np.ndarray, float, int]:
        """What is seen in the square of about ``size_px`` around a cell, on its plane.

        Returns
        -------
        (class,) share of the doubt by class; expected wrong pixels; pixels seen.
        """
        half = size_px // (2 * self.cell_px)
        box: tuple[int | slice, ...] = (
            *cell[:-2],
            *(slice(max(0, i - half), i + half + 1) for i in cell[-2:]),
        )
        chance, doubt = self._chance[(slice(None), *box)], self._doubt[box]
        each = doubt / np.maximum(self._pixels[box], 1)
        share = (chance * each).sum(axis=(1, 2))
        return share, float(doubt.sum()), int(self._pixels[box].sum())

    def add(self, region: Sequence[slice], probabilities: np.ndarray) -> None:
        """Take in a tile: its slices of the image and its (class, …) probabilities.

        Tiles do not overlap. They may be the regions and probabilities of
        :class:`~unetscope.learning.events.TileDone`.
        """
        wanted = (len(self.values), *(side.stop - side.start for side in region))
        if probabilities.shape != wanted:
            raise LabelError(
                f"probabilities have shape {probabilities.shape}; this region of "
                f"{len(self.values)} classes has {wanted}."
            )
        box = tuple(
            slice(side.start // size, -(-side.stop // size))
            for side, size in zip(region, self.cell_shape_px, strict=True)
        )
        self._doubt[box] += self._summed(1 - probabilities.max(axis=0), region)
        self._chance[(slice(None), *box)] += self._summed(probabilities, region)
        self._pixels[box] += self._summed(np.ones(wanted[1:], np.float32), region)

    def _summed(self, values: np.ndarray, region: Sequence[slice]) -> np.ndarray:
        """Sums over the part of each cell that lies in ``region``; leading axes are kept."""
        first = values.ndim - len(region)
        for axis, (side, size) in enumerate(zip(region, self.cell_shape_px, strict=True)):
            edges = np.arange(side.start // size * size, side.stop, size) - side.start
            values = np.add.reduceat(values, np.maximum(edges, 0), axis=first + axis)
        return values


def survey_of(probabilities: np.ndarray, values: Sequence[int]) -> Survey:
    """The survey of a whole image, from its (class, y, x) or (class, z, y, x) probabilities."""
    found = Survey(probabilities.shape[1:], values)
    found.add([slice(0, n) for n in probabilities.shape[1:]], probabilities)
    return found


def painted_cells(labels: np.ndarray, survey: Survey) -> np.ndarray:
    """Which cells hold a painted pixel, boolean; ``labels`` (y, x) or (z, y, x), read in bands."""
    if tuple(labels.shape) != survey.shape:
        raise LabelError(f"labels have shape {labels.shape}, the surveyed image {survey.shape}.")
    size = survey.cell_px
    painted = np.zeros(survey.seen.shape, bool)
    for row in range(-(-survey.shape[-2] // size)):
        band = np.asarray(labels[..., row * size : (row + 1) * size, :]).any(axis=-2)
        edges = np.arange(0, survey.shape[-1], size)
        painted[..., row, :] = np.logical_or.reduceat(band, edges, axis=-1)
    return painted


def _cell_px(shape: Sequence[int], most_cells: int) -> int:
    height, width = shape[-2:]
    planes = shape[0] if len(shape) == 3 else 1
    size = FINEST_CELL_PX
    while planes * -(-height // size) * -(-width // size) > most_cells and size < max(
        height, width
    ):
        size *= 2
    return size
