"""How much is measured: the full run of ``make bench`` and the small ``make bench-quick``."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.quality import CHECKPOINTS_S


@dataclass(frozen=True)
class Plan:
    """Sizes of one run.

    ``pairs`` of images a set, each with ``seeds`` sets of strokes for the instant answer;
    fine-tuning takes seed 0 and is looked at after ``checkpoints_s`` seconds.
    """

    pairs: int = 2
    seeds: int = 5
    crop_px: int = 768
    only_unseen: bool = False
    training_tasks: int | None = None  # None: all of them
    checkpoints_s: tuple[float, ...] = CHECKPOINTS_S
    strokes: int = 50
    smooth_strokes: int = 1000
    starts: int = 9
    repeats: int = 9
    bootstrap: int = 10_000
    networks: int = 500  # random ones, whose receptive fields are checked
    inputs: int = 32  # of an effective receptive field


FULL = Plan()
QUICK = Plan(
    pairs=1,
    seeds=1,
    crop_px=256,
    only_unseen=True,
    training_tasks=2,
    checkpoints_s=(2.0, 4.0),
    strokes=5,
    smooth_strokes=60,
    starts=2,
    repeats=2,
    bootstrap=500,
    networks=20,
    inputs=4,
)
