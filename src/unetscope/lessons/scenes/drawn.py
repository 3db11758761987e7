"""Images of numbers, and the synthetic micrographs."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.images.synthetic import SYNTHETIC
from unetscope.lessons.bench import Laid
from unetscope.lessons.declaration import Grid
from unetscope.lessons.registry import lesson_scene, nearest

Side = Annotated[int, Field(ge=16, le=1024)]


@lesson_scene
def numbers(seed: int, *, values: Grid) -> Laid:
    """A small image whose pixels are the numbers of the file, or of a control."""
    del seed
    return Laid(np.asarray(values, dtype=np.float32), "numbers")


@lesson_scene
def synthetic(
    seed: int,
    *,
    kind: str,
    side: Side = 256,
    first_seed: Annotated[int, Field(ge=0, le=10_000)] = 0,
    options: dict[str, float | int | str | bool | None] | None = None,
) -> Laid:
    """A synthetic micrograph with its truth; ``options`` are those of its kind."""
    if kind not in SYNTHETIC:
        raise LessonError(f"there is no synthetic image {kind!r}{nearest(kind, SYNTHETIC)}")
    told: dict[str, Any] = dict(options or {})
    made = SYNTHETIC[kind]((side, side), seed=first_seed + seed, **told)
    sizes = made.image.pixel_size or (1.0, 1.0)
    return Laid(
        np.asarray(made.image.pixels, dtype=np.float32),
        kind,
        (float(sizes[0]), float(sizes[-1])),
        made.image.unit or "",
        labels=made.labels,
        truth="drawn",
        class_names=made.class_names,
    )
