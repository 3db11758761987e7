"""What learning and prediction tell while they run: small frozen events, yielded by iterators.

Window, command line and notebook all read the same stream. No event carries a callback; arrays
in an event are fresh and belong to whoever receives it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from unetscope.learning.pixel_model import PixelModel
    from unetscope.network.unet import UNet


@dataclass(frozen=True)
class Validation:
    """An honest figure: scores on held-back pixels no training pixel could see.

    ``dice`` and ``iou`` map class value to score. ``kind`` is ``"image"`` (whole images held back)
    or ``"block"`` (places at least a receptive field away from every training stroke).
    """

    dice: dict[int, float]
    iou: dict[int, float]
    loss: float
    pixels: int
    kind: str

    @property
    def mean_dice(self) -> float:
        """Unweighted mean over the classes present."""
        return float(np.mean(list(self.dice.values()))) if self.dice else float("nan")


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
    seconds: float  # since training began, pauses not counted


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
    """Training ended; ``reason`` is ``"time"``, ``"plateau"``, ``"stopped"`` or ``"steps"``."""

    reason: str
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


LearningEvent = Started | HeadFitted | StepDone | EpochDone | Notice | Finished
PredictionEvent = TileDone | Notice
