"""Two grains of even grey: what kernels set by hand are tried on."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from unetscope.lessons.bench import Laid
from unetscope.lessons.registry import lesson_scene


@lesson_scene
def two_grains(
    seed: int,
    *,
    side: Annotated[int, Field(ge=16, le=1024)] = 64,
    step: Annotated[float, Field(ge=-1, le=1)] = 0.4,
    noise: Annotated[float, Field(ge=0, le=1)] = 0.0,
) -> Laid:
    """A grain in the upper left corner, brighter by ``step``; its boundary has the shape of an L.

    White noise of standard deviation ``noise`` is all that is drawn from the seed. Grey values are
    0.25 and 0.25 + step; the classes are outer and inner grain.
    """
    inner = np.zeros((side, side), bool)
    inner[: side * 5 // 8, : side * 5 // 8] = True
    grey = np.where(inner, 0.25 + step, 0.25)
    grey = grey + noise * np.random.default_rng([31, seed]).standard_normal(grey.shape)
    return Laid(
        grey.astype(np.float32),
        "two grains",
        labels=np.where(inner, 2, 1),
        truth="drawn",
        class_names=("outer grain", "inner grain"),
    )
