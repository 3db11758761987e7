"""How probable one class is, in its colour."""

from __future__ import annotations

import numpy as np

from unetscope.images.classes import LabelClass
from unetscope.session.result_kind import AnsweredTile, Ramp, ResultKind


def _of_chosen_class(tile: AnsweredTile) -> np.ndarray | None:
    """The probability of the class in the brush; None where the model does not know it."""
    values = list(tile.class_values)
    if tile.chosen_class not in values:
        return None
    return np.asarray(tile.probabilities[values.index(tile.chosen_class)])


def _ramp(shown: LabelClass | None) -> Ramp:
    """From clear to the class's colour."""
    color = shown.color if shown is not None else "#FFFFFF"
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return Ramp(f"probability {color}", ((red, green, blue, 0.0), (red, green, blue, 1.0)))


KIND = PROBABILITY = ResultKind(
    name="probability",
    tip="How probable the class in your brush is: clear to full colour.",
    answer=_of_chosen_class,
    ramp=_ramp,
    layer_name=lambda shown: f"probability of {shown.name}" if shown else "probability",
)
