"""A kernel on an image, product by product: numpy alone, so that it is there at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.declaration import Grid
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Drawn, Picture, Shown, Table

#: Kernels of the text. Signs are a matter of writing: here Sobel x is −1 0 1, and the middle of the
#: Laplacian is −4.
PRESETS: dict[str, tuple[tuple[float, ...], ...]] = {
    "sobel x": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "sobel y": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    "laplacian": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "gaussian": ((1 / 16, 2 / 16, 1 / 16), (2 / 16, 4 / 16, 2 / 16), (1 / 16, 2 / 16, 1 / 16)),
}
_GROOVE_PX = 3
_NOTHING = 1e-6


@verb
def nine_products(
    bench: Bench,
    *,
    kernel: Grid,
    place: tuple[int, int] = (2, 2),
    bias: Annotated[float, Field(ge=-1000, le=1000)] = 0.0,
    flip: bool = False,
    relu: bool = False,
) -> Experiment:
    """Lay a kernel on one place, multiply, add up: one number of the map.

    The map is filled in row by row up to that place; beyond the image there are zeros.

    ``flip`` turns the kernel by 180°, which makes the cross-correlation of networks the convolution
    of mathematics.

    Facts: ``patch``, ``products`` (rows), ``sum``, ``value`` (with bias and ReLU), ``here`` (the
    map's value at that place), ``difference`` between the two, ``turned`` (the sum with the kernel
    turned by another 180°), ``count`` of products, ``weights``, ``to_learn`` (with the bias),
    ``pixels``.
    """
    image = bench.laid.grey.astype(np.float64)
    weights = checked_kernel(kernel)
    weights = weights[::-1, ::-1] if flip else weights
    y, x = (int(np.clip(p, 0, n - 1)) for p, n in zip(place, image.shape, strict=True))
    patch = _windows(image, weights)[y, x]
    products = patch * weights
    total = float(products.sum())
    value = max(0.0, total + bias) if relu else total + bias
    answer = correlated(image, weights) + bias
    answer = np.maximum(answer, 0) if relu else answer
    where = placed(bench.laid)
    so_far = np.where(
        np.arange(answer.size).reshape(answer.shape) <= y * answer.shape[1] + x, answer, 0
    )
    rows = tuple((_row(patch[i]), _row(weights[i]), _row(products[i])) for i in range(len(weights)))
    yield Shown(
        title="One window, one number",
        kind="exact",
        pictures=(
            Picture("image", "image", image.astype(np.float32), **where),
            Picture("window", "window", _window(image, weights, y, x), **where, drawn=Drawn.LABELS),
            Picture("map", "map so far", so_far, **where, drawn=Drawn.SIGNED),
            Picture("whole", "whole map", answer, **where, drawn=Drawn.SIGNED, hidden=True),
        ),
        table=Table(("input", "weight", "product"), rows),
        facts={
            "patch": _plain(patch),
            "products": _plain(products),
            "sum": _number(total),
            "value": _number(value),
            "here": _number(answer[y, x]),
            "difference": float(abs(value - answer[y, x])),
            "count": int(weights.size),
            "weights": int(weights.size),
            "to_learn": int(weights.size) + 1,
            "turned": _number((patch * weights[::-1, ::-1]).sum()),
            "pixels": int(image.size),
            "place": [y, x],
        },
    )


def _window(image: NDArray[Any], weights: NDArray[Any], y: int, x: int) -> NDArray[np.uint8]:
    """1 where the kernel lies on the image, 0 elsewhere."""
    marked = np.zeros(image.shape, np.uint8)
    up, left = (side // 2 for side in weights.shape)
    marked[max(0, y - up) : y + up + 1, max(0, x - left) : x + left + 1] = 1
    return marked


@verb
def kernel_map(
    bench: Bench,
    *,
    preset: Literal["sobel x", "sobel y", "laplacian", "gaussian", "own"] = "sobel x",
    own: Grid = ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
) -> Experiment:
    """A kernel of the text or one's own over the whole image.

    Facts, all away from the image's rim, where the kernel would meet the zeros around it:
    ``highest`` and ``lowest`` in the upper and the left quarter, ``strongest`` of the two without
    its sign, ``columns`` (how many hold answers other than zero in the upper quarter) and ``rows``
    (the same in the left one), ``weights``.
    """
    image = bench.laid.grey.astype(np.float64)
    weights = checked_kernel(own if preset == "own" else PRESETS[preset])
    if any(side < 4 * wide for side, wide in zip(image.shape, weights.shape, strict=True)):
        raise LessonError(
            f"a kernel of {weights.shape} px needs an image of four times that, not {image.shape}."
        )
    answer = correlated(image, weights)
    inner = away_from_rim(answer, weights)
    upper, left = inner[: inner.shape[0] // 4], inner[:, : inner.shape[1] // 4]
    highest, lowest = max(upper.max(), left.max()), min(upper.min(), left.min())
    yield Shown(
        title=f"{preset.capitalize()} over the image",
        kind="exact",
        pictures=(Picture("map", preset, answer, **placed(bench.laid), drawn=Drawn.SIGNED),),
        facts={
            "highest": _number(highest),
            "lowest": _number(lowest),
            "strongest": _number(max(highest, -lowest)),
            "columns": int((np.abs(upper) > _NOTHING).any(axis=0).sum()),
            "rows": int((np.abs(left) > _NOTHING).any(axis=1).sum()),
            "weights": int(weights.size),
        },
    )


@verb
def noise_left(
    bench: Bench, *, preset: Literal["sobel x", "laplacian", "gaussian"] = "gaussian"
) -> Experiment:
    """White noise through a kernel: how much of its standard deviation is left.

    Facts: ``left`` (measured on 1024² pixels) and ``exactly`` (the root of the sum of squares).
    """
    noise = np.random.default_rng(bench.seed).standard_normal((1024, 1024))
    weights = checked_kernel(PRESETS[preset])
    through = correlated(noise, weights)[1:-1, 1:-1]
    yield Shown(
        title="Noise through a kernel",
        kind="exact",
        pictures=(
            Picture(
                "noise", "noise", noise[:128, :128].astype(np.float32), (1, 1), (0, 0), beside=True
            ),
            Picture(
                "through",
                preset,
                through[:128, :128].astype(np.float32),
                (1, 1),
                (0, 0),
                beside=True,
            ),
        ),
        facts={
            "left": float(through.std() / noise.std()),
            "exactly": float(np.sqrt((weights**2).sum())),
        },
    )


@verb
def groove_score(
    bench: Bench,
    *,
    kernel: Grid,
    noise: Annotated[float, Field(gt=0, le=2)] = 0.1,
    rim: Annotated[float, Field(ge=0, le=2)] = 0.3,
) -> Experiment:
    """How well the map of a kernel finds the floor of a groove between two bright rims.

    The floor is three pixels wide and as grey as the grains, the rims are one pixel wide.

    Facts: ``auc`` (the chance that a pixel of the floor's middle answers more than one elsewhere),
    ``presets`` (the same of the text's four kernels) and the ``best`` of them, ``width`` of the
    floor, ``needed`` (to see both rims) and ``size`` of the kernel in pixels.
    """
    side, middle, reach = 192, 96, _GROOVE_PX // 2 + 1
    grey = noise * np.random.default_rng([41, bench.seed]).standard_normal((side, side)) + 0.5
    grey[:, [middle - reach, middle + reach]] += rim
    truth = np.zeros(grey.shape, bool)
    truth[:, middle] = True
    weights = checked_kernel(kernel)
    answer = correlated(grey, weights)

    def score(found: NDArray[Any], used: NDArray[Any]) -> float:
        return area_under_roc(away_from_rim(found, used), away_from_rim(truth, used))

    tried = [checked_kernel(one) for one in PRESETS.values()]
    presets = [score(correlated(grey, one), one) for one in tried]
    yield Shown(
        title="A kernel for one kind of boundary",
        kind="exact",
        pictures=(
            Picture("groove", "groove", grey.astype(np.float32), (1, 1), (0, 0), beside=True),
            Picture("map", "its map", answer, (1, 1), (0, 0), drawn=Drawn.SIGNED, beside=True),
        ),
        facts={
            "auc": score(answer, weights),
            "presets": presets,
            "best": max(presets),
            "width": _GROOVE_PX,
            "needed": _GROOVE_PX + 2,
            "size": len(weights),
        },
    )


def correlated(image: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.float64]:
    """Cross-correlation (y, x) → (y, x) with zeros around the image."""
    windows = _windows(image, weights)
    found = np.zeros(np.shape(image))
    for place in zip(*np.nonzero(weights), strict=True):
        found += weights[place] * windows[:, :, place[0], place[1]]
    return found


def away_from_rim(answer: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """The part of a map (y, x) where the kernel lay wholly on the image."""
    reach = [side // 2 for side in weights.shape]
    inner: NDArray[Any] = answer[
        reach[0] : answer.shape[0] - reach[0], reach[1] : answer.shape[1] - reach[1]
    ]
    return inner


def _windows(image: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.float64]:
    reach = [(side // 2, side // 2) for side in weights.shape]
    padded = np.pad(np.asarray(image, dtype=np.float64), reach)
    return sliding_window_view(padded, weights.shape)


def checked_kernel(kernel: Any) -> NDArray[np.float64]:
    """The weights (rows, columns) of a kernel that has a middle; LessonError otherwise."""
    weights = np.asarray(kernel, dtype=np.float64)
    if weights.ndim != 2 or any(side % 2 == 0 for side in weights.shape):
        raise LessonError(
            f"a kernel has odd sides so that it has a middle, not {weights.shape}; the text's "
            "formula with Δ = (k − 1) / 2 holds for these alone."
        )
    return weights


def area_under_roc(values: NDArray[Any], truth: NDArray[np.bool_]) -> float:
    """Area under the ROC curve; equal values count half (Mann and Whitney 1947)."""
    flat = values.ravel()
    order = np.argsort(flat, kind="stable")
    ranks = np.empty(len(flat))
    ranks[order] = np.arange(1, len(flat) + 1)
    _, inverse, counts = np.unique(flat, return_inverse=True, return_counts=True)
    ranks = (np.bincount(inverse, ranks) / counts)[inverse]
    true = truth.ravel()
    n, m = int(true.sum()), int((~true).sum())
    return float((ranks[true].sum() - n * (n + 1) / 2) / (n * m))


def _row(values: NDArray[Any]) -> str:
    return "  ".join(f"{value:.4g}" for value in values)


def _number(value: Any) -> float | int:
    rounded = round(float(value), 6)  # what float32 pixels are good for
    return int(rounded) if rounded == int(rounded) else rounded


def _plain(values: NDArray[Any]) -> list[list[float | int]]:
    return [[_number(value) for value in row] for row in values]
