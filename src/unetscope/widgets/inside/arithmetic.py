"""What the microscope draws and says about one value: strips of grids, and lines of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unetscope.widgets.inside.number_grid import Grid, grey_grid, number, signed_grid

if TYPE_CHECKING:
    from unetscope.inspection.showing.aftermath import Pooled
    from unetscope.inspection.showing.convolving import Convolution
    from unetscope.inspection.showing.pointwise import Pointwise
    from unetscope.inspection.showing.pooling import Pooling

_NAMES = {
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}


@dataclass(frozen=True, eq=False)
class Strip:
    """One line of the drawing: a title, and grids with a sign between each two.

    ``share`` is how much of the sum the line stands for, 0 to 1 (drawn as a bar), or None.
    """

    title: str
    grids: tuple[Grid, ...]
    signs: tuple[str, ...] = ()
    share: float | None = None
    captions: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is drawn: the lines of the sum, what is left out, and the pooling behind it."""

    strips: tuple[Strip, ...]
    rest: str = ""
    behind: tuple[Strip, ...] = ()


def drawing(value: Any, most: int) -> Drawing:
    """What to draw for a result of the microscope, with at most ``most`` input channels."""
    if hasattr(value, "kernel"):
        return _of_convolution(value, most)
    if hasattr(value, "window"):
        return Drawing((_of_pooling(value),))
    return Drawing((_of_pointwise(value),))


def _of_convolution(value: Convolution, most: int) -> Drawing:
    behind = () if value.pooled is None else (_of_pooled(value.pooled, value.point),)
    if not value.kernel.size:
        return Drawing((), "No input cell reaches this point: only the bias is left.", behind)
    order = np.argsort(-np.abs(value.partial_sums), kind="stable")
    shown, left = order[:most], order[most:]
    low, high = float(value.window.min()), float(value.window.max())
    kernel_limit = float(np.abs(value.kernel).max())
    product = value.window * value.kernel
    product_limit = float(np.abs(product).max())
    largest = float(np.abs(value.partial_sums).max()) or 1.0
    made = [
        Strip(
            f"#{value.input_channels[i]}   Σ = {number(float(value.partial_sums[i]), 3)}",
            (
                grey_grid(_plane(value.window[i]), low, high),
                signed_grid(_plane(value.kernel[i]), kernel_limit),
                signed_grid(_plane(product[i]), product_limit),
            ),
            ("×", "="),
            abs(float(value.partial_sums[i])) / largest,
            ("input", "kernel", "product") if place == 0 else (),
        )
        for place, i in enumerate(shown)
    ]
    rest = float(value.partial_sums[left].sum())
    told = f"… {len(left)} more: {number(rest, 3)}" if len(left) else ""
    return Drawing(tuple(made), told, behind)


def _plane(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A number of a linear layer as one cell."""
    return np.atleast_2d(values)


def _of_pooling(value: Pooling) -> Strip:
    title = f"{value.kind} → {number(value.total, 3)}"
    grid = grey_grid(value.window)
    if value.winner is not None:
        winner = _largest(value.window)
        return Strip(title, (Grid(grid.values, grid.low, grid.high, grid.scheme, winner),))
    product = value.window * value.weights
    return Strip(
        title,
        (grid, signed_grid(value.weights), signed_grid(product)),
        ("×", "="),
        captions=("input", "weights", "product"),
    )


def _of_pointwise(value: Pointwise) -> Strip:
    limit = max(abs(value.value), abs(value.total))
    ends = [signed_grid(np.array([[number]]), limit) for number in (value.value, value.total)]
    title = f"{value.name}: {number(value.value, 3)} → {number(value.total, 3)}"
    return Strip(title, tuple(ends), ("→",))


def _largest(window: NDArray[np.float64]) -> tuple[int, ...]:
    found = np.unravel_index(int(np.nanargmax(window)), window.shape)
    return tuple(int(index) for index in found)


def _of_pooled(pooled: Pooled, point: tuple[int, ...]) -> Strip:
    title = f"{pooled.kind} pooling → {number(pooled.value, 3)}"
    grid = grey_grid(pooled.window)
    winner = None if pooled.winner is None else _largest(pooled.window)
    present = _cell(pooled.window, pooled.origin, point)
    return Strip(title, (Grid(grid.values, grid.low, grid.high, grid.scheme, winner, present),))


def _cell(
    window: NDArray[np.float64], origin: Sequence[int], point: Sequence[int]
) -> tuple[int, ...] | None:
    """Where a cell of the map lies in the window; None outside (a dilated window)."""
    cell = tuple(p - o for p, o in zip(point, origin, strict=True))
    inside = all(0 <= u < n for u, n in zip(cell, window.shape, strict=True))
    return cell if inside else None


def heading(value: Any) -> str:
    """``enc2.conv1 · channel 7 · cell (12, 40)``."""
    place = f" · cell ({', '.join(str(u) for u in value.point)})" if value.point else ""
    return f"{value.layer or 'the layer'} · channel {value.channel}{place}"


def sum_line(value: Any) -> str:
    """How the value comes about and what becomes of it, in one line."""
    if not hasattr(value, "partial_sums"):
        return f"{value.kind.capitalize()}: {value.formula}".replace("-", "−")
    parts = f"Σ = {number(float(value.partial_sums.sum()))}"
    if value.bias:
        parts += f" + bias {number(value.bias)} = {number(value.total)}"
    if value.normalised is not None:
        parts += f" → norm {number(value.normalised.value)}"
    if value.activated is not None:
        name = _NAMES.get(value.activation or "", value.activation)
        parts += f" → {name} {number(value.activated)}"
    if value.pooled is not None:
        parts += f" → {value.pooled.kind} pooling {number(value.pooled.value)}"
        if value.pooled.winner is not None:
            won = tuple(value.pooled.winner) == tuple(value.point)
            parts += " (this cell wins)" if won else " (another cell wins)"
    return parts


def agreement(value: Any) -> tuple[str, bool]:
    """What PyTorch says, and whether the sum by hand is the same up to its rounding."""
    difference = abs(value.computed - value.total)
    same = difference <= 1e-4 * max(1.0, abs(value.computed))
    told = f"PyTorch says {number(value.computed)}: "
    if difference == 0:
        return f"{told}the same.", True
    if not same:
        return f"{told}it differs by {number(difference)}.", False
    size = f"{difference:.0e}".replace("e-0", "e−").replace("e-", "e−")
    return f"{told}equal to within {size}.", True
