"""Images of numbers, and the synthetic micrographs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from unetscope.errors import LessonError
from unetscope.lessons.bench import Laid
from unetscope.lessons.declaration import Grid
from unetscope.lessons.registry import lesson_scene, nearest
from unetscope.looking.lazily import Lazily

if TYPE_CHECKING:
    from unetscope.images import synthetic as drawing
else:
    drawing = Lazily("unetscope.images.synthetic")  # and much of scipy: when one is drawn

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
    known = drawing.EVERY_SCENE
    if kind not in known:
        raise LessonError(f"there is no synthetic image {kind!r}{nearest(kind, known)}")
    told: dict[str, Any] = dict(options or {})
    made = known[kind]((side, side), seed=first_seed + seed, **told)
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
