"""An image, and which part of it is meant."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from unetscope.images.micrograph import Micrograph

Box = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Target:
    """An image to predict or to look at: where first (``view`` on plane ``z``; None: all of it).

    ``seen``: the image as the model is to see it where that is not as it is: resampled to other
    pixels (:func:`unetscope.images.rescaled.resampled`).
    """

    key: str
    image: Micrograph
    z: int = 0
    view: Box | None = None
    seen: Micrograph | None = None

    @property
    def seen_view(self) -> Box | None:
        """The view in pixels of what the model sees."""
        if self.seen is None or self.view is None:
            return self.view
        sides = zip(self.view, self.seen.pixels.factors, self.seen.spatial_shape[-2:], strict=True)
        rows, columns = (
            slice(int(part.start * factor), min(ceil(part.stop * factor), length))
            for part, factor, length in sides
        )
        return rows, columns
