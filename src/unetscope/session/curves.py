"""The learning curves a plot draws: bounded, immutable, built from training events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from unetscope.learning.events import EpochDone, StepDone

MAX_POINTS = 1000
_Point = TypeVar("_Point")


@dataclass(frozen=True)
class Curves:
    """Points over seconds of training: losses, and held-back Dice per class value."""

    step_loss: tuple[tuple[float, float], ...] = ()
    train_loss: tuple[tuple[float, float], ...] = ()
    validation_loss: tuple[tuple[float, float], ...] = ()
    dice: tuple[tuple[float, dict[int, float]], ...] = ()
    best_s: float | None = None

    @property
    def empty(self) -> bool:
        """True before the first step."""
        return not (self.step_loss or self.train_loss)

    def with_step(self, event: StepDone) -> Curves:
        """With one more step; the older half is thinned when there are too many points."""
        return replace(self, step_loss=_bounded((*self.step_loss, (event.seconds, event.loss))))

    def with_epoch(self, event: EpochDone) -> Curves:
        """With one more epoch and, where pixels are held back, its scores."""
        grown = replace(
            self,
            train_loss=_bounded((*self.train_loss, (event.seconds, event.train_loss))),
            best_s=event.seconds if event.improved else self.best_s,
        )
        if event.validation is None:
            return grown
        return replace(
            grown,
            validation_loss=_bounded(
                (*self.validation_loss, (event.seconds, event.validation.loss))
            ),
            dice=_bounded((*self.dice, (event.seconds, event.validation.told))),
        )


def _bounded(points: tuple[_Point, ...]) -> tuple[_Point, ...]:
    if len(points) <= MAX_POINTS:
        return points
    half = len(points) // 2
    return points[:half:2] + points[half:]
