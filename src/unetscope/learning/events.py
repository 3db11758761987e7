"""What learning and prediction tell while they run: small frozen events, yielded by iterators.

Window, command line and notebook all read the same stream. No event carries a callback; arrays
in an event are fresh and belong to whoever receives it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from unetscope.learning.end_reason import EndReason

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel
    from unetscope.network.unet import UNet


# A class is judged by at least so many held-back strokes and pixels; of dense labels, which are
# few strokes, by so many pixels.
LEAST_STROKES, LEAST_PX, DENSE_PX = 3, 50, 10_000


@dataclass(frozen=True)
class Validation:
    """Scores on held-back strokes, which no training pixel could see.

    They say how often held-back pixels are answered as they are painted, not how good the
    segmentation is: strokes lie inside of regions, and are few.

    ``dice`` and ``iou`` map class value to score, ``strokes`` and ``class_pixels`` to the number of
    held-back strokes (connected pieces) and pixels. ``kind`` is ``"image"`` (whole images held
    back) or ``"block"`` (places at least a receptive field away from every training stroke).
    """

    dice: dict[int, float]
    iou: dict[int, float]
    loss: float
    pixels: int
    kind: str
    strokes: dict[int, int] = field(default_factory=dict)
    class_pixels: dict[int, int] = field(default_factory=dict)

    @property
    def told(self) -> dict[int, float]:
        """Dice of the classes with enough held-back strokes to say one."""
        return {value: dice for value, dice in self.dice.items() if self._is_told(value)}

    @property
    def told_strokes(self) -> int:
        """How many held-back strokes stand behind :attr:`told`."""
        return sum(self.strokes[value] for value in self.told)

    @property
    def mean_dice(self) -> float:
        """Unweighted mean of :attr:`told`; NaN where there is none."""
        return float(np.mean(list(self.told.values()))) if self.told else float("nan")

    def said(self, name: Callable[[int], str], most_named: int = 9) -> str:
        """The scores in words, ``name(value)`` being what a class is called."""
        told = self.told
        if not told:
            return "too few held-back strokes to say a score"
        if len(self.dice) > most_named:
            figures = f"{self.mean_dice:.2f} in the mean"
        else:
            figures = " · ".join(f"{name(value)} {dice:.2f}" for value, dice in told.items())
        text = f"{figures} on {self.witnesses}"
        if hidden := [name(value) for value in self.dice if value not in told]:
            text += f"; {', '.join(hidden)}: too few held-back strokes to say"
        return text

    @property
    def witnesses(self) -> str:
        """How much stands behind :attr:`told`, in words: "9 held-back strokes"."""
        strokes = self.told_strokes
        words = f"{strokes} held-back stroke{'s' * (strokes != 1)}"
        if strokes >= LEAST_STROKES * len(self.told):
            return words
        return f"{words} ({sum(self.class_pixels[value] for value in self.told):,} px)"

    def _is_told(self, value: int) -> bool:
        strokes, pixels = self.strokes.get(value, 0), self.class_pixels.get(value, 0)
        return (strokes >= LEAST_STROKES and pixels >= LEAST_PX) or pixels >= DENSE_PX


@dataclass(frozen=True)
class Started:
    """Training has begun. ``validation_note`` says how pixels are held back, or why none are."""

    device: str
    precision: str
    training_pixels: dict[int, int]  # class value -> labelled pixels trained on
    validation_pixels: int
    validation_note: str


@dataclass(frozen=True)
class HeadFitted:
    """The instant head was solved in closed form; ``model`` answers already."""

    model: PixelModel
    seconds: float
    pixels: dict[int, int]  # class value -> labelled pixels
    with_forest: bool


@dataclass(frozen=True)
class StepDone:
    """One optimiser step."""

    step: int
    loss: float
    seconds: float  # since the first step began, pauses not counted


@dataclass(frozen=True)
class EpochDone:
    """A round of steps, checked on held-back pixels.

    ``model`` is the best model so far; ``network_weight`` (0 to 1) is the share the fine-tuned
    network has in what ``model`` answers, as held-back strokes chose it. ``newest`` is the network
    of this epoch, better or not: a copy, to look inside.
    """

    epoch: int
    seconds: float
    train_loss: float
    validation: Validation | None
    network_weight: float
    improved: bool
    model: PixelModel
    newest: UNet | None = None


@dataclass(frozen=True)
class Notice:
    """Something the user should know, in plain words (out of memory, too few labels, ...)."""

    text: str


@dataclass(frozen=True)
class Finished:
    """Training ended, and why."""

    reason: EndReason
    model: PixelModel
    best_epoch: int
    seconds: float
    validation: Validation | None


@dataclass(frozen=True)
class TileDone:
    """One tile of a prediction.

    ``region``: slices of the image's spatial axes ((y, x), or (z, y, x) with a slice of one plane).
    ``labels``: (y, x) class values; ``probabilities``: (class, y, x) float32 or None.
    """

    done: int
    total: int
    region: tuple[slice, ...]
    labels: np.ndarray = field(repr=False)
    probabilities: np.ndarray | None = field(repr=False, default=None)


@dataclass(frozen=True)
class Surprise:
    """How unlike an image is to those a model learned from.

    Attributes
    ----------
    score
        Distance from the training images; above 1 none of them is as far from the others, with
        what so few of them leave open. Without a verdict in arbitrary units.
    unlike
        In words, what is odd; empty where nothing is.
    unjudged
        Why there is no verdict, in words; empty where there is one.
    """

    score: float
    unlike: str = ""
    unjudged: str = ""


LearningEvent = Started | HeadFitted | StepDone | EpochDone | Notice | Finished
PredictionEvent = TileDone | Notice
