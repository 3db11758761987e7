"""How to fine-tune, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field

from unetscope.learning.augmentation import AugmentOptions


@dataclass(frozen=True)
class TrainOptions:
    """How to fine-tune; the defaults are what experiments found best (docs/tried.md).

    Attributes
    ----------
    max_seconds : time budget in seconds of work (pauses do not count); None: until the plateau.
    max_epochs, steps_per_epoch : an epoch is a fixed number of steps, then the check.
    patience_epochs : stop after so many epochs without a gain on held-back pixels.
    learning_rate, weight_decay : of AdamW. The rate falls to nearly nothing at the end of the
        budget, or in the last epochs once nothing is gained any more; of several devices it stays.
    mask_speed : the rate where labels are dense masks, in that of strokes.
    patch_px, batch_size : size and number of the patches of a step.
    dice_weight : weight of the Dice loss beside cross-entropy.
    guide_weight : weight of staying near the instant answer where nothing is labelled; 0 leaves
        unlabelled pixels without any influence.
    average_decay : of the exponential average of the weights, which is what answers.
    validation_fraction : share of the labels held back.
    precision : a :class:`Precision`.
    devices : how many train together, each with batches of its own in a process of its own; GPUs,
        or on the CPU parts of its cores.
    """

    max_seconds: float | None = 60.0
    max_epochs: int = 500
    steps_per_epoch: int = 20
    patience_epochs: int = 15
    learning_rate: float = 5e-4
    weight_decay: float = 1e-4
    mask_speed: float = 2.0
    patch_px: int = 128
    batch_size: int = 4
    dice_weight: float = 0.5
    guide_weight: float = 1.0
    average_decay: float = 0.98
    validation_fraction: float = 0.2
    augmentation: AugmentOptions = field(default_factory=AugmentOptions)
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    devices: int = 1
