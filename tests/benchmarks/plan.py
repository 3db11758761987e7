"""How much is measured: the full run of ``make bench`` and the small ``make bench-quick``."""

from __future__ import annotations

from dataclasses import dataclass

STROKES_PER_CLASS = (1, 2, 5, 10, 20, 40)
CHECKPOINTS_S = (2.0, 5.0, 10.0, 30.0, 60.0)

QUALITY = ("baselines", "own errors", "instant", "scratch", "training", "corrective")
OTHERS = ("baselines", "own errors", "scratch")  # their rows do not depend on our weights
UNHURRIED = ("baselines", "own errors", "instant")  # Dice does not depend on how busy a machine is
# About what a unit takes, before one was measured.
SECONDS_A_UNIT = {
    "baselines": 10.0,
    "own errors": 12.0,
    "instant": 4.0,
    "scratch": 75.0,
    "training": 85.0,
    "corrective": 120.0,
}


@dataclass(frozen=True)
class Plan:
    """Sizes of one run.

    ``pairs`` of images a set are tasks of up to ``crop_px``; what is instant is measured with
    ``seeds`` sets of strokes, the slower baselines with ``slow_seeds`` of them, what takes seconds
    of training with ``training_seeds``, and is looked at after ``checkpoints_s``.
    """

    pairs: int = 2
    crop_px: int = 768
    only_unseen: bool = False
    tasks: int | None = None  # None: all of them
    strokes_per_class: tuple[int, ...] = STROKES_PER_CLASS
    seeds: int = 5
    slow_seeds: int = 2
    training_strokes: tuple[int, ...] = (5, 20)
    training_seeds: int = 1
    checkpoints_s: tuple[float, ...] = CHECKPOINTS_S
    first_strokes: int = 2  # of a class, before corrections
    rounds: int = 3
    corrections: int = 5  # strokes a round
    round_s: float = 20.0
    strokes: int = 50  # from here on: what is timed
    smooth_strokes: int = 1000
    starts: int = 9
    repeats: int = 9
    bootstrap: int = 10_000
    networks: int = 500  # random ones, whose receptive fields are checked
    inputs: int = 32  # of an effective receptive field


FULL = Plan()
QUICK = Plan(
    pairs=1,
    crop_px=256,
    only_unseen=True,
    tasks=2,
    strokes_per_class=(2, 5, 20),
    seeds=1,
    slow_seeds=1,
    checkpoints_s=(2.0, 4.0),
    rounds=2,
    round_s=2.0,
    strokes=5,
    smooth_strokes=60,
    starts=2,
    repeats=2,
    bootstrap=500,
    networks=20,
    inputs=4,
)
