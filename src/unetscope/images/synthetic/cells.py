"""Space divided into cells: Voronoi diagrams with curved borders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


@dataclass(frozen=True, eq=False)
class Cells:
    """A division of the image.

    Attributes
    ----------
    cell
        (y, x) index of the cell each pixel is in, 0 to count - 1.
    border_px
        (y, x) distance in pixels to the border with the nearest other cell.
    neighbour
        (y, x) index of the cell on the other side of that border.
    points
        (count, 2) centres (y, x) in pixels; some lie outside the image.
    """

    cell: NDArray[np.intp]
    border_px: NDArray[np.float32]
    neighbour: NDArray[np.intp]
    points: NDArray[np.float64]

    @property
    def count(self) -> int:
        """Number of cells, with those outside the image."""
        return len(self.points)


def scattered_points(
    shape: tuple[int, int], spacing_px: float, disorder: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Points (n, 2) on a hexagonal grid, each moved by about ``disorder`` times the spacing.

    With disorder 0.1 cells are near-regular hexagons, with 0.5 of very different sizes. The
    points reach beyond the image, so that cells at its edge look like all others.
    """
    spacing = np.array([spacing_px * 0.866, spacing_px])
    first, last = -2.5 * spacing, np.array(shape) + 2.5 * spacing
    rows, columns = (np.arange(first[i], last[i], spacing[i]) for i in range(2))
    y, x = np.meshgrid(rows, columns, indexing="ij")
    x = x + (np.arange(len(rows)) % 2)[:, np.newaxis] * spacing_px / 2
    points = np.stack([y.ravel(), x.ravel()], axis=1) + rng.uniform(0, 1, 2) * spacing
    moved: NDArray[np.float64] = points + disorder * spacing_px * rng.standard_normal(points.shape)
    return moved


def divide_into_cells(points: NDArray[np.float64], grid: NDArray[np.float32]) -> Cells:
    """Voronoi cells of ``points`` seen at the (warped) pixel positions ``grid`` (2, y, x).

    The distance to a border is exact for straight borders: (d2² - d1²) / (2 |p2 - p1|), with the
    distances d1, d2 to the two nearest points.
    """
    shape = grid.shape[1:]
    distance, index = cKDTree(points).query(grid.reshape(2, -1).T, k=2)
    apart = np.linalg.norm(points[index[:, 0]] - points[index[:, 1]], axis=1)
    border_px = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * np.maximum(apart, 1e-6))
    return Cells(
        index[:, 0].reshape(shape),
        border_px.reshape(shape).astype(np.float32),
        index[:, 1].reshape(shape),
        points,
    )


def joined_cells(cells: Cells, part: float, rng: np.random.Generator) -> Cells:
    """Cells of which ``part`` have been given to a neighbour, which makes them uneven and concave.

    Distances stay those to the original borders, except across a border that has gone, where they
    are the size of the cells.
    """
    group = np.arange(cells.count)
    near = cKDTree(cells.points).query(cells.points, k=2)[1][:, 1]
    given = rng.random(cells.count) < part
    group[given] = near[given]
    cell, neighbour = group[cells.cell], group[cells.neighbour]
    border_px = np.where(cell == neighbour, np.float32(1e3), cells.border_px)
    return Cells(cell, border_px, neighbour, cells.points)
