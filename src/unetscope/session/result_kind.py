"""What a kind of result is: how a tile of it is computed, and the layer it becomes.

A kind is one file in ``session/results``, or one that is registered there. It says all in plain
values: the engine, which knows no napari, asks it for numbers, and the layer room draws them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from unetscope.images.classes import LabelClass


@dataclass(frozen=True, eq=False)
class AnsweredTile:
    """What a model says of a tile of an image.

    ``labels``: class values, (y, x) or (1, y, x). ``probabilities``: (class, …) float32 in the
    order of ``class_values``; without classes, (0, …), where only the mask was asked for.
    ``chosen_class`` is the value of the class in the brush, which the model may not know.
    """

    labels: np.ndarray = field(repr=False)
    probabilities: np.ndarray = field(repr=False)
    class_values: Sequence[int]
    chosen_class: int


@dataclass(frozen=True)
class Ramp:
    """Colours from the lowest to the highest value, RGBA from 0 to 1, under a name of their own."""

    name: str
    colors: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True, eq=False)
class ResultKind:
    """A way to look at an answer.

    Parameters
    ----------
    name : the word on its button, and in the metadata of its layers.
    tip : what it shows, in a sentence.
    answer : a tile → values of the shape of its labels, or None where there is nothing to show.
    ramp : None makes a labels layer of class values in the colours of the classes, which can be
        outlined. Else it is an image layer: the name of a colormap of napari, which a person may
        change, or a function of the class that the layer is about (None: no class is known).
    limits : the values that the two ends of the ramp stand for.
    layer_name : what a layer is called (its version is added), by the class that it is about; the
        kind's name where that is not given.
    key : the key that shows it, as napari writes it ("F9"); "" for none.
    """

    name: str
    tip: str
    answer: Callable[[AnsweredTile], np.ndarray | None]
    ramp: str | Callable[[LabelClass | None], Ramp] | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    layer_name: Callable[[LabelClass | None], str] | None = None
    key: str = ""

    @property
    def title(self) -> str:
        """What its button says."""
        return self.name.capitalize()

    @property
    def has_areas(self) -> bool:
        """Whether its layers are areas of classes, rather than an image."""
        return self.ramp is None
