"""What an experiment works on: an image with its pixel size, maybe its truth, maybe a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unetscope.errors import LessonError
from unetscope.images.micrograph import Micrograph


@dataclass(frozen=True, eq=False)
class Laid:
    """An image on the bench.

    Attributes
    ----------
    pixels : (y, x) or (y, x, channel), float32, in the grey values it came with.
    name : what it is called.
    pixel_size : edges (y, x) of a pixel in ``unit``; (1, 1) and "" where unknown.
    origin : where its first pixel lies in the image it was cut from, (y, x) in pixels.
    labels : (y, x) whole numbers, 0 where nobody said; None where there are none.
    truth : what stands for the truth: "drawn" (a synthetic image), "strokes", "mask" or "".
    class_names : of the values from 1.
    own : whether it is the learner's own.
    """

    pixels: NDArray[np.float32]
    name: str
    pixel_size: tuple[float, float] = (1.0, 1.0)
    unit: str = ""
    origin: tuple[int, int] = (0, 0)
    labels: NDArray[np.integer[Any]] | None = None
    truth: str = ""
    class_names: tuple[str, ...] = ()
    own: bool = False

    @property
    def grey(self) -> NDArray[np.float32]:
        """(y, x): the mean of the channels where there are several."""
        if self.pixels.ndim == 2:
            return self.pixels
        return np.asarray(self.pixels.mean(axis=2), dtype=np.float32)

    def micrograph(self) -> Micrograph:
        """The image as the engine takes it."""
        axes = "yx" if self.pixels.ndim == 2 else "yxc"
        size = self.pixel_size if self.unit else None
        return Micrograph(self.pixels, axes, size, self.unit or None, self.name)

    @property
    def range01(self) -> NDArray[np.float32]:
        """:attr:`grey` from the 1st to the 99th percentile as 0 to 1, not clipped."""
        low, high = np.percentile(self.grey, (1, 99))
        return np.asarray((self.grey - low) / max(float(high - low), 1e-12), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Bench:
    """What a verb is given.

    Attributes
    ----------
    laid : the image.
    net : a network ``(1, channel, y, x) → (1, class, y, x)``, or None.
    net_name : what it is called.
    seed : one seed, one result.
    kept : what a verb made once and may use again while the image stays; by its own name.
    """

    laid: Laid
    net: Any = None
    net_name: str = ""
    seed: int = 0
    kept: dict[str, Any] = field(default_factory=dict)

    def truth(self) -> NDArray[np.integer[Any]]:
        """Labels of the image.

        Raises
        ------
        LessonError
            If there are none: says what would stand in for them.
        """
        if self.laid.labels is None or not np.any(self.laid.labels):
            raise LessonError(
                "this needs to know what is right: paint a few strokes of each class, "
                "or look at it on the text's own image."
            )
        return self.laid.labels

    def network(self) -> Any:
        """The network.

        Raises
        ------
        LessonError
            If there is none.
        """
        if self.net is None:
            raise LessonError("this needs a network: train one, or choose the bundled one.")
        return self.net


def placed(laid: Laid, stride: float = 1.0, first: float = 0.0) -> Mapping[str, Any]:
    """``scale`` and ``translate`` of a picture whose cell u lies on pixel ``stride·u + first``."""
    return {
        "scale": (stride, stride),
        "translate": (laid.origin[0] + first, laid.origin[1] + first),
    }
