"""An image, and which part of it is meant."""

from __future__ import annotations

from dataclasses import dataclass

from unetscope.images.micrograph import Micrograph

Box = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Target:
    """An image to predict or to look at: where first (``view`` on plane ``z``; None: all of it)."""

    key: str
    image: Micrograph
    z: int = 0
    view: Box | None = None
