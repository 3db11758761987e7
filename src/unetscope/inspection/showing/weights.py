"""Kernels as pictures: the weights of a layer, their colour range, and a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from unetscope.errors import ImageError, ModelError
from unetscope.inspection.following.snapshot import check_weights

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class ContactSheet:
    """Tiles of one size in rows and columns, with gaps of NaN between them.

    Attributes
    ----------
    picture : (y, x).
    labels : one per tile, in reading order: (out, in[, z]) for kernels, (channel,) for maps.
    tile_shape : (y, x) of one tile; ``columns`` tiles to a row; ``gap`` cells between tiles.
    """

    picture: Values
    labels: tuple[tuple[int, ...], ...]
    tile_shape: tuple[int, int]
    columns: int
    gap: int

    def corner(self, tile: int) -> tuple[int, int]:
        """(y, x) of the first cell of a tile."""
        row, column = divmod(tile, self.columns)
        return row * (self.tile_shape[0] + self.gap), column * (self.tile_shape[1] + self.gap)

    def at(self, point: Sequence[float]) -> tuple[tuple[int, ...], tuple[int, int]] | None:
        """Label and cell (y, x) of the tile under ``point``; None in a gap or outside."""
        y, x = (int(np.floor(value + 0.5)) for value in point)
        row, cell_y = divmod(y, self.tile_shape[0] + self.gap)
        column, cell_x = divmod(x, self.tile_shape[1] + self.gap)
        tile = row * self.columns + column
        hit = y >= 0 and 0 <= column < self.columns and tile < len(self.labels)
        if not hit or cell_y >= self.tile_shape[0] or cell_x >= self.tile_shape[1]:
            return None
        return self.labels[tile], (cell_y, cell_x)


def contact_sheet(
    tiles: Values,
    labels: Sequence[tuple[int, ...]] | None = None,
    *,
    columns: int | None = None,
    gap: int = 1,
) -> ContactSheet:
    """Lay tiles (tile, y, x) out in rows of ``columns`` (as square as it goes by default).

    Raises
    ------
    ImageError
        If ``tiles`` is not a stack of pictures, or labels and tiles differ in number.
    """
    if tiles.ndim != 3 or tiles.size == 0:
        raise ImageError(f"tiles have shape {tiles.shape}; a contact sheet takes (tile, y, x).")
    count, height, width = tiles.shape
    names = tuple((i,) for i in range(count)) if labels is None else tuple(labels)
    if len(names) != count:
        raise ImageError(f"there are {count} tiles and {len(names)} labels; give one for each.")
    wide = columns or ceil(sqrt(count))
    rows = ceil(count / wide)
    sides = (rows * (height + gap) - gap, wide * (width + gap) - gap)
    picture = np.full(sides, np.nan, dtype=np.result_type(tiles.dtype, np.float32))
    sheet = ContactSheet(picture, names, (height, width), wide, gap)
    for number, tile in enumerate(tiles):
        y, x = sheet.corner(number)
        picture[y : y + height, x : x + width] = tile
    return sheet


@dataclass(frozen=True, eq=False)
class Kernels:
    """The kernels of one convolution.

    Attributes
    ----------
    values : (out, in / groups, [z,] y, x) float32, a copy. PyTorch applies them as they stand
        (cross-correlation, not flipped); those of a transposed convolution are stamps.
    bias : (out,) or None.
    groups : output ``o`` reads the input channels of its group only.
    transposed : whether the layer is a transposed convolution.
    """

    layer: str
    values: Values
    bias: Values | None
    groups: int
    transposed: bool

    @property
    def limit(self) -> float:
        """Largest magnitude: the colour range is ``(-limit, limit)``, with zero in the middle."""
        return float(np.abs(self.values).max())

    @property
    def colour_range(self) -> tuple[float, float]:
        """Symmetric about 0; never empty, even for kernels of zeros."""
        limit = self.limit or 1.0
        return -limit, limit

    def ranges_per_output(self) -> NDArray[np.float64]:
        """(out, 2) a symmetric range for every output channel, to show faint ones too."""
        limits = np.abs(self.values).reshape(len(self.values), -1).max(axis=1).astype(float)
        limits[limits == 0] = 1.0
        return np.stack([-limits, limits], axis=1)

    def input_channel(self, out: int, index: int) -> int:
        """Which channel of the layer's input kernel (``out``, ``index``) is applied to."""
        inputs, outputs = self.values.shape[1], self.values.shape[0]
        return out // (outputs // self.groups) * inputs + index

    def summed(self) -> Values:
        """(out, [z,] y, x) kernels added over the input channels: the answer to grey input."""
        return self.values.sum(axis=1)

    def sheet(self, *, summed: bool = False, columns: int | None = None) -> ContactSheet:
        """A contact sheet: a row per output and a column per input channel; depth side by side."""
        values = self.summed()[:, None] if summed else self.values
        if values.ndim == 4:
            values = values[:, :, None]  # (out, in, 1, y, x)
        out, inputs, depth, height, width = values.shape
        flat = self.values.ndim == 4
        labels = [
            (o, i) if flat else (o, i, z)
            for o in range(out)
            for i in range(inputs)
            for z in range(depth)
        ]
        row = inputs * depth if columns is None and not (summed and flat) else columns
        return contact_sheet(values.reshape(-1, height, width), labels, columns=row)


def kernels(model: nn.Module, layer: str) -> Kernels:
    """The kernels of a convolution, (out, in / groups, [z,] y, x), as a copy.

    Raises
    ------
    ModelError
        If there is no such layer, or it has no kernels.
    """
    check_weights(model)
    module = dict(model.named_modules(remove_duplicate=False)).get(layer)
    if module is None:
        names = [name for name, m in model.named_modules() if isinstance(m, _ConvNd)]
        raise ModelError(f"no layer is called {layer!r}; the convolutions are {names}.")
    if not isinstance(module, _ConvNd):
        raise ModelError(f"layer {layer!r} is a {type(module).__name__} and has no kernels.")
    with torch.no_grad():
        weight = module.weight.detach().float().cpu().clone()
        bias = None if module.bias is None else module.bias.detach().float().cpu().clone().numpy()
    if isinstance(module, _ConvTransposeNd):  # (in, out / groups, …): turn it round in each group
        per_group = weight.unflatten(0, (module.groups, -1)).transpose(1, 2)
        weight = per_group.flatten(0, 1)
    transposed = isinstance(module, _ConvTransposeNd)
    return Kernels(layer, weight.contiguous().numpy(), bias, module.groups, transposed)
