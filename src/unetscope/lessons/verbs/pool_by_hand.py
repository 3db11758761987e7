"""Pooling by hand: numpy alone, so that it is there at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.declaration import Grid
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Drawn, Picture, Shown, Table

Window = Annotated[int, Field(ge=2, le=16)]


@verb
def pool(
    bench: Bench,
    *,
    kind: Literal["max", "average"] = "max",
    window: Window = 2,
    shift: Annotated[int, Field(ge=-64, le=64)] = 0,
) -> Experiment:
    """Pool the image, moved by ``shift`` pixels to the right (around its edge), without overlap.

    Facts: ``pooled`` rows of the first 8 × 8 cells; ``unchanged`` the share of cells that keep
    their value although the image moved; ``moved`` the share whose value is that of the cell
    ``shift / window`` to their left; ``cells`` and ``pixels`` their numbers.
    """
    image = bench.laid.grey
    if min(image.shape) < window:
        raise LessonError(f"a window of {window} px does not fit an image of {image.shape} px.")
    still = pooled(image, window, kind)
    now = pooled(np.roll(image, shift, axis=1), window, kind)
    cells = shift // window
    whole = shift % window == 0 and image.shape[1] % window == 0
    along = np.roll(still, cells, axis=1) if whole else None
    facts: dict[str, Any] = {
        "pooled": [[_plain(value) for value in row] for row in now[:8, :8]],
        "unchanged": float((now == still).mean()),
        "moved": float((now == along).mean()) if along is not None else 0.0,
        "cells": int(now.size),
        "pixels": int(image.size),
        "weights": 0,
    }
    where = placed(bench.laid, window, (window - 1) / 2)
    yield Shown(
        title=f"{kind.capitalize()} pooling, {window} × {window}",
        kind="exact",
        pictures=(Picture("pooled", f"{kind} pooling", now, **where),),
        facts=facts,
    )


@verb
def pool_block(bench: Bench, *, values: Grid = ((7, 2), (1, 2))) -> Experiment:
    """One block: its largest number and its mean.

    Facts: ``largest``, ``mean``, ``count``.
    """
    block = np.asarray(values, dtype=np.float64)
    yield Shown(
        title="One block, two answers",
        kind="exact",
        facts={
            "largest": _plain(block.max()),
            "mean": _plain(block.mean()),
            "count": int(block.size),
        },
    )


@verb
def move_in_window(
    bench: Bench, *, kind: Literal["max", "average"] = "max", window: Window = 2
) -> Experiment:
    """Move the largest number of the first window to every other place of it, and out of it.

    It changes places with the number that stands there.

    Facts: ``largest``; ``places`` (others in its window) and ``kept`` (those where the pooled value
    stays); ``out`` (the pooled value when it changes places with its neighbour right of the
    window) and ``before``.
    """
    image = bench.laid.grey.astype(np.float64)
    if image.shape[0] < window or image.shape[1] <= window:
        raise LessonError(f"this needs an image of more than {window} px, not {image.shape} px.")
    block = image[:window, :window]
    y, x = np.unravel_index(int(block.argmax()), block.shape)
    before = _pooled_first(image, window, kind)
    others = [place for place in np.ndindex(window, window) if place != (y, x)]
    after = [_pooled_first(_exchanged(image, (y, x), place), window, kind) for place in others]
    out = _pooled_first(_exchanged(image, (y, x), (int(y), window)), window, kind)
    yield Shown(
        title="Moves within a window, and out of it",
        kind="exact",
        table=Table(
            ("moved to", "pooled"),
            tuple((f"{a}, {b}", _plain(v)) for (a, b), v in zip(others, after, strict=True)),
        ),
        facts={
            "largest": _plain(block.max()),
            "places": len(others),
            "kept": sum(abs(value - before) < 1e-9 for value in after),
            "before": _plain(before),
            "out": _plain(out),
        },
    )


@verb
def pool_both(bench: Bench, *, window: Window = 2) -> Experiment:
    """Largest and mean of every window of the image, and their difference.

    Facts: ``widest`` and ``usual`` (largest and mean difference), ``flat`` (share of windows where
    both are equal), ``never_less`` (whether the largest is nowhere below the mean), ``cells``.
    """
    image = bench.laid.grey.astype(np.float64)
    if min(image.shape) < window:
        raise LessonError(f"a window of {window} px does not fit an image of {image.shape} px.")
    largest, mean = (pooled(image, window, kind) for kind in ("max", "average"))
    difference = largest - mean
    where = placed(bench.laid, window, (window - 1) / 2)
    yield Shown(
        title="Both poolings of one image",
        kind="exact",
        pictures=(
            Picture("largest", "largest", largest, **where, hidden=True),
            Picture("mean", "mean", mean, **where, hidden=True),
            Picture("difference", "largest minus mean", difference, **where, drawn=Drawn.HEAT),
        ),
        facts={
            "widest": _plain(difference.max()),
            "usual": _plain(difference.mean()),
            "flat": float((difference < 1e-9).mean()),
            "never_less": bool((difference > -1e-9).all()),
            "cells": int(difference.size),
        },
    )


def pooled(image: NDArray[np.floating[Any]], window: int, kind: str) -> NDArray[np.floating[Any]]:
    """(y, x) → (y // window, x // window): the largest or the mean of every window."""
    rows, columns = (side // window for side in image.shape)
    blocks = image[: rows * window, : columns * window].reshape(rows, window, columns, window)
    found: NDArray[np.floating[Any]]
    found = blocks.max(axis=(1, 3)) if kind == "max" else blocks.mean(axis=(1, 3))
    return found


def _pooled_first(image: NDArray[np.floating[Any]], window: int, kind: str) -> float:
    return float(pooled(image[:window, :window], window, kind)[0, 0])


def _exchanged(
    image: NDArray[np.floating[Any]], one: tuple[Any, Any], other: tuple[int, int]
) -> NDArray[np.floating[Any]]:
    changed = image.copy()
    changed[one], changed[other] = image[other], image[one]
    return changed


def _plain(value: Any) -> float | int:
    number = float(value)
    return int(number) if number == int(number) else round(number, 6)
