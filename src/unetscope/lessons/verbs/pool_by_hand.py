"""Pooling by hand: numpy alone, so that it is there at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.lessons.bench import Bench, placed
from unetscope.lessons.registry import Experiment, verb
from unetscope.looking.answers import Picture, Shown

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


def pooled(image: NDArray[np.floating[Any]], window: int, kind: str) -> NDArray[np.floating[Any]]:
    """(y, x) → (y // window, x // window): the largest or the mean of every window."""
    rows, columns = (side // window for side in image.shape)
    blocks = image[: rows * window, : columns * window].reshape(rows, window, columns, window)
    found: NDArray[np.floating[Any]]
    found = blocks.max(axis=(1, 3)) if kind == "max" else blocks.mean(axis=(1, 3))
    return found


def _plain(value: Any) -> float | int:
    number = float(value)
    return int(number) if number == int(number) else round(number, 6)
