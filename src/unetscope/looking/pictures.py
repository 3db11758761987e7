"""Pictures that several questions show, and how values become pictures."""

from __future__ import annotations

import numpy as np

from unetscope.looking.answers import Drawn, Picture
from unetscope.looking.glass import Glass
from unetscope.looking.window import class_values, in_image


def drawn_as(values: np.ndarray) -> Drawn:
    """About zero where there are values below it."""
    return Drawn.SIGNED if values.min() < 0 else Drawn.MAP


def map_limits(values: np.ndarray) -> tuple[float, float]:
    """Contrast limits of maps: about zero where they have a sign, without the highest 0.1 %."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    some = finite[:: max(1, finite.size // 200_000)]
    high = float(np.percentile(np.abs(some), 99.9)) or float(np.abs(finite).max()) or 1.0
    return (-high, high) if finite.min() < 0 else (0.0, high)


def change_pictures(
    glass: Glass,
    mask: np.ndarray,
    changed: np.ndarray,
    change: np.ndarray,
    title: str,
    *,
    hidden: bool = False,
) -> tuple[Picture, ...]:
    """The change of probability, and what class the pixels that changed have now.

    ``mask`` and ``changed`` ([z,] y, x) and ``change`` (class, [z,] y, x) are of the window of
    questions.
    """
    scale, place = (1.0,) * mask.ndim, in_image(glass, (0.0,) * mask.ndim)
    high = float(np.abs(change).max()) or 1.0
    shown = Picture(
        "changed probability",
        f"change of probability, {title}",
        change.astype(np.float32),
        scale,
        place,
        Drawn.CHANGE,
        lead=("class",),
        start=(len(change) - 1,),
        limits=(-high, high),
        hidden=hidden,
    )
    after = Picture(
        "changed mask",
        f"changed pixels, {title}",
        np.where(changed, class_values(glass, mask), 0),
        scale,
        place,
        Drawn.LABELS,
        hidden=hidden,
    )
    return shown, after
